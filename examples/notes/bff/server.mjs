// A backend for the frontend: it renders the pages, keeps the refresh token, and hands each page a token for the API.
import express from 'express';
import { post } from './heirloom.mjs';
import { failurePage, notesPage, signInPage } from './pages.mjs';
import * as sessions from './sessions.mjs';

const { APP_ORIGIN, API_URL, TRUSTED_PROXIES, PORT = '3000' } = process.env;
const cookie = sessions.cookieFor(APP_ORIGIN);
const WHY = {
  __proto__: null,
  signed_out: 'You are signed out.',
  session_expired: 'Your session has expired. Sign in again.',
  refresh_token_reused: 'Your sign-in was used on another device too, perhaps by a thief. Sign in again.',
  session_revoked: 'You were signed out on another device, or by an administrator. Sign in again.',
};
const STALE = 'The service cannot be reached at the moment. Try again soon.';

// In production, answers to errors hold no stack.
const app = express().disable('x-powered-by').set('env', 'production');
// Otherwise all browsers have the address of the proxy, and share what is limited by address.
if (TRUSTED_PROXIES) app.set('trust proxy', TRUSTED_PROXIES);
app.use((request, response, next) => {
  response.set({
    'Cache-Control': 'no-store', // pages contain a token
    'Content-Security-Policy': `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' ${API_URL}; `
      + "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'same-origin',
  });
  // The cookie comes with every request. Only our own pages may change something by it.
  if (!['GET', 'HEAD'].includes(request.method) && request.get('origin') !== APP_ORIGIN) return response.sendStatus(403);
  const [, id] = new RegExp(`(?:^|; )${cookie.name}=([\\w-]+)`).exec(request.get('cookie') ?? '') ?? [];
  request.session = sessions.find(id);
  if (request.session) request.session.browser = browserOf(request);
  next();
});
for (const file of ['bff/page.js', 'app/style.css', 'app/icon.svg']) {
  app.get(file.replace(/^\w+/, ''), (_request, response) => response.sendFile(file, { root: `${import.meta.dirname}/..` }));
}
app.use(express.urlencoded({ extended: false, limit: '4kb' }));

/** The cookie lives as long as the session, which each refresh prolongs. */
function keepCookie(response, { id, expiresAt }) {
  response.cookie(cookie.name, id, { ...cookie.options, expires: new Date(expiresAt) });
}

/** Calls the API with the user's token; after a 401 once more, with a new one. */
async function callApi(session, path) {
  const call = async () => fetch(API_URL + path, {
    headers: { Authorization: `Bearer ${await sessions.tokenOf(session)}` },
    signal: AbortSignal.timeout(15_000),
  }).catch(() => null);
  const answer = await call();
  if (answer?.status !== 401) return answer;
  await sessions.refresh(session);
  return call();
}

app.get('/', async ({ session, query }, response) => {
  if (!session) return response.send(signInPage({ status: query.why && (WHY[query.why] ?? WHY.session_revoked) }));
  const answer = await callApi(session, '/notes');
  const [notes, status] = answer?.ok ? [await answer.json(), ''] : [[], STALE];
  const token = await sessions.tokenOf(session);
  keepCookie(response, session);
  response.send(notesPage({ email: session.email, status, notes, api: API_URL, token }));
});

/** Another token, for a page whose own was refused. */
app.post('/token', async ({ session }, response) => {
  if (!session) return response.status(401).json({ code: 'session_expired' });
  await sessions.refresh(session);
  response.json({ access_token: session.token });
});

// Heirloom limits guesses by address, and shows users their devices: tell it whose browser this is.
const browserOf = (request) => ({ 'X-Forwarded-For': request.ip, 'User-Agent': request.get('user-agent') ?? '' });

async function signIn(request, response) {
  const { email, password } = request.body ?? {};
  const account = { email, password };
  if (request.path === '/sign-up') await post('auth/register', account, browserOf(request));
  const answer = await post('auth/login', account, browserOf(request));
  keepCookie(response, await sessions.open(answer, email, browserOf(request)));
  if (request.session) await sessions.close(request.session).catch(() => {});
  response.redirect(303, '/');
}
for (const path of ['/sign-in', '/sign-up']) {
  app.post(path, (request, response) => signIn(request, response).catch((error) => {
    if (!('isRefusal' in error)) throw error;
    const page = signInPage({ status: error.message, email: request.body?.email });
    response.status(error.isRefusal ? 422 : 503).send(page);
  }));
}

app.post('/sign-out', async ({ session }, response) => {
  if (session) await sessions.close(session);
  response.clearCookie(cookie.name, cookie.options).redirect(303, '/?why=signed_out');
});

// Heirloom has refused a refresh, and the user is signed out; or it cannot be reached, and nothing is lost.
app.use((error, request, response, next) => {
  if (!('isRefusal' in error)) return next(error);
  const status = error.isRefusal ? 401 : 503;
  if (request.path === '/token') return response.status(status).json({ code: error.code, message: error.message });
  if (error.isRefusal) return response.clearCookie(cookie.name, cookie.options).redirect(303, `/?why=${error.code}`);
  response.status(503).set('Retry-After', '2').send(failurePage({ status: error.message }));
});

app.listen(Number(PORT), '127.0.0.1');
