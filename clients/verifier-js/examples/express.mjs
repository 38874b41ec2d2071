// Express: npm install express heirloom-verifier, then
// AUTH_ISSUER=https://auth.example.com AUTH_AUDIENCE=https://api.example.com AUTH_FEED_KEY=... node express.mjs
import express from 'express';
import { bearer, refusal, VerificationError, Verifier } from 'heirloom-verifier';

const { AUTH_ISSUER, AUTH_AUDIENCE, AUTH_FEED_KEY, PORT = '3000' } = process.env;
const verifier = new Verifier({
  issuer: AUTH_ISSUER,
  audience: AUTH_AUDIENCE,
  feedKey: AUTH_FEED_KEY,
  onState: (state, reason) => console.error(`revocations: ${state} ${reason}`),
});

/** Lets requests with a good token pass; the claims are in `request.claims`. */
async function signedIn(request, response, next) {
  const token = bearer(request.headers.authorization);
  let answer = refusal();
  try {
    if (token) request.claims = await verifier.verify(token);
  } catch (error) {
    if (!(error instanceof VerificationError)) return next(error);
    answer = refusal(error);
  }
  if (request.claims) return next();
  response.status(answer.status).set(answer.headers).send(answer.body);
}

const app = express();
app.get('/health', (_request, response) => response.send('ok\n'));
app.get('/orders', signedIn, (request, response) => response.json({ user: request.claims.sub, orders: [] }));
// A token that is refused while the program starts would be a mistake: wait for the first snapshot.
await verifier.ready();
const server = app.listen(Number(PORT), '127.0.0.1', () => console.log(`listening on ${server.address().port}`));
