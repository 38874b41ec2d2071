// Follows the stream, or fetches snapshots, and answers for tokens.
import { Core } from './core.js';
import { Invalid, Lost, Outdated, Revoked, Stale } from './errors.js';

/** Milliseconds without a byte after which a connection counts as lost: the server sends something each second. */
const SILENCE = 5_000;
/** Milliseconds without an event after which a connection is of no use, whatever else arrives: by then it is too old. */
const NO_EVENT = 15_000;
/** The longest line: more than twice a snapshot of 250,000 entries. */
const LONGEST = 24 << 20;
/** The longest body of any other answer than a snapshot. */
const LONGEST_BODY = 1 << 20;
/** Milliseconds for which a user's request may wait for an answer of Heirloom: about its token, with a key, or with a snapshot. */
const PATIENCE = 2_000;
/** Milliseconds after which the keys are fetched again. A new key is published 45 s before it signs: it is known by then, even if
 * tokens of strangers used up every other fetch. And a key that was taken back is forgotten. */
const REFRESH_KEYS = 30_000;
/** How often in a minute an unknown `kid` may cause a fetch: of tokens, and of events, so that no stranger's token uses
 * up what the stream needs. More would let a stranger flood the server through us. */
const UNKNOWN_PER_MINUTE = 2;
/** Milliseconds for which a snapshot serves, when they are fetched. */
const POLL = 1_000;
/** Milliseconds after which a request looks again at what another one fetches: those of a worker may not wait for each other's. */
const LOOK = 20;
/** @type {Record<number, string>} */
const CONFIGURATION = {
  401: 'refused: 401, the server does not know this feed key',
  404: 'refused: 404, the server publishes no revocations: is HEIRLOOM_FEED_KEYS set?',
};

/** How many seconds to go on without the stream; 0 for `refuse` and `ask`. @param {string} onStale */
function acceptedSeconds(onStale) {
  const seconds = /^accept:(\d+)$/.exec(onStale)?.[1];
  if (seconds || onStale === 'refuse' || onStale === 'ask') return Number(seconds ?? 0);
  throw new TypeError('onStale is "refuse", "ask" or "accept:SECONDS"');
}

/** A loss is never silent. @param {string} state @param {string} reason */
const warn = (state, reason) => console.warn(`heirloom-verifier: revocations are ${state} ${reason}`.trim());

/** Without the details behind the colon. @param {string} reason */
const kind = (reason) => reason.split(':')[0];

export class Verifier {
  #base; #audience; #core; #asks; #polls; #onState;
  /** @type {Record<string, string>} */
  #headers = {};
  #closed = false;
  /** Ends the connection. */
  #stream = new AbortController();
  /** @type {(value?: any) => void} */
  #wake = () => {};
  // How many events the connection brought. More than the snapshot, and the next pause is a short one: a server that ends each
  // connection after its snapshot must not be asked for one after another.
  #events = 0; #reason = 'starting'; #reported = { state: '', reason: '' };
  /** @type {Set<(fresh: boolean) => void>} */
  #waiting = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #end;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #pause;
  // An unknown `kid` may be a good one while the last fetch failed.
  #keysFailed = true; #keysAt = -Infinity;
  /** @type {number[]} */
  #fetchesForTokens = [];
  /** @type {number[]} */
  #fetchesForEvents = [];
  // Until when keys or a snapshot are being fetched for a request; the past when none are. A worker's request may be cut off meanwhile.
  #keysEnd = -Infinity; #pollEnds = -Infinity;
  #polledAt = -Infinity;

