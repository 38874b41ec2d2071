/*! For the pages of all origins of one site that use heirloom.js. In a hidden frame of each, this script gives turns to
 *  refresh, keeps the key of the next refresh, and passes on who has signed in and out. It has no token and sends no
 *  request: docs/adr/0050-one-frame-for-all-origins-of-a-site.md. */

const TURN_LIMIT = 20_000; // ms, as in heirloom.js
const PATIENCE = TURN_LIMIT + 2_000; // ms
const NEWS_LIMIT = 20; // in a period
const NEWS_PERIOD = 10_000; // ms

const { locks } = navigator;
// The server's own pages use the same names, in heirloom.js.
const name = `heirloom ${new URL('../api/v1', location.href)}`;
const origins = (document.documentElement.dataset.origins ?? '').split(' ');

const isKey = (text) => typeof text === 'string' && /^[!-~]{16,255}$/.test(text);
const isWord = (text) => typeof text === 'string' && /^[\w-]{1,64}$/.test(text);
const sleep = (ms) => new Promise((done) => { setTimeout(done, ms); });

const clientOf = async (lock) => (await locks.query()).held.find((held) => held.name === lock)?.clientId;
/** Who has the turn. */
const holder = () => clientOf(name);

/** How `holder` names this page. */
function myself() {
  const mine = `${name} ${crypto.randomUUID()}`;
  return locks.request(mine, () => clientOf(mine));
}

/**
 * Waits in the queue for the turn, then calls `work`. Returns who has the turn and stands still, if that ends the wait;
 * else when `work` is done, or `ended`.
 */
async function inQueue(ended, work) {
  const waiting = new AbortController();
  const stop = () => waiting.abort();
  let isMine = false;
  let still;
  let seen = await holder();
  if (ended.aborted) return null;
  // Turns come in the order of the queue: a page that is seen twice had its turn all the time.
  const watch = setInterval(async () => {
    const now = await holder();
    if (!isMine && now && now === seen) {
      still = now;
      stop();
    }
    seen = now;
  }, PATIENCE);
  ended.addEventListener('abort', stop);
  try {
    await locks.request(name, { signal: waiting.signal }, () => {
      isMine = true;
      clearInterval(watch);
      return work();
    });
  } catch {
    // stopped, or taken over by another page
  }
  clearInterval(watch);
  ended.removeEventListener('abort', stop);
  return isMine || ended.aborted ? null : still;
}

async function inTurn(ended, work) {
  let still = await inQueue(ended, work);
  while (still) {
    await sleep(1_000 * Math.random()); // others may have noticed too
    if (ended.aborted) return;
    if ((await holder()) === still) return locks.request(name, { steal: true }, work).catch(() => {});
    still = await inQueue(ended, work);
  }
}

/** Serves the page that has this frame. */
function serve(port) {
  const channel = new BroadcastChannel(name);
  const me = myself();
  let turn = null; // that the page wants or has
  let given = 0; // when it got it
  let period = 0;
  let news = 0; // in this period

  function end() {
    turn?.abort();
    turn = null;
    given = 0;
  }

  function take() {
    end();
    const mine = new AbortController();
    turn = mine;
    inTurn(mine.signal, async () => {
      const at = Date.now();
      // It may have come while this page stood still, and be another's by now.
      const isLost = (await holder()) !== (await me);
      if (mine.signal.aborted) return;
      if (isLost) return take();
      given = at;
      port.postMessage({ key: localStorage.getItem(name), at });
      setTimeout(() => mine.abort(), TURN_LIMIT);
      await new Promise((done) => { mine.signal.addEventListener('abort', done); });
    });
  }

  function keep(key) {
    // Another page takes over no earlier than this.
    if (Date.now() - given < TURN_LIMIT && isKey(key)) localStorage.setItem(name, key);
  }

  function tell({ signedin, signedout, why, reason }) {
    if (Date.now() - period > NEWS_PERIOD) {
      period = Date.now();
      news = 0;
    }
    if (++news > NEWS_LIMIT) return;
    if (isWord(signedin)) channel.postMessage({ signedin });
    else if (isWord(signedout) && isWord(why)) {
      channel.postMessage({ signedout, why, reason: isWord(reason) ? reason : undefined });
    }
  }

  port.onmessage = ({ data }) => {
    if (data?.take) take();
    else if (data?.give) end();
    else if (data?.key) keep(data.key);
    else if (data?.signedin || data?.signedout) tell(data);
  };
  channel.onmessage = ({ data }) => port.postMessage(data);
  addEventListener('pagehide', end);
  port.postMessage({ hello: 1 });
}

/** The first message of the page around this one brings the port for all others. */
function meet(/** @type {MessageEvent} */ { source, origin, data, ports }) {
  const [port] = ports;
  if (parent === window || source !== parent || !origins.includes(origin) || data !== 'heirloom' || !port) return;
  removeEventListener('message', meet);
  serve(port);
}

// Without locks or storage the page gets no answer, and goes on alone.
if (locks && localStorage) addEventListener('message', meet);
