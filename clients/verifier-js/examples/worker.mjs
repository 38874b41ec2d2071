// A Cloudflare Worker, or any other place that keeps no connection open: `mode: 'poll'` fetches a snapshot at most once a
// second, while a request is served. The options are variables and secrets of the worker.
import { bearer, refusal, VerificationError, Verifier } from 'heirloom-verifier';

/** One for all requests that this worker serves. */
let verifier;

/** Serves a request with the claims of its token, or refuses it. */
async function withClaims(request, env, serve) {
  verifier ??= new Verifier({
    issuer: env.AUTH_ISSUER, audience: env.AUTH_AUDIENCE, feedKey: env.AUTH_FEED_KEY, mode: 'poll',
  });
  const token = bearer(request.headers.get('authorization'));
  let answer = refusal();
  try {
    if (token) return await serve(await verifier.verify(token));
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error;
    answer = refusal(error);
  }
  return new Response(answer.body, answer);
}

export default {
  fetch: (request, env) => withClaims(request, env, (claims) => Response.json({ user: claims.sub, orders: [] })),
};
