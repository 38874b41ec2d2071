"""A header is read once for each key: what was read of it must not outlive the key, nor let anything else pass."""

import json
import time
import unittest

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from heirloom_verifier import VerificationError
from heirloom_verifier._core import Core

ISSUER, AUDIENCE = "https://auth.example.com", "https://api.example.com"


class Headers(unittest.TestCase):
    def setUp(self):
        self.key, self.other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.core = Core(ISSUER, AUDIENCE)
        self.core.set_keys({"keys": [self.public(self.key, "one")]})

    @staticmethod
    def public(key, kid):
        return {**json.loads(ECAlgorithm.to_jwk(key.public_key())), "kid": kid, "alg": "ES256"}

    def token(self, key, **header):
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "u", "sid": "s", "iat": now, "nbf": now, "exp": now + 600}
        return jwt.encode(claims, key, "ES256", headers={"kid": "one", "typ": "at+jwt", **header})

    def is_valid(self, token):
        try:
            return self.core.valid(token)["sid"] == "s"
        except VerificationError:
            return False

    def test_each_token_is_verified_although_its_header_is_known(self):
        for _ in range(2):
            self.assertTrue(self.is_valid(self.token(self.key)))
            self.assertFalse(self.is_valid(self.token(self.other)))

    def test_what_was_read_ends_with_the_key(self):
        token = self.token(self.key)
        self.assertTrue(self.is_valid(token))
        self.core.set_keys({"keys": [self.public(self.other, "one")]})
        self.assertFalse(self.is_valid(token))
        self.assertTrue(self.is_valid(self.token(self.other)))
        self.core.set_keys({"keys": [self.public(self.key, "two")]})
        self.assertFalse(self.is_valid(token))

    def test_many_headers_are_read_right_and_take_no_room(self):
        for number in range(300):
            self.assertTrue(self.is_valid(self.token(self.key, extra=number)))
            self.assertFalse(self.is_valid(self.token(self.key, extra=number, crit=["extra"])))
            self.assertFalse(self.is_valid(self.token(self.key, extra=number, typ="JWT")))
        self.assertLessEqual(len(self.core._ring[1]), 100)


if __name__ == "__main__":
    unittest.main()
