// Hono on Node.js, Bun or Deno: a middleware in the style of fetch. `export default` is what these start.
import { Hono } from 'hono';
import { bearer, refusal, VerificationError, Verifier } from 'heirloom-verifier';

const { AUTH_ISSUER, AUTH_AUDIENCE, AUTH_FEED_KEY } = process.env;
export const verifier = new Verifier({ issuer: AUTH_ISSUER, audience: AUTH_AUDIENCE, feedKey: AUTH_FEED_KEY });

function refuse(error) {
  const { status, headers, body } = refusal(error);
  return new Response(body, { status, headers });
}

/** Lets requests with a good token pass; the claims are in `context.get('claims')`. */
async function signedIn(context, next) {
  const token = bearer(context.req.header('authorization'));
  if (!token) return refuse();
  try {
    context.set('claims', await verifier.verify(token));
  } catch (error) {
    if (error instanceof VerificationError) return refuse(error);
    throw error;
  }
  await next();
}

const app = new Hono();
app.get('/health', (context) => context.text('ok\n'));
app.get('/orders', signedIn, (context) => context.json({ user: context.get('claims').sub, orders: [] }));
export default app;
