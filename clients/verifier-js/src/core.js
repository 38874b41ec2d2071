// What a token or an event means: no network and no timer, and clocks that tests replace.
import { base64url, compactVerify, importJWK } from 'jose';
import { Expired, Invalid, Lost, Outdated, Revoked, Stale } from './errors.js';
import { parse } from './json.js';

/** Seconds by which clocks may differ. More would keep expired tokens alive. */
const LEEWAY = 5;
/** Seconds for which an event proves that nothing else was revoked. */
const FRESH = 5;
/** Seconds by which `keep` exceeds the longest life of an access token. */
const KEPT_LONGER = 180;
const ALGORITHMS = ['ES256', 'EdDSA', 'RS256'];
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const NAME = /^[A-Za-z0-9_-]{10}[AEIMQUYcgkosw048]$/;
/** The last character of base64url, by the length: its last bits belong to no byte, and a text has one spelling only. */
const LAST = [/./, /^$/, /[AQgw]/, /[AEIMQUYcgkosw048]/];
const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** What a text may be: its `typ`, and the members that hold integers.
 * @typedef {{ isType: (typ: string) => boolean, integers: string[] }} Kind @type {Kind} */
const EVENT = {
  isType: (typ) => typ === 'heirloom-revocations+jwt',
  integers: ['iat', 'exp', 'n', 'keep', 'access', 'everyone'],
};
/** @type {Kind} */
const ACCESS_TOKEN = {
  isType: (typ) => ['at+jwt', 'application/at+jwt'].includes(typ.toLowerCase()),
  integers: ['exp', 'nbf', 'iat', 'rev'],
};

/** A stranger can write many headers that name a good key. */
const MOST_HEADERS = 100;

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** Not everywhere there; Web Crypto hashes too, but in another thread, which takes longer. */
const crypto = globalThis.process?.getBuiltinModule?.('node:crypto');

/** The name of a session or a user in the stream. @param {string} id @returns {Promise<string> | string} */
export function digest(id) {
  const text = id.toLowerCase();
  if (!crypto?.hash) return webDigest(text);
  // As a text, which takes half the time of a buffer. The eleventh character also holds bits of the ninth byte.
  const hash = crypto.hash('sha256', text, 'base64url');
  return hash.slice(0, 10) + ALPHABET[ALPHABET.indexOf(hash[10]) & 0b111100];
}

