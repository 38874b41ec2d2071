/*! Heirloom in the browser; heirloom.d.ts has the interface, docs/browser-client.md the reasons.
 *
 * The access token lives in a closure: no global, storage, DOM or message holds it. The refresh token T is an HttpOnly
 * cookie, the same for all tabs. So is the key K of the next refresh, in localStorage; alone it is worth nothing.
 * K is written down before it is sent, and replaced only after a success: a lost answer, a reload, a crash repeat the
 * same request. Tabs take turns, for T must not travel with another key than the one that rotated it, nor after its
 * successor was used: that is how a thief looks. No `keepalive`, and leaving aborts: no late answer puts an old cookie
 * back.
 */

const REQUEST_LIMIT = 15_000; // ms; the server needs 5 s at most
const TURN_LIMIT = 20_000; // ms; more than that: who is frozen in its turn is passed over
const MISSING = 'refresh_token_missing';
const OVER = /^(refresh_token_(missing|invalid|reused)|session_(expired|revoked)|account_blocked)$/;

const ignore = () => {};
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
// randomUUID needs https
const random = () => crypto.getRandomValues(new Uint32Array(5)).join('-');

// may be forbidden, or full
function stored(work) {
  try {
    return work(localStorage);
  } catch {
    return null;
  }
}

export class HeirloomError extends Error {
  constructor({ code = 'unreachable', detail = 'Could not reach the server.', errors = [] }, response) {
    super(detail);
    this.code = code;
    this.errors = errors;
    this.status = response?.status ?? 0;
    this.retryAfter = +response?.headers.get('Retry-After') || 0; // s
    this.temporary = code === 'unreachable' || this.status >= 500 || [408, 425, 429].includes(this.status);
  }
}

async function answerOf(response) {
  const body = (await response.json().catch(ignore)) ?? {};
  if (!response.ok) throw new HeirloomError(body, response);
  return body;
}

