// The HTML. Everything that is not written here is escaped.
const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

class Html {
  constructor(text) { this.text = text; }
}

function render(value) {
  if (Array.isArray(value)) return value.map(render).join('');
  return value instanceof Html ? value.text : String(value ?? '').replace(/[&<>"']/g, (character) => ESCAPES[character]);
}

const html = (parts, ...values) => new Html(String.raw({ raw: parts }, ...values.map(render)));

const page = ({ head, header, status, main }) => render(html`<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  ${head}
  <title>Notes</title>
  <link rel="icon" href="/icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/style.css">
</head>
<body>
  <header>
    <h1><img src="/icon.svg" alt="" width="32" height="32"> Notes</h1>
    ${header}
  </header>
  <main>
    <p id="status" role="status">${status}</p>
    ${main}
  </main>
</body>
</html>
`);

/** The form. `status` tells what happened before. */
export const signInPage = ({ status, email }) => page({
  status,
  main: html`<section id="signed-out" aria-labelledby="welcome">
      <h2 id="welcome">Welcome</h2>
      <form id="sign-in" method="post" action="/sign-in">
        <label for="address">Email</label>
        <input id="address" name="email" type="email" autocomplete="username" value="${email}" required>
        <label for="password">Password</label>
        <input id="password" name="password" type="password" autocomplete="current-password" required>
        <button>Sign in</button>
        <button formaction="/sign-up" class="quiet">Create an account</button>
      </form>
    </section>`,
});

/** For a moment in which Heirloom cannot be reached. */
export const failurePage = ({ status }) => page({ status, main: html`<p id="empty"><a href="/">Try again</a></p>` });

const item = ({ id, text }) => html`<li>
          <p>${text}</p>
          <button type="button" class="quiet" data-id="${id}" aria-label="Delete: ${text.slice(0, 40)}">Delete</button>
        </li>`;

/** The notes, with the token by which the page's script calls the API. */
export const notesPage = ({ email, status, notes, api, token }) => page({
  status,
  head: html`<meta name="api" content="${api}">
  <meta name="access-token" content="${token}">
  <script type="module" src="/page.js"></script>`,
  header: html`<form id="account" method="post" action="/sign-out">
      <span id="email">${email}</span>
      <button id="sign-out" class="quiet">Sign out</button>
    </form>`,
  main: html`<section id="signed-in" aria-label="Your notes">
      <form id="add">
        <label for="text">New note</label>
        <textarea id="text" name="text" rows="3" maxlength="500" required></textarea>
        <button>Add note</button>
      </form>
      <ul id="notes">${notes.map(item)}</ul>
      ${notes.length === 0 && !status ? html`<p id="empty">Nothing here yet. What do you want to remember?</p>` : ''}
    </section>`,
});
