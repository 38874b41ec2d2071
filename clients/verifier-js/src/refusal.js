// How a refusal is answered: 503 with Retry-After when revocations are not known, else 401 with WWW-Authenticate.

/** The token of an Authorization header; undefined when it holds none. @param {string | null} [authorization] */
export function bearer(authorization) {
  return /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
}

/** The answer to an error; without one, to a request that has no token.
 * @param {import('./errors.js').VerificationError} [error] */
export function refusal(error) {
  const { status = 401, code = 'unauthenticated', message: detail = 'An access token is needed.' } = error ?? {};
  const challenge = error ? `Bearer error="invalid_token", error_description="${code}"` : 'Bearer';
  /** @type {Record<string, string>} */
  const headers = status === 503 ? { 'retry-after': '1' } : { 'www-authenticate': challenge };
  return {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
    body: JSON.stringify({ status, code, detail }),
  };
}
