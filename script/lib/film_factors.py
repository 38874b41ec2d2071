"""The part of script/film-strip that shows second factors: app, recovery codes, passkeys, and a user who has lost them."""

import base64
import hashlib
import hmac
import struct
import time

SUBMIT = "main form button[type=submit]"
AUTHENTICATOR = {
    "protocol": "ctap2", "ctap2Version": "ctap2_1", "transport": "internal", "hasResidentKey": True,
    "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True,
}


def code_of(secret, ahead=0):
    """A code of an authenticator app (RFC 6238), so many steps ahead."""
    key, step = base64.b32decode(secret), struct.pack(">Q", int(time.time()) // 30 + ahead)
    digest = hmac.new(key, step, hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 1_000_000:06}"


SHOWN = "[...document.querySelectorAll(arguments[0])].some((element) => element.checkVisibility())"


def confirm(browser, clicked, typed, shown):
    """Clicks, confirms with what is typed where the session is not fresh any more, and waits for what is shown then."""
    browser.click(clicked)
    browser.until(f"return document.getElementById('step-up').open || {SHOWN}", shown)
    if browser.run("return document.getElementById('step-up').open"):
        browser.type_into("#step-up-password", typed)
        browser.click("#step-up-form button[type=submit]")
    browser.shows(shown)


def set_up_app(strip, password):
    """On the account page. Returns the recovery codes."""
    ours = strip.ours
    strip.shot("factors-none")
    confirm(ours, "#begin-totp", password, "#totp")
    strip.shot("factors-app")
    secret = ours.run("return document.getElementById('totp-secret').textContent").replace(" ", "")
    ours.type_into("#totp-code", "000000")
    confirm(ours, "#totp-form button[type=submit]", password, "#totp-code[aria-invalid], #totp-problem")
    strip.shot("factors-app-refused")
    ours.type_into("#totp-code", code_of(secret))
    confirm(ours, "#totp-form button[type=submit]", password, "#codes")
    strip.shot("factors-codes")
    codes = ours.run("return [...document.querySelectorAll('#code-list li')].map((row) => row.textContent)")
    ours.click("#codes-close")
    ours.shows("#remove-totp")
    strip.shot("factors-app-set-up")
    return codes


def second_step(strip, address, password, codes):
    """The second step of the sign-in, and the way out for a user who has lost app and codes."""
    ours, other = strip.ours, strip.other
    for browser in (ours, other):
        strip.go("/login", browser)
        browser.type_into("#email", address)
        browser.type_into("#password", password)
        browser.click(SUBMIT)
        browser.shows("#code")
    strip.shot("second-factor")
    ours.type_into("#code", "000000")
    ours.click(SUBMIT)
    ours.shows("#problem")
    strip.shot("second-factor-refused")
    ours.type_into("#code", codes[0])
    ours.click(SUBMIT)
    ours.shows("#content")
    strip.email(address, "recovery-code-used")
    strip.go("/login", other)
    other.type_into("#email", address)
    other.type_into("#password", password)
    other.click(SUBMIT)
    other.shows("main details summary")
    other.click("main details summary")
    strip.shot("second-factor-lost", other)
    other.click("main details button")
    other.shows("main [role=status], main h1")
    strip.shot("recovery-started", other)
    strip.email(address, "factor-recovery-started")
    strip.go("/account")
    ours.shows("#cancel-recovery")
    strip.shot("factors-recovery-waits")
    ours.click("#cancel-recovery")
    ours.shows("#notice")
    strip.shot("factors-recovery-cancelled")


def add_passkey(strip, codes):
    ours = strip.ours
    ours.command("WebAuthn.enable", {})
    added = ours.command("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    ours.click("#add-passkey")
    ours.until("return document.getElementById('step-up').open || document.querySelector('#passkeys li')")
    if ours.run("return document.getElementById('step-up').open"):
        strip.shot("step-up-code")
        ours.type_into("#step-up-code", codes[1])
        ours.click("#step-up-form button[type=submit]")
    ours.shows("#passkeys li")
    # A page that offers passkeys waits for the authenticator: pictures of it would wait too.
    ours.command("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": added["authenticatorId"]})
    ours.command("WebAuthn.disable", {})
    strip.shot("factors-passkey")
    strip.sign_out()


def enrol(strip, address, password, heirloom):
    """A role demands a second factor: it is set up before there is a session."""
    other = strip.other
    heirloom("user", "add", address, typed=password + "\n")
    heirloom("user", "grant", address, "auditor")
    strip.go("/login", other)
    other.type_into("#email", address)
    other.type_into("#password", password)
    other.click(SUBMIT)
    other.shows("#code")
    strip.shot("enrol", other)
    secret = other.run("return document.querySelector('main .hint code').textContent").replace(" ", "")
    other.type_into("#code", "000000")
    other.click(SUBMIT)
    other.shows("#problem, [aria-invalid=true]")
    strip.shot("enrol-refused", other)
    other.type_into("#code", code_of(secret))
    if other.run("return document.getElementById('email_code')"):
        other.type_into("#email_code", strip.email(address, "enrolment-code", picture=False).code)
    other.click(SUBMIT)
    other.shows("main a.button")
    strip.shot("enrol-codes", other)
    other.click("main a.button")
    other.shows("#content")
    strip.sign_out(other)


def factors(strip, password, heirloom):
    address = strip.address("hana")
    strip.registered(address)
    strip.go("/account")
    strip.ours.shows("#content")
    codes = set_up_app(strip, password)
    strip.email(address, "factor-added")
    strip.sign_out()
    second_step(strip, address, password, codes)
    add_passkey(strip, codes)
    strip.email(address, "passkey-added")
    enrol(strip, strip.address("auditor"), password, heirloom)
