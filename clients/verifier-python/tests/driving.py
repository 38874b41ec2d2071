"""A verifier beside a stub of the server."""

import unittest

from heirloom_verifier import VerificationError, Verifier
from stub import AUDIENCE, Stub, digest


def code(verifier, token):
    try:
        verifier.verify(token)
        return "good"
    except VerificationError as error:
        return error.code


class Driving(unittest.TestCase):
    def setUp(self):
        self.stub = Stub().start()
        self.states = []
        self.addCleanup(self.stub.stop)

    def verifier(self, **options):
        options = {"feed_key": "secret", "on_state": lambda *state: self.states.append(state), **options}
        verifier = Verifier(self.stub.url, AUDIENCE, **options)
        self.addCleanup(verifier.close)
        return verifier

    def fresh(self, **options):
        verifier = self.verifier(**options)
        self.assertTrue(verifier.ready(60))
        return verifier

    def last_reason(self):
        return self.states[-1][1].partition(":")[0] if self.states else None

    def revoke(self, sid):
        self.stub.send("delta", sessions=[digest(sid)])
