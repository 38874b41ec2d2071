// An API for notes. Each user sees only their own; the access token shows whose they are.
import { randomUUID } from 'node:crypto';
import cors from 'cors';
import express from 'express';
import { bearer, refusal, VerificationError, Verifier } from 'heirloom-verifier';

const { AUTH_ISSUER, AUTH_AUDIENCE, AUTH_FEED_KEY, APP_ORIGIN, PORT = '3000' } = process.env;
const verifier = new Verifier({
  issuer: AUTH_ISSUER,
  audience: AUTH_AUDIENCE,
  feedKey: AUTH_FEED_KEY,
  onState: (state, reason) => console.error(`revocations: ${state} ${reason}`),
});

/** Lets requests with a good token pass. All others: 401, or 503 while revocations are not known. */
async function signedIn(request, response, next) {
  const token = bearer(request.get('authorization'));
  let answer = refusal();
  try {
    if (token) request.user = (await verifier.verify(token)).sub;
  } catch (error) {
    if (!(error instanceof VerificationError)) return next(error);
    answer = refusal(error);
  }
  if (request.user) return next();
  response.status(answer.status).set(answer.headers).send(answer.body);
}

/** All notes, in memory, by the user's id: newest first. */
const notes = new Map();
const notesOf = (user) => notes.get(user) ?? [];

// In production, answers to errors hold no stack.
const app = express().disable('x-powered-by').set('env', 'production');
// Before the check of the token: refusals get its headers too, so that the page can read them. Cookies are not used.
app.use(cors({
  origin: [APP_ORIGIN],
  methods: ['GET', 'POST', 'DELETE'],
  allowedHeaders: ['Authorization', 'Content-Type'],
  exposedHeaders: ['WWW-Authenticate', 'Retry-After'],
  maxAge: 600,
}));
app.use((_request, response, next) => {
  response.set('Cache-Control', 'no-store');
  next();
});

app.get('/notes', signedIn, (request, response) => response.json(notesOf(request.user)));

app.post('/notes', signedIn, express.json({ limit: '16kb' }), (request, response) => {
  const text = String(request.body?.text ?? '').trim();
  if (!text || text.length > 500) return response.status(422).send('A note has 1 to 500 characters.');
  const note = { id: randomUUID(), text };
  notes.set(request.user, [note, ...notesOf(request.user)]);
  response.status(201).json(note);
});

app.delete('/notes/:id', signedIn, (request, response) => {
  const kept = notesOf(request.user).filter(({ id }) => id !== request.params.id);
  const isKnown = kept.length < notesOf(request.user).length;
  notes.set(request.user, kept);
  response.sendStatus(isKnown ? 204 : 404);
});

// A token that is refused while the program starts would be a mistake: wait for the first snapshot.
await verifier.ready();
app.listen(Number(PORT), '127.0.0.1');
