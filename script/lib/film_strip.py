"""The walk of script/film-strip: `film_strip.py FOLDER URL URL-WITH-OPTIONAL-VERIFICATION HEIRLOOM [PART...]`."""

import base64
import hashlib
import html
import json
import os
import pathlib
import subprocess
import sys
import time

from eml import Mailbox
from film_factors import factors
from film_upstream import upstream
from webdriver import Browser

FOLDER, (URL, OPTIONAL, HEIRLOOM, *CHOSEN) = pathlib.Path(sys.argv[1]), sys.argv[2:]
PASSWORD, NEW, WEAK = "a quiet harbour at dawn", "nine lanterns over the bay", "password1"
SUBMIT = "main form button[type=submit]"
LOOKS = [(width, scheme) for width in (320, 1280) for scheme in ("light", "dark")]
MAILBOX = Mailbox(pathlib.Path(os.environ["HEIRLOOM_DATA_DIR"]) / "mail")


def heirloom(*arguments, typed=""):
    subprocess.run([HEIRLOOM, *arguments], input=typed, text=True, check=True, stdout=subprocess.DEVNULL)


def hashed():
    """The password of the walk, as Django would have stored it."""
    digest = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), b"film", 1000)
    return f"pbkdf2_sha256$1000$film${base64.b64encode(digest).decode()}"


