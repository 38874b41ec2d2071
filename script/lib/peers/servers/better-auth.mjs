// Starts better-auth with its OAuth provider: better-auth.mjs PORT DATABASE_URL REUSE_SECONDS. Two processes share one
// Postgres. The first line of output has the ids of two clients.
import cluster from "node:cluster";
import { createServer } from "node:http";
import { oauthProvider } from "@better-auth/oauth-provider";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { jwt } from "better-auth/plugins";
import pg from "pg";

const [port, url, reuse] = process.argv.slice(2);
const base = `http://127.0.0.1:${port}`;

const pool = new pg.Pool({ connectionString: url });
const auth = betterAuth({
  baseURL: base,
  secret: "a secret for this check only, of enough characters",
  database: pool,
  // The cost of a password matters to sign-ins only.
  emailAndPassword: { enabled: true, password: { hash: async (text) => text, verify: async ({ hash, password }) => hash === password } },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  plugins: [
    jwt(),
    oauthProvider({
      loginPage: "/login", consentPage: "/consent", scopes: ["openid", "offline_access", "email"],
      refreshTokenReuseInterval: Number(reuse), silenceWarnings: { oauthAuthServerConfig: true, openidConfig: true },
    }),
  ],
});

/** The clients, which the first start registers. */
async function clientIds() {
  const { rows } = await pool.query('SELECT "clientId" FROM "oauthClient" ORDER BY "createdAt"');
  if (rows.length > 0) return rows.map((row) => row.clientId);
  const { headers } = await auth.api.signUpEmail({
    body: { email: "admin@example.com", password: "a-long-enough-secret", name: "Admin" }, returnHeaders: true,
  });
  const cookie = headers.getSetCookie().map((one) => one.split(";")[0]).join("; ");
  const create = () => auth.api.adminCreateOAuthClient({
    headers: new Headers({ cookie }),
    body: {
      redirect_uris: ["http://127.0.0.1/callback"], token_endpoint_auth_method: "none", application_type: "native",
      grant_types: ["authorization_code", "refresh_token"], skip_consent: true, scope: "openid offline_access email",
    },
  });
  return [(await create()).client_id, (await create()).client_id];
}

if (cluster.isPrimary) {
  await (await getMigrations(auth.options)).runMigrations();
  console.log((await clientIds()).join(" "));
  for (let worker = 0; worker < 2; worker += 1) cluster.fork();
} else {
  createServer(toNodeHandler(auth)).listen(Number(port), "127.0.0.1");
}
