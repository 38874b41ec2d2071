/*! Heirloom in the browser: see heirloom.d.ts, docs/browser-client.md. */

const REQUEST_LIMIT = 15_000; // ms
const TURN_LIMIT = 20_000; // ms, longer than a request
const PAUSE = 60; // s, after a refusal
const LEAVE = 'leave';
const MISSING = 'refresh_token_missing';
const SIGNED_OUT = /^(refresh_token_(missing|invalid|reused)|session_(expired|revoked)|account_blocked|ambiguous_token)$/;

const ignore = (_) => {};
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
// randomUUID needs https
const random = () => crypto.getRandomValues(new Uint32Array(5)).join('-');

// it may be forbidden or full
function stored(work) {
  try {
    return work(localStorage);
  } catch {
    return null;
  }
}

export class HeirloomError extends Error {
  constructor(body, response) {
    const { code, detail, errors = [], reason, attempts_left } = body;
    const status = response?.status ?? 0;
    const isRefusal = status >= 400 && status < 500 && status !== 429;
    super(detail ?? (isRefusal ? `Unexpected answer ${status}.` : 'Could not reach the server.'));
    this.code = code ?? (isRefusal ? 'unexpected_answer' : 'unreachable');
    this.errors = errors;
    this.reason = reason;
    this.attemptsLeft = attempts_left;
    this.status = status;
    this.retryAfter = +response?.headers.get('Retry-After') || 0; // s
    this.temporary = !isRefusal;
  }
}

async function answerOf(response) {
  const body = await response.json().catch(() => response.status === 204 && {});
  if (!response.ok || !body) throw new HeirloomError(body || {}, response); // captive portal
  return body;
}