class Strip:
    """The pictures of one language. `ours` is the browser of the user, `other` that of another device."""

    def __init__(self, language, ours, other):
        self.language, self.ours, self.other = language, ours, other

    def shot(self, name, browser=None):
        browser = browser or self.ours
        for width, scheme in LOOKS:
            browser.look_like(width, scheme)
            if browser.run("return document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                print(f"{name} ({self.language}) is wider than {width} pixels", file=sys.stderr)
            browser.picture(FOLDER / f"{name}-{self.language}-{width}-{scheme}.png")
        browser.look_like(1280, "light")
        print(name, self.language, flush=True)

    def email(self, address, kind, picture=True):
        """The newest email of a kind to an address, and its picture."""
        email = MAILBOX.newest(address, kind)
        if picture:
            page = FOLDER / "email.html"
            page.write_text(email.html)
            self.other.go(page.as_uri())
            self.shot(f"email-{kind}", self.other)
            page.unlink()
        return email

    def address(self, name):
        return f"{name}.{self.language}@example.com"

    def go(self, path, browser=None, base=URL):
        (browser or self.ours).go(f"{base}{path}{'&' if '?' in path else '?'}lang={self.language}")

    def open(self, link, browser):
        """A link of an email; in this strip's language, as in the browser of its reader."""
        self.go("/login", browser)
        browser.go(link)
        browser.shows(f"{SUBMIT}, #expired:not([hidden])")

    def sign_in(self, address, password, browser=None, base=URL):
        browser = browser or self.ours
        self.go("/login", browser, base)
        browser.type_into("#email", address)
        browser.type_into("#password", password)
        browser.click(SUBMIT)
        browser.shows("#content")

    def sign_out(self, browser=None):
        (browser or self.ours).click("#sign-out")
        (browser or self.ours).shows("#remember")

    def register(self, address):
        self.go("/register")
        self.ours.type_into("#email", address)
        self.ours.type_into("#name", "박서연" if self.language == "ko" else "Frances Okonkwo")
        self.ours.type_into("#password", PASSWORD)
        self.ours.click(SUBMIT)
        self.ours.shows("#waiting")

    def registered(self, address):
        """An account, signed in."""
        self.register(address)
        self.ours.type_into("#code", MAILBOX.newest(address, "confirm-registration").code)
        self.ours.click("#waiting button[type=submit]")
        self.ours.shows("#content")

    def sign_up(self):
        """In the browser that asked, by the button; then by the code."""
        address, ours = self.address("seoyeon"), self.ours
        self.go("/register")
        self.shot("register")
        ours.click(SUBMIT)
        self.shot("register-empty")
        ours.type_into("#email", address)
        ours.type_into("#password", WEAK)
        ours.click(SUBMIT)
        ours.shows("#problem")
        self.shot("register-refused")
        self.register(address)
        self.shot("register-code")
        email = self.email(address, "confirm-registration")
        ours.type_into("#code", "0000 0000")
        ours.click("#waiting button[type=submit]")
        ours.shows("#problem")
        self.shot("register-code-wrong")
        self.ours.click("main form.aside button")
        ours.shows(".message[role=status]")
        self.shot("register-code-again")
        self.open(email.link, ours)
        self.shot("register-confirm")
        ours.click(SUBMIT)
        ours.shows("#content")
        self.shot("register-signed-in")
        self.sign_out()
        self.go("/register")
        self.register(address)
        self.email(address, "already-registered")

    def elsewhere(self):
        """The link on another device, and the page that waits."""
        address, other = self.address("minjun"), self.other
        self.register(address)
        link = MAILBOX.newest(address, "confirm-registration").link
        self.open(link, other)
        self.shot("elsewhere-confirm", other)
        other.type_into("#password", NEW)
        other.click(SUBMIT)
        other.shows("[role=status]")
        self.shot("elsewhere-done", other)
        self.ours.shows("#remember")
        self.shot("elsewhere-waiting-goes-on")
        by_code = self.address("jiwoo")
        self.register(by_code)
        self.ours.type_into("#code", MAILBOX.newest(by_code, "confirm-registration").code)
        self.shot("elsewhere-code")
        self.ours.click("#waiting button[type=submit]")
        self.ours.shows("#content")
        self.sign_out()

    def forgot(self):
        address, ours, other = self.address("haeun"), self.ours, self.other
        self.registered(address)
        self.sign_out()
        self.go("/login")
        self.shot("login")
        self.go("/forgot")
        self.shot("forgot")
        ours.type_into("#email", "nobody")
        ours.click(SUBMIT)
        ours.shows("#problem")
        self.shot("forgot-refused")
        ours.type_into("#email", address)
        ours.click(SUBMIT)
        ours.shows("#waiting")
        self.shot("forgot-code")
        link = self.email(address, "reset-password").link
        self.open(link, other)
        self.shot("reset", other)
        other.type_into("#password", WEAK)
        other.click(SUBMIT)
        other.shows("#problem")
        self.shot("reset-refused", other)
        other.type_into("#password", NEW)
        other.click(SUBMIT)
        other.shows("[role=status]:not(.caps)")
        self.shot("reset-done", other)
        ours.shows("#remember")
        self.shot("reset-waiting-goes-on")
        self.open(link, other)
        self.shot("link-expired", other)
        self.email(address, "password-changed")
        self.sign_in(address, NEW)
        self.shot("account-after-reset")
        self.sign_out()

    def account(self):
        address, wanted, ours, other = self.address("doyun"), self.address("doyun.kim.new"), self.ours, self.other
        self.registered(address)
        self.sign_in(address, PASSWORD, other)
        self.go("/account")
        ours.shows("#content")
        self.shot("account")
        time.sleep(1.1)  # the session is no longer fresh
        ours.type_into("#new-email", wanted)
        ours.click("#address button[type=submit]")
        ours.shows("#step-up")
        self.shot("account-step-up")
        ours.type_into("#step-up-password", "not it")
        ours.click("#step-up-form button[type=submit]")
        ours.shows("#step-up-password-error")
        self.shot("account-step-up-wrong")
        ours.type_into("#step-up-password", PASSWORD)
        ours.click("#step-up-form button[type=submit]")
        ours.shows("#pending")
        self.shot("account-pending")
        confirm = self.email(wanted, "confirm-new-email").link
        cancel = self.email(address, "email-change-requested").link
        self.open(cancel, other)
        self.shot("change-cancel", other)
        self.open(confirm, other)
        self.shot("change-confirm-signed-in", other)
        self.go("/account", other)
        other.shows("#content")
        self.sign_out(other)
        self.open(confirm, other)
        self.shot("change-confirm", other)
        other.type_into("#password", PASSWORD)
        other.click(SUBMIT)
        other.shows("[role=status]:not(.caps)")
        self.shot("change-done", other)
        self.open(self.email(address, "email-changed").link, other)
        self.shot("undo", other)
        other.type_into("#password", NEW)
        other.click(SUBMIT)
        other.shows("[role=status]:not(.caps)")
        self.shot("undo-done", other)
        self.go("/account")
        ours.shows("#remember")
        self.shot("undo-signed-out")

    def unverified(self):
        """An imported account whose address nobody has verified: the sign-in, and the account page."""
        address = self.address("imported")
        row = json.dumps({"email": address, "password_hash": hashed(), "language": self.language})
        heirloom("user", "import", "-", "--format", "ndjson", typed=row)
        self.go("/login")
        self.ours.type_into("#email", address)
        self.ours.type_into("#password", PASSWORD)
        self.ours.click(SUBMIT)
        self.ours.shows("#problem")
        self.shot("unverified-refused")
        self.sign_in(address, PASSWORD, base=OPTIONAL)
        self.ours.shows("#unverified")
        self.shot("unverified-account")
        self.ours.click("#verify")
        self.ours.shows("#notice")
        self.shot("unverified-sent-again")
        self.sign_out()
        self.open(self.email(address, "verify-email").link, self.other)
        self.shot("verify", self.other)
        self.other.type_into("#password", PASSWORD)
        self.other.click(SUBMIT)
        self.other.shows("[role=status]:not(.caps)")
        self.shot("verify-done", self.other)

    def invite(self):
        admin, invited, ours, other = self.address("admin"), self.address("guest"), self.ours, self.other
        heirloom("user", "add", admin, "--admin", typed=PASSWORD + "\n")
        self.sign_in(admin, PASSWORD)
        self.go("/admin/invitations")
        ours.shows("#invite-email")
        self.shot("invite-none")
        time.sleep(1.1)
        ours.type_into("#invite-email", invited)
        ours.type_into("#invite-roles", "editor")
        ours.click("#content form button[type=submit]")
        ours.shows("#step-up")
        self.shot("invite-step-up")
        ours.type_into("#step-up-password", PASSWORD)
        ours.click("#step-up-form button[type=submit]")
        ours.shows(".rows li")
        self.shot("invite-sent")
        self.open(self.email(invited, "invitation").link, other)
        self.shot("invite-accept", other)
        other.type_into("#password", NEW)
        other.click(SUBMIT)
        other.shows("[role=status]:not(.caps)")
        self.shot("invite-done", other)
        self.go(f"/admin/people?q={invited}")
        ours.shows(".rows li")
        self.shot("admin-users")
        ours.click(".rows a")
        ours.shows("#user-roles")
        self.shot("admin-user")
        ours.click("#content .actions button:nth-child(2)")
        ours.shows("#notice")
        self.shot("admin-user-reset-sent")
        self.sign_out()

    def delete(self):
        address, ours = self.address("yuna"), self.ours
        self.registered(address)
        ours.click("#delete")
        ours.shows("#confirm")
        self.shot("delete")
        ours.type_into("#confirm-input", "nobody@example.com")
        ours.click("#confirm-yes")
        ours.shows("#confirm-input[aria-invalid], #step-up")
        if ours.run("return document.getElementById('step-up').open"):
            ours.type_into("#step-up-password", PASSWORD)
            ours.click("#step-up-form button[type=submit]")
        ours.shows("#confirm-input[aria-invalid]")
        self.shot("delete-refused")
        ours.type_into("#confirm-input", address)
        ours.click("#confirm-yes")
        ours.shows("#remember, #step-up")
        if ours.run("return document.getElementById('step-up')?.open"):
            ours.type_into("#step-up-password", PASSWORD)
            ours.click("#step-up-form button[type=submit]")
        ours.shows("#remember")
        self.shot("deleted")

    def without_script(self):
        """The forms of a browser that runs no script, and the page behind the link that revokes all sessions."""
        address, ours = self.address("siwoo"), self.ours
        self.registered(address)
        self.sign_out()
        ours.run_scripts(False)
        for path in ("/account", "/confirm"):
            self.go(path)
            self.shot(f"plain{path.replace('/', '-')}")
        self.forms_for_the_account(address)
        self.forms_for_the_code(address)
        ours.run_scripts(True)

    def forms_for_the_account(self, address):
        ours = self.ours
        self.go("/account/address")
        self.shot("plain-address")
        ours.type_into("#email", address)
        ours.type_into("#password", "not it")
        ours.type_into("#new_email", self.address("siwoo.new"))
        ours.click(SUBMIT)
        self.shot("plain-address-refused")
        ours.type_into("#password", PASSWORD)
        ours.click(SUBMIT)
        self.shot("plain-address-sent")
        self.go("/account/delete")
        self.shot("plain-delete")
        ours.type_into("#email", address)
        ours.type_into("#password", "not it")
        ours.click(SUBMIT)
        self.shot("plain-delete-refused")

    def forms_for_the_code(self, address):
        ours = self.ours
        self.go("/forgot")
        ours.type_into("#email", address)
        ours.click(SUBMIT)
        email = self.email(address, "reset-password", picture=False)
        ours.type_into("#code", email.code)
        ours.type_into("#password", WEAK)
        ours.click(SUBMIT)
        self.shot("plain-code-refused")
        ours.type_into("#password", NEW)
        ours.click(SUBMIT)
        self.shot("plain-reset-done")
        self.go(self.email(address, "password-changed", picture=False).path)
        self.shot("plain-end-sessions")
        ours.type_into("#password", "not it")
        ours.click(SUBMIT)
        self.shot("plain-end-sessions-refused")
        ours.type_into("#password", NEW)
        ours.click(SUBMIT)
        self.shot("plain-end-sessions-done")
        self.go("/account/delete")
        ours.type_into("#email", address)
        ours.type_into("#password", NEW)
        ours.click(SUBMIT)
        self.shot("plain-deleted")


PARTS = {
    "sign-up": Strip.sign_up, "elsewhere": Strip.elsewhere, "forgot": Strip.forgot, "account": Strip.account,
    "unverified": Strip.unverified, "invite": Strip.invite, "delete": Strip.delete, "without-script": Strip.without_script,
    "factors": lambda strip: factors(strip, PASSWORD, heirloom),
    "upstream": lambda strip: upstream(strip, PASSWORD, MAILBOX),
}


def index():
    """One line per picture, in the order in which they were taken."""
    files = sorted(FOLDER.glob("*.png"), key=lambda file: file.stat().st_mtime)
    names = dict.fromkeys(file.stem.rsplit("-", 3)[0] for file in files)
    images = lambda name: "".join(
        f'<a href="{file.name}"><img src="{file.name}" alt="{html.escape(file.stem)}" loading="lazy"></a>'
        for file in files if file.stem.rsplit("-", 3)[0] == name)
    style = "body{font:16px system-ui;margin:24px}div{display:flex;gap:8px;align-items:start;overflow-x:auto}img{height:480px;border:1px solid #999}"
    strips = "".join(f"<h2>{name}</h2><div>{images(name)}</div>" for name in names)
    (FOLDER / "index.html").write_text(f'<!doctype html><meta charset="utf-8"><title>Film strip</title><style>{style}</style>{strips}')


if unknown := set(CHOSEN) - set(PARTS):
    raise SystemExit(f"no such part: {', '.join(sorted(unknown))}. Parts: {', '.join(PARTS)}")
with Browser() as ours, Browser() as other:
    for language in ("en", "ko"):
        for name, part in PARTS.items():
            if name in CHOSEN or not CHOSEN:
                part(Strip(language, ours, other))
index()