  /** @param {import('./index.js').VerifierOptions} options */
  constructor({ issuer, audience, feedKey, onStale = 'refuse', onState = warn, serverUrl = issuer, mode = 'stream' }) {
    this.#base = serverUrl.replace(/\/+$/, '');
    if (!/^https?:\/\//.test(this.#base)) throw new TypeError('issuer (or serverUrl) is an http or https URL');
    if (!audience || !['stream', 'poll'].includes(mode)) throw new TypeError('audience is a text, and mode "stream" or "poll"');
    // Not the key itself: messages go to logs.
    if (!/^[!-~]*$/.test(feedKey ?? '')) throw new TypeError('feedKey holds characters that a header cannot hold');
    this.#audience = audience; this.#asks = onStale === 'ask'; this.#polls = mode === 'poll'; this.#onState = onState;
    this.#core = new Core({ issuer, audience, accept: acceptedSeconds(onStale) });
    if (feedKey !== undefined) this.#headers.authorization = `Bearer ${feedKey}`;
    // Where snapshots are fetched, nothing may run outside of a request: the first verification begins.
    if (!this.#polls) this.#listen();
  }

  close() {
    this.#closed = true;
    this.#stream.abort(new Lost('closed'));
    this.#wake();
    clearTimeout(this.#pause);
    clearTimeout(this.#end);
    this.#tellWaiting(false);
  }

  async ready(milliseconds = 10_000) {
    if (this.#polls) await this.#pollIfDue();
    if (this.#core.secondsFresh() >= 0 || this.#polls || this.#closed) return this.#core.secondsFresh() >= 0;
    return new Promise((resolve) => {
      const answer = (/** @type {boolean} */ fresh) => {
        clearTimeout(timer);
        this.#waiting.delete(answer);
        resolve(fresh);
      };
      const timer = setTimeout(answer, milliseconds, false);
      this.#waiting.add(answer);
    });
  }

  /** @param {string} token */
  async verify(token) {
    if (this.#polls) await this.#pollIfDue();
    const { keys } = this.#core;
    try {
      return await this.#core.verify(token);
    } catch (error) {
      if (error instanceof Invalid || error instanceof Stale) return this.#tryAgain(token, error, keys);
      throw error;
    }
  }

  /** @param {string} token @param {Error} error @param {Map<string, any>} keys @returns {Promise<import('./index.js').Claims>} */
  async #tryAgain(token, error, keys) {
    const isUnknown = this.#core.lacksKeyOf(token);
    if (isUnknown) {
      // Where there are no keys at all, the snapshot's fetch has just asked for them in vain.
      if (this.#core.keys.size || !this.#polls) await this.#fetchKeysFor(token, this.#fetchesForTokens, PATIENCE);
      if (this.#core.lacksKeyOf(token)) throw this.#keysFailed ? new Stale('The keys of the issuer cannot be fetched.') : error;
    }
    // Keys that were fetched meanwhile, for whomever: the error may be that of the earlier ones.
    if (isUnknown || keys !== this.#core.keys) {
      try {
        return await this.#core.verify(token);
      } catch (again) {
        if (!(again instanceof Stale)) throw again;
        error = again;
      }
    }
    if (error instanceof Stale) {
      this.#report();
      if (this.#asks) return this.#ask(token);
    }
    throw error;
  }

  /** @param {string} token */
  async #ask(token) {
    // What is known to be revoked stays so, whatever the server answers.
    const claims = await this.#core.judge(await this.#core.valid(token), true);
    let response, code;
    try {
      response = await this.#get('/api/v1/auth/check', { authorization: `Bearer ${token}` }, PATIENCE);
      const body = await bodyOf(response);
      if (response.status === 401) ({ code } = JSON.parse(body));
    } catch (cause) {
      throw new Stale(undefined, { cause });
    }
    if (response.ok && response.headers.get('x-auth-audience') === this.#audience) return claims;
    if (code === 'session_revoked') throw new Revoked();
    // The server has one code for expired and outdated, and expired it is not.
    if (code === 'access_token_expired') throw new Outdated();
    // Any other answer is not about the token.
    throw code === 'access_token_invalid' ? new Invalid() : new Stale();
  }

  /** @param {string} path @param {Record<string, string>} headers @param {number} milliseconds */
  async #get(path, headers, milliseconds) {
    return fetch(this.#base + path, { headers, redirect: 'manual', signal: AbortSignal.timeout(milliseconds) });
  }

  // --- keys ---

  async #fetchKeys(milliseconds = SILENCE) {
    this.#keysAt = performance.now();
    try {
      const response = await this.#get('/.well-known/jwks.json', {}, milliseconds);
      const body = await bodyOf(response);
      if (response.status !== 200) throw new Lost(`unreachable: the JWKS is answered with ${response.status}`);
      await this.#core.setKeys(JSON.parse(body));
      this.#keysFailed = false;
    } catch (error) {
      this.#keysFailed = true;
      throw error;
    }
  }

  /** Fetches the keys because the text names an unknown one, unless that happened twice in the last minute.
   * @param {string} compact @param {number[]} fetches @param {number} milliseconds */
  async #fetchKeysFor(compact, fetches, milliseconds) {
    while (performance.now() < this.#keysEnd) await look();
    const now = performance.now(), ends = now + milliseconds;
    while (now - fetches[0] >= 60_000) fetches.shift();
    if (!this.#core.lacksKeyOf(compact) || fetches.length >= UNKNOWN_PER_MINUTE) return;
    fetches.push(now);
    this.#keysEnd = ends;
    await this.#fetchKeys(milliseconds).catch(() => {});
    if (this.#keysEnd === ends) this.#keysEnd = -Infinity;
  }

  /** Fetches the keys if none is known. Else the known ones serve: that the JWKS is away does not end the stream. */
  async #needKeys(milliseconds = SILENCE) {
    if (!this.#core.keys.size) return this.#fetchKeys(milliseconds);
    const isDue = this.#keysFailed || performance.now() - this.#keysAt > REFRESH_KEYS;
    if (isDue) await this.#fetchKeys(Math.min(milliseconds, 1_000)).catch(() => {});
  }

  // --- the stream ---

  async #listen() {
    for (let delay = 100; !this.#closed;) {
      this.#events = 0;
      try {
        await this.#follow();
      } catch (error) {
        this.#reason = reasonOf(error);
      }
      this.#stream.abort();
      if (this.#closed) return;
      this.#report();
      if (this.#events > 1) delay = 100;
      const pause = Object.values(CONFIGURATION).includes(this.#reason) ? 10_000 : delay * (0.5 + Math.random() / 2);
      await new Promise((resolve) => { this.#wake = resolve; this.#pause = setTimeout(resolve, pause); });
      delay = Math.min(2 * delay, 2_000);
    }
  }

  /** Listens on one connection until it is lost. */
  async #follow() {
    await this.#needKeys();
    const stream = this.#stream = new AbortController();
    if (this.#closed) return;
    const listen = () => setTimeout(() => stream.abort(new Lost('silence')), SILENCE);
    let silence = listen();
    try {
      const url = `${this.#base}/api/v1/revocations/stream`;
      const response = await fetch(url, { headers: this.#headers, redirect: 'manual', signal: stream.signal });
      if (response.status !== 200 || !response.body) throw refusedWith(response.status);
      this.#core.connected();
      const reader = response.body.getReader(), decoder = new TextDecoder();
      for (let line = '', heard = performance.now(); ;) {
        const { done, value } = await reader.read();
        if (done) throw new Lost('unreachable: the server ended the stream');
        clearTimeout(silence);
        silence = listen();
        const [first, ...others] = decoder.decode(value, { stream: true }).split('\n');
        line += first;
        for (const next of others) {
          if (line.startsWith('data:')) {
            await this.#takeEvent(line.slice(5).trim());
            heard = performance.now();
          }
          line = next;
        }
        if (line.length > LONGEST) throw new Lost('forged');
        if (performance.now() > heard + NO_EVENT) throw new Lost('silence');
      }
    } finally {
      clearTimeout(silence);
    }
  }

  /** @param {string} event */
  async #takeEvent(event) {
    if (this.#core.lacksKeyOf(event)) await this.#fetchKeysFor(event, this.#fetchesForEvents, SILENCE);
    if (await this.#core.event(event) !== 'taken') throw new Lost(this.#core.refusal);
    this.#events += 1; this.#reason = 'silence';
    if (performance.now() - this.#keysAt > REFRESH_KEYS) this.#fetchKeys().catch(() => {});
    this.#report();
    clearTimeout(this.#end);
    this.#end = setTimeout(() => this.#report(), this.#core.secondsFresh() * 1000 + 10);
  }

  // --- snapshots, fetched ---

  /** Fetches a snapshot when the last fetch began more than a second ago. Who comes while one is under way goes on with what is
   * known, as long as it is fresh, and else waits for its end. */
  async #pollIfDue() {
    const began = performance.now(), underWay = this.#pollEnds;
    if (began < underWay) return this.#waitForPoll(underWay);
    if (this.#closed || began - this.#polledAt < POLL) return;
    this.#polledAt = began;
    const ends = this.#pollEnds = began + PATIENCE;
    try {
      await this.#poll(() => Math.max(Math.ceil(ends - performance.now()), 0));
      this.#reason = 'silence';
    } catch (error) {
      this.#reason = reasonOf(error);
    }
    if (this.#pollEnds === ends) this.#pollEnds = -Infinity;
    this.#report();
  }

  /** @param {number} ends */
  async #waitForPoll(ends) {
    while (this.#pollEnds === ends && performance.now() < ends && this.#core.secondsFresh() < 0) await look();
  }

  /** @param {() => number} left milliseconds, for all of it */
  async #poll(left) {
    await this.#needKeys(left());
    const response = await this.#get('/api/v1/revocations', this.#headers, left());
    const snapshot = await bodyOf(response, LONGEST);
    if (response.status !== 200) throw refusedWith(response.status);
    if (this.#core.lacksKeyOf(snapshot)) await this.#fetchKeysFor(snapshot, this.#fetchesForEvents, left());
    if (await this.#core.poll(snapshot) !== 'taken') throw new Lost(this.#core.refusal);
  }

  /** Calls onState when the state, or why it is stale, has changed. */
  #report() {
    const fresh = this.#core.secondsFresh() >= 0, before = this.#reported;
    this.#reported = fresh ? { state: 'fresh', reason: '' } : { state: 'stale', reason: this.#reason };
    if (fresh) this.#tellWaiting(true);
    if (before.state === this.#reported.state && kind(before.reason) === kind(this.#reported.reason)) return;
    const failed = (/** @type {unknown} */ error) => console.error('onState failed', error);
    try {
      // Where it is asynchronous, it fails later: an unhandled rejection would end the process.
      Promise.resolve(this.#onState?.(/** @type {'fresh' | 'stale'} */ (this.#reported.state), this.#reported.reason)).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  /** @param {boolean} fresh */
  #tellWaiting(fresh) {
    for (const waiting of this.#waiting) waiting(fresh);
  }
}

/** Each request has a timer of its own. */
const look = () => new Promise((resolve) => setTimeout(resolve, LOOK));

/** All of a body, unless it is longer than any of Heirloom's. @param {Response} response */
async function bodyOf(response, longest = LONGEST_BODY) {
  const reader = response.body?.getReader(), decoder = new TextDecoder();
  let text = '';
  for (let length = 0; reader;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > longest) {
      reader.cancel().catch(() => {});
      throw new Lost('unreachable: the answer is too long');
    }
    text += decoder.decode(value, { stream: true });
  }
  return text + decoder.decode();
}

/** @param {number} status */
const refusedWith = (status) => new Lost(CONFIGURATION[status] ?? `refused: ${status}`);

/** @param {any} error */
function reasonOf(error) {
  if (error instanceof Lost) return error.message;
  return `unreachable: ${error?.cause?.code ?? error?.cause?.message ?? error?.message ?? error}`;
}
