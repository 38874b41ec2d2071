"""Uses the example in Chromium: check.py actix|node|python|bff."""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from running import PASSWORD, Example, ask, until  # noqa: E402
from webdriver import ELEMENT, Browser  # noqa: E402

# Keeps the token that the page sends to the API, as a script of a thief in the page could; and what the policy forbids.
SPY = """
window.blocked = [];
addEventListener('securitypolicyviolation', ({ effectiveDirective }) => window.blocked.push(effectiveDirective));
const real = window.fetch;
window.fetch = (input, init) => {
  const headers = input instanceof Request ? input.headers : new Headers(init?.headers);
  const url = input instanceof Request ? input.url : `${input}`;
  if (url.startsWith('%s') && headers.has('Authorization')) window.stolen = headers.get('Authorization').slice(7);
  return real(input, init);
};
"""
OUTAGE = "cannot be reached at the moment"


class Page(Browser):
    """What a user does with the app. Both of its forms have the same ids."""

    def open(self, example):
        self.example = example
        self.command("Page.addScriptToEvaluateOnNewDocument", {"source": SPY % example.api})
        self.go(example.app)

    def new_tab(self):
        """Returns the earlier one."""
        earlier = self.ask("GET", "/window")
        self.switch(self.ask("POST", "/window/new", {"type": "tab"})["handle"])
        self.ask("POST", "/url", {"url": self.example.app})
        return earlier

    def switch(self, tab):
        self.ask("POST", "/window", {"handle": tab})

    def fill_in(self, email, password, button):
        self.shows("#signed-out")
        self.type_into("#address", email)
        self.type_into("#password", password)
        self.press(button)

    def sign_in(self, email, button="Sign in"):
        self.fill_in(email, PASSWORD, button)
        self.shows("#signed-in")
        self.until("return document.querySelector('#email').textContent === arguments[0]", email)

    def press(self, words):
        """The button with these words."""
        xpath = f"//button[normalize-space() = '{words}']"
        found = self.ask("POST", "/element", {"using": "xpath", "value": xpath})[ELEMENT]
        self.ask("POST", f"/element/{found}/click")

    def add(self, text):
        self.type_into("#text", text)
        self.press("Add note")

    def has_notes(self, *notes):
        self.until("""const shown = [...document.querySelectorAll('#notes li p')].map((item) => item.textContent);
                      return JSON.stringify(shown) === JSON.stringify(arguments[0])""", notes)

    def says(self, text):
        self.until("return document.querySelector('#status').textContent.includes(arguments[0])", text)

    def token(self):
        """The token that the page uses for the API."""
        return self.run("return document.querySelector('meta[name=access-token]')?.content ?? window.stolen")

    def cookies(self):
        return {each["name"]: each for each in self.command("Storage.getCookies", {})["cookies"]}


def the_api_is_careful(example, page):
    """Whose notes they are, which tokens count, and which pages may read the answers."""
    example.post("auth/register", {"email": example.mallory, "password": PASSWORD})
    own, token = example.token(example.mallory)
    [note] = [each for each in example.notes(page.token()).json() if each["text"] == "<b>milk</b>"]
    assert example.notes(token).json() == []
    assert example.notes(token, "DELETE", f"/{note['id']}").status == 404
    assert len(example.notes(page.token()).json()) == 1
    for text in ["", "  ", "x" * 501]:
        assert example.notes(token, "POST", body={"text": text}).status == 422, text
    for wrong in [None, "nonsense", own]:
        answer = example.notes(wrong, Origin=example.app)
        assert answer.status == 401 and answer.headers["WWW-Authenticate"].startswith("Bearer"), wrong
        assert answer.headers["Access-Control-Allow-Origin"] == example.app, "the page must be able to read it"
        assert "www-authenticate" in answer.headers["Access-Control-Expose-Headers"].lower()
    wanted = {"Access_Control_Request_Method": "DELETE", "Access_Control_Request_Headers": "authorization,content-type"}
    allowed = example.notes(None, "OPTIONS", Origin=example.app, **wanted)
    assert allowed.status in (200, 204) and allowed.headers["Access-Control-Allow-Origin"] == example.app
    assert "DELETE" in allowed.headers["Access-Control-Allow-Methods"]
    assert "authorization" in allowed.headers["Access-Control-Allow-Headers"].lower()
    assert not allowed.headers["Access-Control-Allow-Credentials"]
    odd = example.notes(token, "DELETE", "/%")
    assert odd.status in (400, 404, 422) and "node_modules" not in odd.text, "an answer with a stack"
    if example.kind == "python":
        assert example.notes(token, "POST", body={"text": "x" * 20_000}).status == 413
    foreign = "https://evil.example"
    for answer in [example.notes(None, "OPTIONS", Origin=foreign, **wanted), example.notes(token, Origin=foreign)]:
        assert answer.headers["Access-Control-Allow-Origin"] != foreign


def a_sign_out_elsewhere_counts(example, page):
    """Another tab signs out. The token that was stolen before is refused, though it has not expired."""
    stolen = page.token()
    first = page.new_tab()
    page.has_notes("<b>milk</b>")
    assert example.notes(stolen).status == 200
    page.press("Sign out")
    page.says("You are signed out.")
    example.refuses(stolen)
    page.ask("DELETE", "/window")
    page.switch(first)


def an_outdated_token_is_replaced(example, page):
    """The user gets a role. The page's token is refused, and the page gets another, without a sign-in."""
    outdated = page.token()
    example.operator("user", "grant", example.alice, "editor")
    example.refuses(outdated, "outdated")
    page.add("tea")
    page.has_notes("tea", "<b>milk</b>")
    assert page.token() != outdated
    page.press("Delete")
    page.has_notes("<b>milk</b>")


