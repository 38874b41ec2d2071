"""Signs in to Heirloom with three providers that others wrote, each at its own pages: check.py BASE ORIGINS(JSON)."""

import json
import sys
from urllib.parse import parse_qs, urlsplit

from browser import Browser

BASE = sys.argv[1]
PROVIDERS = json.loads(sys.argv[2])
PASSWORD = "long-enough-for-this-check-7"


def at_home(url):
    return url.startswith(f"{BASE}/")


def is_callback(url):
    return at_home(url) and "/callback" in urlsplit(url).path


def begin(browser, name, return_to="/account"):
    answer = browser.get(f"{BASE}/auth/upstream/{name}?return_to={return_to}")
    assert answer.status == 303, answer
    query = parse_qs(urlsplit(answer.location).query)
    assert query["code_challenge_method"] == ["S256"] and query["nonce"] and query["state"], answer
    return answer


def at_oidc_provider(browser, answer, member):
    """npm oidc-provider: a page to sign in, a page to consent."""
    page = browser.follow(answer, is_callback)
    if page.location is None:
        page = browser.submit(page, login=member, password="any")
        page = browser.follow(page, is_callback)
    if page.location is None:
        page = browser.submit(page)
    return browser.follow(page, is_callback)


def at_mock(browser, answer, member):
    """PyPI oidc-provider-mock (Authlib): one page."""
    page = browser.follow(answer, is_callback)
    return browser.submit(page, sub=member)


def at_glewlwyd(browser, answer, member):
    """glewlwyd: its page asks its own interface, as here."""
    base = PROVIDERS["glewlwyd"]
    page = browser.follow(answer, lambda url: is_callback(url) or "login.html" in url)
    if is_callback(page.location):
        return page
    login = {"username": member, "password": "a password at glewlwyd"}
    assert browser.json("POST", f"{base}/api/auth/", login).status == 200
    granted = browser.json("PUT", f"{base}/api/auth/grant/heirloom", {"scope": "openid"})
    assert granted.status == 200, granted
    (back,) = parse_qs(urlsplit(page.location).query)["callback_url"]
    # Without it, the page is shown again.
    return browser.follow(browser.get(f"{back}&g_continue"), is_callback)


AT = {"npm": at_oidc_provider, "authlib": at_mock, "glewlwyd": at_glewlwyd}


def come_back(browser, name, member, answer=None):
    """Through the provider and back: Heirloom's answer to the callback."""
    back = AT[name](browser, answer or begin(browser, name), member)
    assert back.location and is_callback(back.location), back
    return browser.get(back.location)


def account(browser):
    """Who is signed in, by the cookie of the browser."""
    tokens = browser.json("POST", f"{BASE}/api/v1/auth/refresh")
    assert tokens.status == 200, tokens
    tokens = tokens.json()
    me = browser.json("GET", f"{BASE}/api/v1/me", bearer=tokens["access_token"])
    assert me.status == 200, me
    return me.json()["user"], tokens["access_token"]


def path(answer):
    return urlsplit(answer.location or "").path


def a_verified_address_opens_an_account_and_the_same_one_again(name, member, email):
    first = Browser()
    arrived = come_back(first, name, member)
    assert (arrived.status, path(arrived)) == (303, "/account"), arrived
    me, _ = account(first)
    assert me["email"] == email and me["email_verified"], me
    second = Browser()
    arrived = come_back(second, name, member)
    assert (arrived.status, path(arrived)) == (303, "/account"), arrived
    assert account(second)[0]["id"] == me["id"]


def an_unverified_address_opens_nothing(name, member):
    browser = Browser()
    arrived = come_back(browser, name, member)
    assert (arrived.status, path(arrived)) == (303, "/connect"), arrived
    assert browser.json("POST", f"{BASE}/api/v1/auth/refresh").status == 401
    page = browser.get(arrived.location)
    assert page.status == 200 and "email" in page.form()["fields"], page


def a_connected_identity_opens_the_account(name, member):
    owner, email = Browser(), f"owner-at-{name}@example.com"
    made = owner.json("POST", f"{BASE}/api/v1/auth/register", {"email": email, "password": PASSWORD})
    assert made.status == 201, made
    proof = {"email": email, "password": PASSWORD, "transport": "cookie"}
    signed_in = owner.json("POST", f"{BASE}/api/v1/auth/login", proof)
    assert signed_in.status == 200, signed_in
    me, token = account(owner)
    began = owner.json("POST", f"{BASE}/api/v1/me/identities/{name}", {"return_to": "/account"}, bearer=token)
    assert began.status == 200, began
    page = owner.get(began.json()["authorize_url"])
    arrived = come_back(owner, name, member, page)
    assert (arrived.status, path(arrived)) == (303, "/account") and "reason" not in arrived.location, arrived
    other = Browser()
    arrived = come_back(other, name, member)
    assert (arrived.status, path(arrived)) == (303, "/account"), arrived
    assert account(other)[0]["id"] == me["id"]


def a_callback_opens_nothing_in_another_browser(name, member):
    victim = Browser()
    back = AT[name](victim, begin(victim, name), member)
    mallory = Browser()
    begin(mallory, name)
    for browser in (Browser(), mallory):
        refused = browser.get(back.location)
        assert (refused.status, path(refused)) == (303, "/login"), refused
        assert "reason=upstream_state_invalid" in refused.location, refused
        assert browser.json("POST", f"{BASE}/api/v1/auth/refresh").status == 401


def a_code_is_good_once(name, member):
    browser = Browser()
    back = AT[name](browser, begin(browser, name), member)
    cookies = list(browser.cookies)
    assert browser.get(back.location).status == 303
    # Back with the cookie of the flow: the provider refuses the code.
    again = Browser()
    for cookie in cookies:
        again.cookies.set_cookie(cookie)
    refused = again.get(back.location)
    assert (refused.status, path(refused)) == (303, "/login") and "reason=" in refused.location, refused


def check(name):
    if name == "npm":
        a_verified_address_opens_an_account_and_the_same_one_again(name, "alice", "alice@example.com")
        a_connected_identity_opens_the_account(name, "bob")
    else:
        # Neither says that an address is verified.
        member = "alice" if name == "glewlwyd" else "carol@example.com"
        an_unverified_address_opens_nothing(name, member)
        a_connected_identity_opens_the_account(name, member)
    member = "carol@example.com" if name == "authlib" else "alice"
    a_callback_opens_nothing_in_another_browser(name, member)
    a_code_is_good_once(name, member)
    print(f"  {name}: every sign-in went as it must", file=sys.stderr)


for provider in PROVIDERS:
    check(provider)