export function createHeirloom({ baseUrl = location.origin, apis = [], onSignedOut = ignore } = {}) {
  const { origin, href } = new URL(baseUrl, globalThis.location?.href);
  const audiences = new Map([[origin, '']]);
  for (const api of apis) {
    const { origin: at, pathname } = new URL(api);
    if (audiences.has(at)) throw new TypeError(`${api} shares its origin`);
    audiences.set(at, pathname === '/' ? at : `${api}`);
  }
  const grants = new Map(); // by origin
  const api = `${href.replace(/\/+$/, '')}/api/v1`;
  const name = `heirloom ${api}`;
  const note = `${name} ${random()}`;
  const locks = globalThis.navigator?.locks;
  const channel = globalThis.BroadcastChannel && new BroadcastChannel(name);
  const events = new EventTarget();
  let token = null;
  let session = null;
  let signedOut = false;
  let pending = null; // refresh
  let failure = null; // the last
  let failures = 0;
  let timer;
  let due = 0; // no refresh before this time
  let memory = null; // the key, without localStorage
  let frame; // for all origins of a site
  let port = null; // to it
  let granted = ignore;
  let failed = ignore;
  let since; // this turn
  let last = Promise.resolve(); // turn

  const emit = (event, detail) => events.dispatchEvent(new CustomEvent(event, { detail }));

  function on(event, listener) {
    const receive = (/** @type {any} */ { detail }) => listener(detail);
    events.addEventListener(event, receive);
    return () => events.removeEventListener(event, receive);
  }

  const readKey = () => stored((storage) => storage.getItem(name)) ?? memory;

  function writeKey(key) {
    memory = key;
    stored((storage) => storage.setItem(name, key));
    port?.postMessage({ key });
  }

  async function nextKey() {
    if (!/^[!-~]{16,255}$/.test(readKey())) {
      writeKey(random());
      if (!locks) await sleep(100); // the last tab's counts
    }
    const key = readKey();
    writeKey(key); // another tab's may be newer
    return key;
  }

  const meet = () => new Promise((done) => {
    port = null;
    frame?.remove();
    frame = document.createElement('iframe');
    frame.hidden = true;
    frame.src = `${api}/../../client/frame`;
    frame.onload = () => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = ({ data }) => {
        if (data.hello) done(port = port1);
        else if (data.at) granted(data);
        else follow(data);
      };
      frame.contentWindow.postMessage('heirloom', origin, [port2]);
      setTimeout(done, 2_000);
    };
    setTimeout(done, 10_000);
    document.body.append(frame);
  });

  function drop() {
    port = null;
    failed(new HeirloomError({}));
  }

  async function turnByFrame(work) {
    if (!port || !frame.isConnected) await meet();
    if (!port) {
      console.warn(`Heirloom takes no turns with other origins: no ${frame.src}`);
      return turnHere(work);
    }
    const limit = setTimeout(drop, 60_000);
    try {
      port.postMessage({ take: 1 });
      const { key, at } = await new Promise((done, fail) => {
        granted = done;
        failed = fail;
      });
      since = at;
      writeKey(key);
      return await work();
    } finally {
      clearTimeout(limit);
      since = undefined;
      port?.postMessage({ give: 1 });
    }
  }

  function turn(work) {
    if (!locks || !globalThis.document || origin === location.origin) return turnHere(work);
    return last = last.catch(ignore).then(() => turnByFrame(work));
  }

  async function turnHere(work) {
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
      .some((key) => key.startsWith(`${name} `) && Math.abs(Date.now() - storage.getItem(key)) < TURN_LIMIT);
    while (stored(taken)) await sleep(20 + 40 * Math.random());
    stored((storage) => storage.setItem(note, Date.now()));
    return work().finally(dropNote);
  }

  const dropNote = () => stored((storage) => storage.removeItem(note));

  async function post(path, headers, body, method = 'POST') {
    const controller = new AbortController();
    const abort = () => controller.abort();
    const stay = on(LEAVE, abort);
    const limit = setTimeout(abort, REQUEST_LIMIT);
    const { signal } = controller;
    try {
      return await answerOf(await fetch(api + path, { method, headers, body, credentials: 'include', signal }));
    } catch (error) {
      throw error instanceof HeirloomError ? error : new HeirloomError({});
    } finally {
      clearTimeout(limit);
      stay();
    }
  }

  const send = (path, body, headers) => post(path, { 'Content-Type': 'application/json', ...headers }, JSON.stringify(body));

  async function rotate(proof, refusal) {
    const key = await nextKey();
    const asked = Date.now();
    // it stood still: a request could outlast its turn
    if (asked - since > TURN_LIMIT - REQUEST_LIMIT) throw new HeirloomError({});
    try {
      return accept(await send(proof ? '/auth/step-up' : '/auth/refresh', proof, { 'Idempotency-Key': key }), asked, key);
    } catch (error) {
      if (!SIGNED_OUT.test(error.code)) throw error;
      if (refusal || (error.code === MISSING && readKey() === key)) return end(refusal ?? error);
      // a tab may be signing in
      await sleep(300 + 300 * Math.random());
      return rotate(proof, error);
    }
  }

  function refresh() {
    if (failure && Date.now() < due) return Promise.reject(failure);
    pending ??= turn(async () => (signedOut ? null : rotate())).catch((error) => {
      failure = error;
      if (error.temporary === false) giveUp(error);
      else tryLater(error);
      throw error;
    }).finally(() => { pending = null; });
    return pending;
  }

  function tryLater(error) {
    const { retryAfter = 0 } = error;
    const wait = Math.max(retryAfter, Math.min(60, 2 ** failures++) * (0.5 + Math.random() / 2));
    plan(wait, retryAfter);
    emit('unreachable', { error, retry_in: wait });
  }

  // only a call or a tab asks again
  function giveUp(error) {
    clearTimeout(timer);
    due = Date.now() + PAUSE * 1000;
    emit('refused', { error });
  }

  // a waking tab may be sooner, not before `earliest`
  function plan(seconds, earliest) {
    due = Date.now() + earliest * 1000;
    clearTimeout(timer);
    timer = setTimeout(() => {
      due = 0;
      refresh().catch(ignore);
    }, Math.min(seconds * 1000, 2 ** 31 - 1));
  }

  function accept({ access_token, expires_in, refresh_expires_in, session_id }, asked, key = readKey()) {
    if (!(expires_in > 0)) throw new HeirloomError({});
    if (readKey() === key) writeKey(random());
    const isNew = session?.session_id !== session_id;
    const after = (seconds) => new Date(asked + seconds * 1000);
    token = access_token;
    session = { session_id, expires_at: after(expires_in), refresh_expires_at: after(refresh_expires_in) };
    signedOut = false;
    failure = null;
    failures = 0;
    const ahead = expires_in * (0.75 + 0.15 * Math.random());
    plan(ahead, ahead);
    for (const api of grants.keys()) tokenFor(api, token).catch(ignore);
    if (isNew) tell({ signedin: session_id });
    emit(isNew ? 'signedin' : 'refreshed', session);
    return token;
  }

  function end(cause, isNews = true) {
    const { code: why, reason } = cause;
    if (session && isNews) tell({ signedout: session.session_id, why, reason });
    token = session = null;
    grants.clear();
    clearTimeout(timer);
    if (!signedOut) {
      signedOut = true;
      emit('signedout', reason ? { why, reason } : { why });
    }
    return null;
  }

  // one under way may be older
  const renew = async () => {
    await pending?.catch(ignore);
    return refresh();
  };

  async function getAccessToken() {
    return signedOut || session?.expires_at > Date.now() ? token : refresh();
  }

  // the user's, or a service's
  function tokenFor(target, own) {
    const audience = audiences.get(target);
    if (!own || !audience) return Promise.resolve(own);
    const known = grants.get(target);
    if (known?.own === own) return known.answer;
    const answer = send('/auth/token', { audience }, { Authorization: `Bearer ${own}` }).then(
      ({ access_token }) => access_token,
      (error) => {
        // one for all
        if (error.errors[0]?.code === 'not_configured') return own;
        if (grants.get(target)?.own === own) grants.delete(target);
        throw error;
      },
    );
    grants.set(target, { own, answer });
    return answer;
  }

  async function fetchSignedIn(input, init) {
    const request = new Request(input, init);
    const target = new URL(request.url).origin;
    if (!audiences.has(target) || request.headers.has('Authorization')) return fetch(request);
    const mine = session?.session_id;
    const send = async (own) => {
      let bearer;
      try {
        bearer = await tokenFor(target, own);
      } catch (error) {
        if (error.status !== 401) throw error;
        return new Response(JSON.stringify({ code: error.code }), error);
      }
      // never as another user
      if (mine && (session?.session_id ?? mine) !== mine) return new Response('{"code":"session_changed"}', { status: 401 });
      const copy = request.clone();
      if (bearer) copy.headers.set('Authorization', `Bearer ${bearer}`);
      return fetch(copy);
    };
    const used = await getAccessToken();
    const answer = await send(used);
    if (answer.ok && request.method === 'POST' && request.url === `${api}/me/password`) await renew().catch(ignore);
    if (answer.status !== 401 || !used || /insuff/.test(answer.headers.get('WWW-Authenticate'))) return answer;
    const fresh = await (token === used ? refresh() : getAccessToken());
    return fresh ? send(fresh) : answer;
  }

  function tell(news) {
    channel?.postMessage(news);
    port?.postMessage(news);
  }

  async function follow({ signedin, signedout, why, reason }) {
    if (session && signedout === session.session_id) end({ code: why, reason }, false);
    if (!signedin) return;
    await pending?.catch(ignore);
    if (signedin === session?.session_id) return;
    signedOut = false;
    due = 0;
    refresh().catch(ignore);
  }

  if (channel) channel.onmessage = ({ data }) => follow(data);

  const wake = () => {
    if (!signedOut && !globalThis.document?.hidden && Date.now() >= due) refresh().catch(ignore);
  };
  for (const event of ['visibilitychange', 'pageshow', 'online']) globalThis.addEventListener?.(event, wake);
  globalThis.addEventListener?.('pagehide', () => {
    emit(LEAVE);
    dropNote();
    drop();
  });
  on('signedout', onSignedOut);
  refresh().catch(ignore);

  return Object.freeze({
    get session() { return session; },
    on,
    getAccessToken,
    refresh: renew,
    fetch: fetchSignedIn,

    async signIn({ email, password, remember, deviceName }) {
      await turn(async () => {
        const asked = Date.now();
        accept(await send('/auth/login', { email, password, transport: 'cookie', remember, device_name: deviceName }), asked);
      });
      return session;
    },

    providers: () => post('/auth/providers', {}, undefined, 'GET'),

    signInWith(provider, { returnTo = location.href, remember = true } = {}) {
      location.assign(`${api}/../../auth/upstream/${provider}?${new URLSearchParams({ return_to: returnTo, remember: `${remember}` })}`);
    },

    register: ({ email, password, name }) => send('/auth/register', { email, password, name }),

    forgotPassword: ({ email }) => send('/auth/password/forgot', { email }),

    async confirm({ token, flow, code, password, newPassword, name }) {
      const done = await send('/auth/confirmations/use', { token, flow, code, password, new_password: newPassword, name });
      emit('confirmed', done);
      if (session) renew().catch(ignore); // it may have been revoked
      return done;
    },

    async stepUp(proof) {
      await turn(() => rotate(proof));
      return session;
    },

    async signOut() {
      await turn(async () => {
        await post('/auth/logout', token ? { Authorization: `Bearer ${token}` } : {}).catch((error) => {
          if (error.status !== 401) throw error; // no session to revoke
        });
        end({ code: 'signed_out' });
      });
    },

    async signOutEverywhere() {
      const all = `${api}/me/sessions?include_current=true`;
      const { revoked } = await answerOf(await fetchSignedIn(all, { method: 'DELETE' }));
      end({ code: 'signed_out' });
      await turn(() => post('/auth/logout')).catch(ignore); // clears the cookie
      return revoked;
    },
  });
}