/** @param {string} text */
export async function webDigest(text) {
  const hash = await globalThis.crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  const base64 = btoa(String.fromCharCode(...new Uint8Array(hash, 0, 8)));
  return base64.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** @param {unknown[]} values @returns {boolean} */
const areIntegers = (...values) => values.every(Number.isSafeInteger);
/** @param {any} value */
const isRev = (value) => areIntegers(value) && value >= 0;
/** @param {unknown[]} values @returns {boolean} */
const areStrings = (...values) => values.every((value) => typeof value === 'string');

/** Eight bytes: another name would name nobody, and nothing would be revoked. @param {unknown} value */
const isName = (value) => typeof value === 'string' && NAME.test(value);

/**
 * What an event revokes, by name: `s:` a session, `u:` a user with the lowest rev that is good, `everyone` a time.
 * @param {Record<string, any>} event @returns {any[][]}
 */
function entriesOf({ sessions = [], access = [], everyone = -1 }) {
  if (!Array.isArray(sessions) || !Array.isArray(access)) throw new Lost('forged');
  const wrong = access.some((pair) => !Array.isArray(pair) || pair.length !== 2 || !isName(pair[0]) || !isRev(pair[1]));
  if (wrong || !sessions.every((each) => isName(each)) || !areIntegers(everyone)) throw new Lost('forged');
  const users = access.map(([user, rev]) => [`u:${user}`, rev]);
  return [...sessions.map((session) => [`s:${session}`, 0]), ...users, ['everyone', everyone]];
}

/** What is known, and the decisions. */
export class Core {
  #issuer; #audience; #accept; #monotonic; #wall;
  /** @type {Map<string, { alg: string, key: any }>} */
  #keys = new Map();
  /** What headers that name one of them say, by their texts: tokens of one key have the same header, so it is read once.
   * @type {Map<string, { kid: string, alg: string, typ: string }>} */
  #headers = new Map();
  /** What is revoked, each with the monotonic time at which it is forgotten: see `entriesOf`.
   * @type {Map<string, { value: number, until: number }>} */
  #known = new Map();
  #pruned = 0;
  // The connection: closed after a refusal, and its first event is a snapshot.
  #open = false; #first = false;
  // What was heard last, and the newest `iat` of any stream.
  #stream = ''; #n = -1; #iat = 0; #newest = -Infinity; #freshUntil = 0;
  /** By how much the newest `iat` was ahead of the monotonic clock when it arrived: at least that much the server's clock is. */
  #ahead = -Infinity;
  /** The longest life of an access token, as the last event says. */
  #lifetime = Infinity;
  /** Why the last event was refused: `clock`, `gap` or `forged`. */
  refusal = '';

  /** @param {{ issuer: string, audience: string, accept?: number, monotonic?: () => number, wall?: () => number }} options */
  constructor({ issuer, audience, accept = 0, monotonic = () => performance.now() / 1000, wall = () => Date.now() / 1000 }) {
    this.#issuer = issuer; this.#audience = audience; this.#accept = accept; this.#monotonic = monotonic; this.#wall = wall;
  }

  /** Replaces the keys, unless none is usable. Those for other algorithms, and unknown kinds, are left out.
   * @param {any} jwks */
  async setKeys(jwks) {
    const keys = new Map();
    for (const jwk of jwks.keys) {
      const key = ALGORITHMS.includes(jwk?.alg) && await importJWK(jwk, jwk.alg).catch(() => undefined);
      if (key) keys.set(String(jwk.kid), { alg: jwk.alg, key });
    }
    if (!keys.size) throw new Lost('unreachable: the JWKS holds no key that is usable');
    this.#keys = keys;
    this.#headers = new Map();
  }

  /** The known keys by their ids: another map after each fetch. */
  get keys() { return this.#keys; }

  /** Whether the text names a key that is not known. One that names none as it should is invalid, whatever keys there are.
   * @param {string} compact */
  lacksKeyOf(compact) {
    try {
      return !this.#keys.has(this.#headerOf(compact).kid);
    } catch {
      return false;
    }
  }

  /** The members of the header that matter, read as strictly as the payload. What `crit` names is not understood (RFC 7515,
   * 4.1.11), nor is `b64`, which changes how the payload is read (RFC 7797). @param {string} compact */
  #headerOf(compact) {
    const text = compact.slice(0, compact.indexOf('.')), known = this.#headers.get(text);
    if (known) return known;
    const { members } = parse(base64url.decode(text)), { kid, alg, typ } = members;
    if (!areStrings(kid, alg, typ) || 'crit' in members || 'b64' in members) throw new Invalid();
    const header = { kid, alg, typ };
    if (this.#keys.has(kid) && this.#headers.size < MOST_HEADERS) this.#headers.set(text, header);
    return header;
  }

  /** The key that the header names, if it may be used for it: `alg` comes from the key, never from the token.
   * @param {string} compact @param {Kind['isType']} isType */
  #keyFor(compact, isType) {
    const { kid, alg, typ } = this.#headerOf(compact), known = this.#keys.get(kid);
    if (known && known.alg === alg && isType(typ)) return known.key;
    throw new Invalid();
  }

  /** @param {string} compact @param {Kind} kind @returns {Promise<Record<string, any>>} */
  async #payload(compact, { isType, integers }) {
    try {
      // The library would skip white space, and bits that belong to no byte.
      const isOneSpelling = COMPACT.test(compact) && compact.split('.').every((part) => LAST[part.length % 4].test(part.slice(-1)));
      if (!isOneSpelling) throw new Invalid();
      const { payload } = await compactVerify(compact, this.#keyFor(compact, isType), { algorithms: ALGORITHMS });
      const { members, inexact } = parse(payload);
      if (members?.iss !== this.#issuer || integers.some((name) => inexact.has(name))) throw new Invalid();
      return members;
    } catch (cause) { // whatever the text of a stranger makes a parser throw
      throw new Invalid(undefined, { cause });
    }
  }

  /** A new connection: its first event has to be a snapshot. */
  connected() {
    this.#open = this.#first = true;
  }

  /** `taken`; `reconnect`, and `refusal` holds the reason; or `ignored`, after a refusal on the same connection.
   * @param {string} compact */
  async event(compact) {
    return this.#open ? this.#attempt(compact, () => {}, 'reconnect') : 'ignored';
  }

  /** A snapshot that was fetched: `taken` or `refused`. @param {string} compact */
  async poll(compact) {
    return this.#attempt(compact, () => this.connected(), 'refused');
  }

  /** @param {string} compact @param {() => void} before @param {string} otherwise */
  async #attempt(compact, before, otherwise) {
    try {
      const event = await this.#payload(compact, EVENT);
      before();
      this.#take(event);
      return 'taken';
    } catch (error) {
      this.refusal = error instanceof Lost ? error.message : 'forged';
      this.#open = false;
      return otherwise;
    }
  }

  /** @param {Record<string, any>} event */
  #take(event) {
    const { iat, exp, kind, stream, n, keep } = event;
    const isKnown = ['snapshot', 'delta', 'beat'].includes(kind);
    if (!areIntegers(iat, exp, n, keep) || n < 0 || keep < 0 || !areStrings(stream) || !isKnown) throw new Lost('forged');
    const entries = entriesOf(event), now = this.#monotonic(), wall = this.#wall();
    // Late delivery makes an event older, and never newer than our clock: for that direction the leeway is that of `nbf`.
    if (wall > exp + LEEWAY || iat > wall + LEEWAY) throw new Lost('clock');
    const same = stream === this.#stream;
    const inOrder = kind === 'snapshot'
      ? !same || n === this.#n || (this.#first && n > this.#n)
      : same && !this.#first && n === this.#n + 1;
    if (!inOrder || iat < this.#newest - LEEWAY || (same && iat < this.#iat)) throw new Lost('gap');
    this.#first = false; this.#stream = stream; this.#n = n; this.#iat = iat;
    this.#remember(entries, now, now + keep);
    this.#lifetime = Math.max(keep - KEPT_LONGER, 0);
    // Only what is newer proves that it is not a repetition.
    if (iat > this.#newest) { this.#newest = iat; this.#freshUntil = now + FRESH; this.#ahead = iat - now; }
  }

  /** @param {any[][]} entries @param {number} now @param {number} until */
  #remember(entries, now, until) {
    for (const [name, value] of entries) {
      if (value < 0) continue;
      const known = this.#known.get(name);
      this.#known.set(name, { value: Math.max(value, this.#lookup(name)), until: Math.max(until, known?.until ?? until) });
    }
    if (now - this.#pruned < 60) return;
    this.#pruned = now;
    for (const [name, { until: end }] of this.#known) if (end <= now) this.#known.delete(name);
  }

  /** The value under a name; -1 when there is none. @param {string} name */
  #lookup(name) {
    const known = this.#known.get(name);
    return known && known.until > this.#monotonic() ? known.value : -1;
  }

  /** For how many seconds more it is fresh; negative since then. */
  secondsFresh() {
    // A machine that was suspended does not see that on its monotonic clock, but on the other.
    return Math.min(this.#freshUntil - this.#monotonic(), this.#newest + 2 * LEEWAY + FRESH - this.#wall());
  }

  /** The claims, or one of the errors, looked for in this order: Invalid, Expired, Stale, Revoked, Outdated.
   * @param {string} token */
  async verify(token) {
    return this.judge(await this.valid(token));
  }

  /** The claims again; else Revoked or Outdated, and Stale before both, unless `evenIfStale`.
   * @param {import('./index.js').Claims} claims */
  async judge(claims, evenIfStale = false) {
    const session = claims.sid.toLowerCase();
    const bySession = await digest(session), byUser = await digest(claims.sub);
    if (!evenIfStale && this.secondsFresh() < -this.#accept) throw new Stale();
    // The first 48 bits of a UUIDv7 are when it was generated. Nobody knows when another id was.
    const generated = UUID7.test(session) ? parseInt(session.slice(0, 8) + session.slice(9, 13), 16) : 0;
    if (generated <= this.#lookup('everyone') || this.#lookup(`s:${bySession}`) >= 0) throw new Revoked();
    if ((claims.rev ?? 0) < this.#lookup(`u:${byUser}`)) throw new Outdated();
    return claims;
  }

  /** The claims of a token that is neither invalid nor expired; whether it was revoked is not looked at.
   * @param {string} token */
  async valid(token) {
    const claims = await this.#payload(token, ACCESS_TOKEN), wall = this.#wall();
    const { aud, exp, nbf, iat, sub, sid, rev = 0, roles = claims.roles = [] } = claims;
    const ours = Array.isArray(aud) ? aud.includes(this.#audience) : aud === this.#audience;
    const areTexts = areStrings(sub, sid) && Array.isArray(roles) && roles.every((role) => areStrings(role));
    if (!ours || !areIntegers(exp, nbf, iat) || !isRev(rev) || !areTexts || nbf > wall + LEEWAY) throw new Invalid();
    // Signed while tokens lived longer, it would outlive what is remembered of its session's end.
    // Our clock may be set back, which brings back no token whose session's end is forgotten.
    const latest = Math.max(wall, this.#ahead + this.#monotonic() - LEEWAY);
    if (Math.min(exp, iat + this.#lifetime) + LEEWAY <= latest) throw new Expired();
    return /** @type {import('./index.js').Claims} */ (claims);
  }
}
