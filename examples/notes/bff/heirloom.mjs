// The few requests to Heirloom that this app needs.
const { AUTH_ISSUER } = process.env;

export class HeirloomError extends Error {
  constructor(status, { code = 'unreachable', title = 'The service cannot be reached at the moment', detail = 'Try again soon.', errors } = {}) {
    super(errors?.[0]?.message ?? `${title}. ${detail}`);
    this.code = code;
    /** False where another attempt may succeed: an outage, too many requests, or a proxy's error page, which has no code. */
    this.isRefusal = code !== 'unreachable' && status >= 400 && status < 500 && ![408, 429].includes(status);
  }
}

/** POST of JSON. `headers` name the browser, where a user has asked for it. */
export async function post(path, body, headers = {}) {
  const request = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(15_000),
  };
  const answer = await fetch(`${AUTH_ISSUER}/api/v1/${path}`, request).catch(() => null);
  // An answer that broke off says nothing: the next token may have been in it.
  const content = answer?.status === 204 ? {} : await answer?.json().catch(() => null);
  if (answer?.ok && content) return content;
  throw new HeirloomError(answer?.status ?? 0, content ?? {});
}