export function createHeirloom({ baseUrl = location.origin, onSignedOut } = {}) {
  const { origin, href } = new URL(baseUrl, globalThis.location?.href);
  const api = `${href.replace(/\/+$/, '')}/api/v1`;
  const name = `heirloom ${api}`;
  const note = `${name} ${random()}`;
  const locks = globalThis.navigator?.locks;
  const channel = globalThis.BroadcastChannel && new BroadcastChannel(name);
  const events = new EventTarget();
  let token = null;
  let session = null;
  let over = false; // known to be signed out
  let pending = null; // the refresh under way
  let leave = ignore; // aborts the request under way
  let trouble = null; // why the last refresh failed
  let failures = 0;
  let timer;
  let due = 0; // not to be refreshed before
  let memory = null; // the key, without localStorage

  const emit = (event, detail) => events.dispatchEvent(new CustomEvent(event, { detail }));

  function on(event, listener) {
    const hear = ({ detail }) => listener(detail);
    events.addEventListener(event, hear);
    return () => events.removeEventListener(event, hear);
  }

  const readKey = () => stored((storage) => storage.getItem(name)) ?? memory;

  function writeKey(key) {
    memory = key;
    stored((storage) => storage.setItem(name, key));
  }

  async function nextKey() {
    if (!/^[!-~]{16,255}$/.test(readKey())) {
      writeKey(random());
      if (!locks) await sleep(100); // other tabs may be making one, too: the last is everybody's
    }
    const key = readKey();
    writeKey(key); // this tab may have read what another has just replaced
    return key;
  }

  async function turn(work) {
    if (!locks) return turnByNotes(work);
    const patience = new AbortController();
    const limit = setTimeout(() => patience.abort(), TURN_LIMIT);
    let mine = false;
    try {
      return await locks.request(name, { signal: patience.signal }, () => {
        mine = true;
        clearTimeout(limit);
        return work();
      });
    } catch (error) {
      if (mine) throw error;
      return work();
    }
  }

  async function turnByNotes(work) {
    const taken = (storage) => Array.from(storage, (_, index) => storage.key(index))
      .some((key) => key.startsWith(`${name} `) && Date.now() - storage.getItem(key) < TURN_LIMIT);
    while (stored(taken)) await sleep(20 + 40 * Math.random());
    stored((storage) => storage.setItem(note, Date.now()));
    return work().finally(dropNote);
  }

  const dropNote = () => stored((storage) => storage.removeItem(note));

  async function post(path, headers, body) {
    const controller = new AbortController();
    leave = () => controller.abort();
    const limit = setTimeout(leave, REQUEST_LIMIT);
    const init = { method: 'POST', headers, body, credentials: 'include', signal: controller.signal };
    try {
      return await answerOf(await fetch(api + path, init));
    } catch (error) {
      throw error instanceof HeirloomError ? error : new HeirloomError({});
    } finally {
      clearTimeout(limit);
    }
  }

  async function rotate(refusal) {
    const key = await nextKey();
    const asked = Date.now();
    try {
      const answer = await post('/auth/refresh', { 'Idempotency-Key': key });
      if (!(answer.expires_in > 0)) throw new HeirloomError({}); // a hotel's network answered
      if (readKey() === key) writeKey(random());
      return accept(answer, asked);
    } catch (error) {
      if (!OVER.test(error.code)) throw error;
      if (refusal || (error.code === MISSING && readKey() === key)) return end((refusal ?? error).code);
      // another tab may be signing in
      await sleep(300 + 300 * Math.random());
      return rotate(error);
    }
  }

  function refresh() {
    if (trouble && Date.now() < due) return Promise.reject(trouble);
    pending ??= turn(async () => (over ? null : rotate())).catch((error) => {
      const { retryAfter = 0 } = error;
      const wait = Math.max(retryAfter, Math.min(60, 2 ** failures++) * (0.5 + Math.random() / 2));
      trouble = error;
      plan(wait, retryAfter);
      emit('unreachable', { error, retry_in: wait });
      throw error;
    }).finally(() => { pending = null; });
    return pending;
  }

  // when the tab wakes perhaps sooner, but not before `earliest`
  function plan(seconds, earliest) {
    due = Date.now() + earliest * 1000;
    clearTimeout(timer);
    timer = setTimeout(() => {
      due = 0;
      refresh().catch(ignore);
    }, Math.min(seconds * 1000, 2 ** 31 - 1));
  }

  function accept({ access_token, expires_in, refresh_expires_in, session_id }, asked) {
    const isNew = session?.session_id !== session_id;
    const after = (seconds) => new Date(asked + seconds * 1000);
    token = access_token;
    session = { session_id, expires_at: after(expires_in), refresh_expires_at: after(refresh_expires_in) };
    over = false;
    trouble = null;
    failures = 0;
    const ahead = expires_in * (0.75 + 0.15 * Math.random());
    plan(ahead, ahead);
    if (isNew) channel?.postMessage({ signedin: session_id });
    emit(isNew ? 'signedin' : 'refreshed', session);
    return token;
  }

  function end(why, told) {
    if (session && !told) channel?.postMessage({ signedout: session.session_id, why });
    token = session = null;
    clearTimeout(timer);
    if (!over) {
      over = true;
      emit('signedout', { why });
    }
    return null;
  }

  async function getAccessToken() {
    return over || session?.expires_at > Date.now() ? token : refresh();
  }

  async function fetchSignedIn(input, init) {
    const request = new Request(input, init);
    if (new URL(request.url).origin !== origin || request.headers.has('Authorization')) return fetch(request);
    const send = (bearer) => {
      const copy = request.clone();
      if (bearer) copy.headers.set('Authorization', `Bearer ${bearer}`);
      return fetch(copy);
    };
    const used = await getAccessToken();
    const answer = await send(used);
    if (answer.status !== 401 || !used) return answer;
    const fresh = await (token === used ? refresh() : getAccessToken());
    return fresh ? send(fresh) : answer;
  }

  if (channel) channel.onmessage = async ({ data: { signedin, signedout, why } }) => {
    if (session && signedout === session.session_id) end(why, true);
    if (!signedin) return;
    await pending?.catch(ignore);
    if (signedin === session?.session_id) return;
    over = false;
    refresh().catch(ignore);
  };

  const wake = () => {
    if (!over && !globalThis.document?.hidden && Date.now() >= due) refresh().catch(ignore);
  };
  for (const event of ['visibilitychange', 'pageshow', 'online']) globalThis.addEventListener?.(event, wake);
  globalThis.addEventListener?.('pagehide', () => {
    leave();
    dropNote();
  });
  if (onSignedOut) on('signedout', onSignedOut);
  refresh().catch(ignore);

  return Object.freeze({
    get session() { return session; },
    on,
    getAccessToken,
    fetch: fetchSignedIn,

    async signIn({ email, password, remember, deviceName }) {
      const body = JSON.stringify({ email, password, transport: 'cookie', remember, device_name: deviceName });
      await turn(async () => {
        const asked = Date.now();
        const answer = await post('/auth/login', { 'Content-Type': 'application/json' }, body);
        writeKey(random());
        accept(answer, asked);
      });
      return session;
    },

    async signOut() {
      await turn(async () => {
        await post('/auth/logout', token ? { Authorization: `Bearer ${token}` } : {}).catch((error) => {
          if (error.status !== 401) throw error; // else there is nothing to end
        });
        end('signed_out');
      });
    },

    async signOutEverywhere() {
      const all = `${api}/me/sessions?include_current=true`;
      const { revoked } = await answerOf(await fetchSignedIn(all, { method: 'DELETE' }));
      end('signed_out');
      await turn(() => post('/auth/logout')).catch(ignore); // the cookie, dead already
      return revoked;
    },
  });
}
