"""The verifier against a server that is cut off, silent, restarted, misconfigured or hostile."""

import asyncio
import base64
import json
import logging
import time
import unittest
from unittest import mock

from driving import Driving, code
from heirloom_verifier import Expired, Invalid, Outdated, Revoked, Stale, Verifier
from stub import AUDIENCE, Stub, digest, until

logging.disable(logging.CRITICAL)


class Driver(Driving):
    def test_a_token_is_good_until_its_session_is_revoked(self):
        verifier, token = self.fresh(), self.stub.token(sid="mine")
        self.assertEqual(verifier.verify(token)["sub"], "alice")
        until(lambda: self.states == [("fresh", "")], "it is reported")
        self.revoke("mine")
        until(lambda: code(verifier, token) == "revoked", "the revocation arrives")
        self.assertEqual(code(verifier, self.stub.token()), "good")
        with self.assertRaises(Revoked):
            asyncio.run(verifier.verify_async(token))

    def test_what_was_revoked_before_the_start_is_in_the_snapshot(self):
        self.stub.send("delta", sessions=[digest("mine")], access=[[digest("alice"), 4]])
        verifier = self.fresh()
        self.assertRaises(Revoked, verifier.verify, self.stub.token(sid="mine"))
        self.assertRaises(Outdated, verifier.verify, self.stub.token())
        self.assertEqual(asyncio.run(verifier.verify_async(self.stub.token(rev=4)))["rev"], 4)

    def test_a_snapshot_of_250_000_sessions_is_taken(self):
        self.stub.known = {"sessions": [digest(f"session {number}") for number in range(250_000)]}
        verifier = self.fresh()
        self.assertEqual(code(verifier, self.stub.token(sid="session 249999")), "revoked")
        self.assertEqual(code(verifier, self.stub.token(sid="session 250000")), "good")

    def test_expired_and_invalid_tokens_are_refused(self):
        verifier = self.fresh()
        self.assertRaises(Expired, verifier.verify, self.stub.token(exp=1))
        self.assertRaises(Invalid, verifier.verify, self.stub.token(aud="https://other.example.com"))
        for text in ("", "a.b.c", "[" * 5000, "\ud800.x.y", self.stub.token() + "\r\nX-Injected: 1", None):
            self.assertRaises(Invalid, verifier.verify, text)

    def test_a_cut_cable_is_stale_and_the_return_of_a_restarted_server_is_good(self):
        verifier, token = self.fresh(), self.stub.token()
        self.revoke("mine")
        until(lambda: code(verifier, self.stub.token(sid="mine")) == "revoked", "the revocation arrives")
        self.stub.stop()
        until(lambda: code(verifier, token) == "stale", "it becomes stale")
        until(lambda: self.last_reason() == "unreachable", "it is reported as unreachable")
        self.stub.known = {}
        self.stub.restart()
        until(lambda: code(verifier, token) == "good", "it becomes fresh again")
        self.assertEqual(code(verifier, self.stub.token(sid="mine")), "revoked")
        until(lambda: self.states[-1] == ("fresh", ""), "the return is reported")

    def test_silence_is_noticed_and_another_connection_is_tried(self):
        verifier, token = self.fresh(), self.stub.token()
        connections = self.stub.count("/api/v1/revocations/stream")
        self.stub.beats = False
        until(lambda: code(verifier, token) == "stale", "it becomes stale")
        until(lambda: self.last_reason() == "silence", "silence is reported")
        until(lambda: self.stub.count("/api/v1/revocations/stream") > connections, "it connects again")
        self.stub.beats = True
        self.stub.drop()
        until(lambda: code(verifier, token) == "good", "it becomes fresh again")

    def test_a_server_that_sends_comments_only_is_stale(self):
        verifier, token = self.fresh(), self.stub.token()
        self.stub.beats = False

        def stale():
            self.stub.send_text(": still here\n\n")
            return code(verifier, token) == "stale"
        until(stale, "it becomes stale")

    def test_a_connection_without_events_is_left_whatever_else_arrives(self):
        self.fresh()
        connections = self.stub.count("/api/v1/revocations/stream")
        self.stub.beats = False

        def left():
            self.stub.send_text(":")
            return self.stub.count("/api/v1/revocations/stream") > connections
        with mock.patch("heirloom_verifier._http.NO_EVENT", 0.5):
            until(left, "it connects again")
        until(lambda: self.states[-1][0] == "stale", "the loss is reported")

    def test_a_server_that_ends_each_connection_after_its_snapshot_is_left_in_peace(self):
        """R-17."""
        self.stub.ends, began = True, time.monotonic()
        verifier = self.verifier()
        until(lambda: self.stub.count("/api/v1/revocations/stream") >= 9, "nine connections")
        # The pauses before eight of them: 0.1 s and then the double, up to 2 s, or half of it.
        self.assertGreater(time.monotonic() - began, 4.5)
        self.stub.ends = False
        until(lambda: code(verifier, self.stub.token()) == "good", "it becomes fresh")

    def test_a_gap_leads_to_another_connection(self):
        verifier = self.fresh()
        self.stub.send("delta", skip=1, sessions=[digest("mine")])
        until(lambda: code(verifier, self.stub.token(sid="mine")) == "revoked", "the snapshot brings what was lost")
        self.assertEqual(code(verifier, self.stub.token()), "good")

    def test_a_forged_event_changes_nothing(self):
        verifier = self.fresh()
        connections = self.stub.count("/api/v1/revocations/stream")
        event = self.stub.event("delta", self.stub.n + 1, sessions=[digest("mine")])
        self.stub.send_text(f"data: {event[:-8]}AAAAAAAA\n\n")
        until(lambda: self.stub.count("/api/v1/revocations/stream") > connections, "it connects again")
        self.assertEqual(code(verifier, self.stub.token(sid="mine")), "good")

    def test_a_redirect_is_not_followed(self):
        elsewhere = Stub().start()
        self.addCleanup(elsewhere.stop)
        self.stub.status, self.stub.location = 307, elsewhere.url + "/api/v1/revocations/stream"
        verifier = self.verifier()
        until(lambda: self.last_reason() == "refused", "it is reported")
        self.assertEqual(elsewhere.requests, [])
        self.assertEqual(code(verifier, self.stub.token()), "stale")

    def test_a_wrong_feed_key_is_reported(self):
        verifier = self.verifier(feed_key="wrong")
        until(lambda: any("401" in reason for _, reason in self.states), "401 is reported")
        self.assertRaises(Stale, verifier.verify, self.stub.token())

    def test_a_server_without_the_stream_is_reported(self):
        self.stub.status = 404
        self.verifier()
        until(lambda: any("404" in reason for _, reason in self.states), "404 is reported")

    def test_a_server_that_does_not_trust_itself_is_tried_again(self):
        self.stub.status = 503
        verifier = self.verifier()
        until(lambda: self.last_reason() == "refused", "it is reported")
        self.stub.status = 200
        self.assertTrue(verifier.ready(60))

    def test_unknown_keys_cause_two_fetches_a_minute(self):
        verifier = self.fresh()
        before = self.stub.count("/.well-known/jwks.json")
        self.stub.add_key("stranger", publish=False)
        for _ in range(20):
            self.assertRaises(Invalid, verifier.verify, self.stub.token("stranger"))
        self.assertEqual(self.stub.count("/.well-known/jwks.json") - before, 2)

    def without_a_key(self):
        """Tokens that name no key as they should; their signatures are another's."""
        rest = self.stub.token().partition(".")[2]
        for members in ({"kid": None}, {"kid": 7}, {"kid": [1]}, {"typ": None}, {"alg": 7}, {"crit": ["x"], "x": 1}):
            header = {"typ": "at+jwt", "alg": "ES256", "kid": "unknown", **members}
            text = json.dumps({name: value for name, value in header.items() if value is not None}).encode()
            yield base64.urlsafe_b64encode(text).decode().rstrip("=") + "." + rest

    def test_a_token_that_names_no_key_as_it_should_causes_no_fetch(self):
        verifier = self.fresh()
        before = self.stub.count("/.well-known/jwks.json")
        for token in self.without_a_key():
            self.assertRaises(Invalid, verifier.verify, token)
        self.assertEqual(self.stub.count("/.well-known/jwks.json") - before, 0)

    def test_a_new_key_is_fetched_and_a_known_one_is_not(self):
        verifier = self.fresh()
        before = self.stub.count("/.well-known/jwks.json")
        self.stub.add_key("second")
        self.assertEqual(code(verifier, self.stub.token("second")), "good")
        self.stub.signer = "second"
        for _ in range(20):
            self.assertEqual(code(verifier, self.stub.token()), "good")
        self.assertEqual(self.stub.count("/.well-known/jwks.json") - before, 1)

    def test_a_new_key_is_known_after_half_a_minute_whatever_strangers_use_up(self):
        verifier = self.fresh()
        self.stub.add_key("stranger", publish=False)
        for _ in range(3):
            self.assertRaises(Invalid, verifier.verify, self.stub.token("stranger"))
        before, clock = self.stub.count("/.well-known/jwks.json"), time.monotonic
        self.stub.add_key("second")
        with mock.patch("time.monotonic", lambda: clock() + 31):
            # Nobody has a token of the new key yet.
            until(lambda: self.stub.count("/.well-known/jwks.json") > before, "the keys are fetched")
            until(lambda: code(verifier, self.stub.token("second")) == "good", "the key is known")

    def test_an_event_with_a_new_key_is_taken(self):
        verifier = self.fresh()
        self.stub.add_key("second")
        self.stub.signer = "second"
        self.revoke("mine")
        until(lambda: code(verifier, self.stub.token("first", sid="mine")) == "revoked", "the revocation arrives")

    def test_without_keys_nothing_is_known_about_a_token(self):
        self.stub.jwks_status = 503
        verifier = self.verifier()
        self.assertRaises(Stale, verifier.verify, self.stub.token())
        self.assertRaises(Invalid, verifier.verify, "not a token")
        until(lambda: self.last_reason() == "unreachable", "it is reported")
        for token in self.without_a_key():
            self.assertRaises(Invalid, verifier.verify, token)
        self.stub.jwks_status = 200
        self.assertTrue(verifier.ready(60))

    def test_an_outage_of_the_jwks_alone_ends_nothing(self):
        verifier = self.fresh()
        self.stub.add_key("stranger", publish=False)
        stranger, connections = self.stub.token("stranger"), self.stub.count("/api/v1/revocations/stream")
        self.stub.jwks_status = 503
        self.assertEqual(code(verifier, stranger), "stale", "nobody knows whether the server has this key")
        self.stub.drop()
        until(lambda: self.stub.count("/api/v1/revocations/stream") > connections, "it connects again")
        self.revoke("mine")
        until(lambda: code(verifier, self.stub.token(sid="mine")) == "revoked", "the revocation arrives")
        self.assertEqual(code(verifier, self.stub.token()), "good")

    def test_a_jwks_without_a_usable_key_takes_none_away(self):
        verifier = self.fresh()
        self.stub.add_key("stranger", publish=False)
        self.stub.published = []
        self.assertEqual(code(verifier, self.stub.token("stranger")), "stale")
        self.assertEqual(code(verifier, self.stub.token()), "good")

    def test_tokens_of_strangers_use_up_no_fetch_that_an_event_needs(self):
        verifier, known = self.fresh(), self.stub.token(sid="mine")
        self.stub.add_key("stranger", publish=False)
        for _ in range(3):
            self.assertEqual(code(verifier, self.stub.token("stranger")), "invalid")
        connections = self.stub.count("/api/v1/revocations/stream")
        self.stub.add_key("second")
        self.stub.signer = "second"
        self.revoke("mine")
        until(lambda: code(verifier, known) == "revoked", "the revocation arrives")
        self.assertEqual(self.stub.count("/api/v1/revocations/stream"), connections)

    def test_a_line_without_an_end_is_not_kept(self):
        self.fresh()
        connections = self.stub.count("/api/v1/revocations/stream")
        self.stub.send_text("data: " + "A" * (25 << 20))
        until(lambda: self.stub.count("/api/v1/revocations/stream") > connections, "it connects again")

    def test_ask_asks_the_server_while_the_stream_is_lost(self):
        self.stub.status = 503
        verifier = self.verifier(on_stale="ask")
        until(lambda: self.stub.count("/.well-known/jwks.json"), "the keys are fetched")
        until(lambda: code(verifier, self.stub.token()) == "good", "the server answers")
        answers = [((204, "https://other.example.com", None), "stale"), ((204, None, None), "stale"),
                   ((401, None, "session_revoked"), "revoked"), ((401, None, "access_token_expired"), "outdated"),
                   ((401, None, "access_token_invalid"), "invalid"), ((401, None, "unauthenticated"), "stale"),
                   ((401, None, None), "stale"), ((503, None, None), "stale"), ((302, None, None), "stale")]
        for self.stub.check, verdict in answers:
            self.assertEqual(code(verifier, self.stub.token()), verdict, self.stub.check)
        asked = self.stub.count("/api/v1/auth/check")
        self.assertEqual(code(verifier, self.stub.token(exp=1)), "expired")
        self.assertEqual(self.stub.count("/api/v1/auth/check"), asked, "an expired token needs no question")
        self.stub.check = (204, AUDIENCE, None)
        self.assertEqual(asyncio.run(verifier.verify_async(self.stub.token()))["sub"], "alice")

    def test_ask_asks_about_no_token_that_is_known_to_be_refused(self):
        verifier, check = self.fresh(on_stale="ask"), "/api/v1/auth/check"
        mine, outdated = self.stub.token(sid="mine"), self.stub.token(sub="bob")
        self.stub.send("delta", access=[[digest("bob"), 4]])
        self.revoke("mine")
        until(lambda: code(verifier, mine) == "revoked", "the revocation arrives")
        self.stub.status = 503
        self.stub.drop()
        # A question shows that it is stale.
        until(lambda: code(verifier, self.stub.token()) == "good" and self.stub.count(check), "it becomes stale")
        asked = self.stub.count(check)
        for verify in (verifier.verify, lambda token: asyncio.run(verifier.verify_async(token))):
            self.assertRaises(Revoked, verify, mine)
            self.assertRaises(Outdated, verify, outdated)
        self.assertEqual(self.stub.count(check), asked)

    def test_accept_goes_on_with_what_is_known(self):
        verifier = self.fresh(on_stale="accept:600")
        self.revoke("mine")
        until(lambda: code(verifier, self.stub.token(sid="mine")) == "revoked", "the revocation arrives")
        self.stub.stop()
        until(lambda: self.states[-1][0] == "stale", "the loss is reported")
        self.assertEqual(code(verifier, self.stub.token()), "good")
        self.assertEqual(code(verifier, self.stub.token(sid="mine")), "revoked")
        self.stub.restart()

    def test_the_server_may_be_elsewhere_than_the_issuer(self):
        verifier = Verifier("https://auth.example.com", AUDIENCE, "secret", server_url=self.stub.url + "/")
        self.addCleanup(verifier.close)
        until(lambda: self.stub.count("/api/v1/revocations/stream"), "it connects there")
        self.assertEqual(code(verifier, self.stub.token()), "invalid", "another issuer")

    def test_options_that_make_no_sense_are_refused(self):
        for options in ({"on_stale": "accept"}, {"on_stale": "accept:-1"}, {"on_stale": "ignore"}, {"server_url": "ftp://x"}):
            self.assertRaises(ValueError, Verifier, self.stub.url, AUDIENCE, **options)
        for key in ("secret\n", "two words", "sécret"):
            with self.assertRaises(ValueError) as raised:
                Verifier(self.stub.url, AUDIENCE, key)
            self.assertNotIn("cret", str(raised.exception))
        self.assertRaises(ValueError, Verifier, "auth.example.com", AUDIENCE)

    def test_a_callback_that_fails_stops_nothing(self):
        verifier = self.fresh(on_state=lambda *_: 1 / 0)
        self.assertEqual(code(verifier, self.stub.token()), "good")


if __name__ == "__main__":
    unittest.main()
