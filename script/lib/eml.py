"""The emails that a server without a mail server writes into its folder."""

import email
import email.policy
import re
import time


class Email:
    """One email: its HTML, its link and the path of it, and its code if it has one."""

    def __init__(self, message):
        self.html = message.get_body(("html",)).get_content()
        text = message.get_body(("plain",)).get_content().replace("\r\n", "\n")
        link, code = re.search(r"^https?://\S+$", text, re.M), re.search(r"^\d{4} \d{4}$", text, re.M)
        self.link, self.code = link and link[0], code and code[0]
        self.path = link and re.sub(r"^https?://[^/]+", "", self.link)


class Mailbox:
    def __init__(self, folder):
        self.folder = folder

    def newest(self, address, kind):
        """The newest email of a kind to an address. Waits until there is one."""
        for _ in range(600):
            for file in sorted(self.folder.glob(f"*_{kind}_*.eml"), reverse=True):
                message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
                if message["To"] == address:
                    return Email(message)
            time.sleep(0.1)
        raise SystemExit(f"no email {kind} to {address}")
