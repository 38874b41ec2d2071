// Starts npm oidc-provider: oidc-provider.mjs PORT ADAPTER [REDIS_PORT]. ADAPTER is `memory` (its own) or a form
// of redis-adapter.mjs; with Redis there are two processes. Users sign in at its own pages, with any password.
import cluster from "node:cluster";
import { generateKeyPairSync } from "node:crypto";
import { Redis } from "ioredis";
import Provider from "oidc-provider";
import { redisAdapter } from "./redis-adapter.mjs";

const [port, adapter, redisPort] = process.argv.slice(2);
const jwk = () => generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });

function serve() {
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    adapter: adapter === "memory" ? undefined : redisAdapter(new Redis(Number(redisPort)), adapter),
    clients: ["torture", "other"].map((client_id) => ({
      client_id, token_endpoint_auth_method: "none", application_type: "native",
      redirect_uris: ["http://127.0.0.1/callback"], grant_types: ["authorization_code", "refresh_token"],
    })),
    claims: { openid: ["sub"], email: ["email"] },
    features: { revocation: { enabled: true } },
    rotateRefreshToken: true,
    ttl: { AccessToken: 3600, RefreshToken: 86400, Grant: 86400, Session: 86400, Interaction: 3600 },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    cookies: { keys: ["for this check only"] },
    // The same key in each process.
    jwks: { keys: [JSON.parse(process.env.PEER_JWK)] },
  });
  provider.listen(Number(port), "127.0.0.1");
}

if (adapter !== "memory" && cluster.isPrimary) {
  for (let worker = 0; worker < 2; worker += 1) cluster.fork({ PEER_JWK: JSON.stringify(globalThis.key ??= jwk()) });
} else {
  process.env.PEER_JWK ??= JSON.stringify(jwk());
  serve();
}