def an_outage_is_shown(example, page):
    """The server that signs users in is silent: the API answers 503, the page says so, and nobody is signed out."""
    _, token = example.token(example.mallory)
    heirloom = example.heirloom()
    os.kill(heirloom, signal.SIGSTOP)
    try:
        answer = until("the API knows that it knows nothing", lambda: (answer := example.notes(token)).status == 503 and answer)
        assert int(answer.headers["Retry-After"]) > 0
        page.add("eggs")
        page.says(OUTAGE)
    finally:
        os.kill(heirloom, signal.SIGCONT)
    until("the API is back", lambda: example.notes(token).status == 200)
    page.press("Add note")
    page.has_notes("eggs", "<b>milk</b>")


def a_stolen_refresh_token_helps_nobody(example, page):
    """A thief has copied the cookie. The browser has used it since: it is presented twice, and the session is revoked."""
    cookie = page.cookies()["heirloom"]
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"
    page.go(example.app)
    page.has_notes("eggs", "<b>milk</b>")
    assert page.cookies()["heirloom"]["value"] != cookie["value"], "the page has refreshed"
    access = page.token()
    answer = example.post("auth/refresh", None, Cookie=f"heirloom={cookie['value']}")
    assert answer.status == 401 and answer.json()["code"] == "refresh_token_reused", answer.text
    example.refuses(access)
    page.add("never written")
    page.says("perhaps by a thief")
    page.shows("#signed-out")


def the_pages_of_heirloom_lead_back(example, page):
    """Users who sign in otherwise do so there, and are signed in at the app."""
    page.click("#other-ways")
    page.until("return location.origin === arguments[0]", example.auth)
    page.type_into("[name=email]", example.alice)
    page.type_into("[name=password]", PASSWORD)
    page.press("Sign in")
    page.until("return location.origin === arguments[0]", example.app)
    page.has_notes("eggs", "<b>milk</b>")
    page.click("#email")
    page.until("return location.href === arguments[0]", f"{example.auth}/account")


def the_browser_holds_no_refresh_token(example, page):
    """With a backend for the frontend: a cookie of the app's own, and in the page a token for the API only."""
    cookie = page.cookies()["notes_session"]
    assert cookie["httpOnly"] and cookie["sameSite"] == "Lax" and "heirloom" not in page.cookies()
    shown = ask("GET", example.app, Cookie=f"notes_session={cookie['value']}")
    assert page.token() in shown.text and "hrt_" not in shown.text and shown.headers["Cache-Control"] == "no-store"
    assert ask("GET", f"{example.auth}/api/v1/me", page.token()).status == 401, "it opens nothing at Heirloom"
    # Several pages may ask for another token at once, and each gets a good one.
    script = """const ask = () => fetch('/token', { method: 'POST' }).then((answer) => answer.json());
                Promise.all([ask(), ask(), ask()]).then(arguments[0])"""
    for _ in range(2):
        for answer in page.ask("POST", "/execute/async", {"script": script, "args": []}):
            assert example.notes(answer["access_token"]).status == 200
    # Users see their browser in the list of their devices, not this server.
    own, _ = example.token(example.alice)
    sessions = ask("GET", f"{example.auth}/api/v1/me/sessions", own).json()["items"]
    agents = [str(each.get("user_agent")) for each in sessions]
    assert any("Chrome" in agent for agent in agents) and not any(agent.startswith("node") for agent in agents), agents
    # A page of another origin may send the cookie, and cannot use it.
    for path in ["/sign-out", "/token"]:
        for origin in [{}, {"Origin": example.api}]:
            assert ask("POST", example.app + path, Cookie=f"notes_session={cookie['value']}", **origin).status == 403
    assert ask("POST", f"{example.app}/token", Origin=example.app).status == 401


def a_session_that_is_revoked_ends(example, page):
    """The user revokes all other sessions on another device. The app learns it from the API."""
    stolen, (own, _) = page.token(), example.token(example.alice)
    assert example.notes(stolen).status == 200
    assert ask("DELETE", f"{example.auth}/api/v1/me/sessions", own).json()["revoked"] >= 1
    example.refuses(stolen)
    page.add("never written")
    page.says("signed out on another device")
    page.shows("#signed-out")
    page.sign_in(example.alice)
    page.has_notes("eggs", "<b>milk</b>")


def main():
    # So that what was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with Example(sys.argv[1]) as example, Page() as page:
        page.open(example)
        page.fill_in(example.alice, "not the password", "Sign in")
        page.says("Incorrect")
        page.fill_in(example.alice, "short", "Create an account")
        page.says("characters")
        page.sign_in(example.alice, "Create an account")
        page.has_notes()
        page.add("bread")
        page.has_notes("bread")
        page.press("Delete")
        page.has_notes()
        page.add("<b>milk</b>")
        page.has_notes("<b>milk</b>")
        page.go(example.app)
        page.has_notes("<b>milk</b>")
        assert page.run("return window.blocked") == [], "the policy forbids what the page needs: the client's frame"
        the_api_is_careful(example, page)
        a_sign_out_elsewhere_counts(example, page)
        if example.kind == "bff":
            # Its page learns it when it asks for something.
            page.add("never written")
        page.sign_in(example.alice)
        page.has_notes("<b>milk</b>")
        an_outdated_token_is_replaced(example, page)
        an_outage_is_shown(example, page)
        if example.kind == "bff":
            the_browser_holds_no_refresh_token(example, page)
            a_session_that_is_revoked_ends(example, page)
        else:
            a_stolen_refresh_token_helps_nobody(example, page)
            the_pages_of_heirloom_lead_back(example, page)


main()
