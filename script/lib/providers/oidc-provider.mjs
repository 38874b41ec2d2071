// Starts npm oidc-provider: node oidc-provider.mjs FOLDER_OF_THE_PACKAGE PORT REDIRECT_URI SECRET. It demands PKCE and a nonce,
// tells addresses in the profile only, and announces `iss` (RFC 9207). Members sign in at its own pages, with any password.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, port, redirectUri, secret] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(createRequire(`${folder}/`).resolve("oidc-provider")));

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: "heirloom", client_secret: secret, redirect_uris: [redirectUri] }],
  pkce: { required: () => true },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, name: "Alice" }),
  }),
  cookies: { keys: ["for this check only"] },
});
provider.listen(Number(port), "127.0.0.1");
