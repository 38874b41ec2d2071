// The users who are signed in at this app. The browser holds a random id in a cookie; the refresh token stays here.
import { randomBytes, randomUUID } from 'node:crypto';
import { post } from './heirloom.mjs';

const { AUTH_AUDIENCE } = process.env;
const ATTEMPTS = 3;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** By id, in memory: a restart signs out all users. With a database, encrypt the refresh tokens and store hashes of the ids. */
const sessions = new Map();

export const find = (id) => sessions.get(id);

/** The cookie. By its prefix no other host of the domain can set it, and sign a user in to the session of another. */
export function cookieFor(origin) {
  const secure = origin.startsWith('https:');
  const options = { httpOnly: true, sameSite: 'lax', secure, path: '/' };
  return { name: `${secure ? '__Host-' : ''}notes_session`, options };
}

/** Opens a session from the answer to a sign-in. `browser`: the headers that name it, also when the session is refreshed. */
export async function open(answer, email, browser) {
  for (const [id, { expiresAt }] of sessions) if (expiresAt < Date.now()) sessions.delete(id);
  const session = { id: randomBytes(32).toString('base64url'), email, browser };
  keep(session, answer);
  await exchange(session, answer);
  sessions.set(session.id, session);
  return session;
}

/** Stores the next refresh token, together with the key that its refresh will have. */
function keep(session, { refresh_token, refresh_expires_in }) {
  session.refreshToken = refresh_token;
  session.key = randomUUID();
  session.expiresAt = Date.now() + refresh_expires_in * 1000;
}

/** Gets a token for the API in exchange. It opens nothing at Heirloom, so pages may have it. */
async function exchange(session, { access_token }) {
  const { access_token: token, expires_in } = await post('auth/token', { audience: AUTH_AUDIENCE }, {
    ...session.browser,
    Authorization: `Bearer ${access_token}`,
  });
  session.token = token;
  session.tokenExpiresAt = Date.now() + expires_in * 1000;
  session.renewAt = Date.now() + expires_in * 750; // after three quarters of its life
}

/** A good token for the API. Rejects with a `HeirloomError`; a refusal means that the user is signed out. */
export async function tokenOf(session) {
  if (Date.now() < session.renewAt) return session.token;
  await refresh(session).catch((error) => {
    // In an outage, the old one may be good still.
    if (error.isRefusal || Date.now() >= session.tokenExpiresAt) throw error;
  });
  return session.token;
}

/** Replaces the tokens. Requests that ask at the same time share one refresh. */
export function refresh(session) {
  session.pending ??= replace(session).finally(() => { session.pending = undefined; });
  return session.pending;
}

async function replace(session) {
  for (let attempt = 1; ; attempt++) {
    try {
      const { refreshToken, key, browser } = session;
      const headers = { ...browser, 'Idempotency-Key': key };
      const answer = await post('auth/refresh', { refresh_token: refreshToken }, headers);
      keep(session, answer);
      return await exchange(session, answer);
    } catch (error) {
      if (error.isRefusal) sessions.delete(session.id);
      if (error.isRefusal || attempt === ATTEMPTS) throw error;
      // The answer may have been lost. The same token with the same key brings the same successor.
      await pause(attempt * 250);
    }
  }
}

/** Signs out. Rejects where Heirloom did not confirm it: the user is then still signed in. */
export async function close(session) {
  await session.pending?.catch(() => {});
  await post('auth/logout', { refresh_token: session.refreshToken }, session.browser);
  sessions.delete(session.id);
}
