"""Which threads there are, what waits for them, and what does not."""

import asyncio
import logging
import os
import threading
import time
import unittest
from unittest import mock

from driving import Driving, code
from heirloom_verifier import Stale
from heirloom_verifier._http import Answer, Lost
from heirloom_verifier._reporter import Reporter
from stub import until

logging.disable(logging.CRITICAL)
CHECK, JWKS = "/api/v1/auth/check", "/.well-known/jwks.json"


class Hanging:
    """Requests for this path wait until the test lets them fail; and how many wait, in which threads."""

    def __init__(self, path):
        self.path, self.over, self.lock = path, threading.Event(), threading.Lock()
        self.waiting = self.most = 0
        self.threads = set()

    def __call__(self, url, *options):
        if not url.endswith(self.path):
            return Answer(url, *options)
        with self.lock:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            self.threads.add(threading.current_thread().name)
        self.over.wait()
        with self.lock:
            self.waiting -= 1
        raise Lost("silence")


class Threads(Driving):
    def hang(self, path):
        hanging = Hanging(path)
        patch = mock.patch("heirloom_verifier._verifier.Answer", hanging)
        patch.start()
        self.addCleanup(patch.stop)
        self.addCleanup(hanging.over.set)
        return hanging

    def asking(self):
        """A verifier that asks, because it has never been fresh."""
        self.stub.status = 503
        verifier = self.verifier(on_stale="ask")
        until(lambda: code(verifier, self.stub.token()) == "good", "the server answers")
        return verifier

    def test_a_server_that_hangs_holds_32_requests_and_none_for_longer_than_two_seconds(self):
        verifier, hanging = self.asking(), self.hang(CHECK)

        async def ask():
            answers = await asyncio.gather(*(verifier.verify_async(self.stub.token()) for _ in range(60)), return_exceptions=True)
            # They are answered although nothing has ended for the requests.
            self.assertEqual({type(answer) for answer in answers}, {Stale})
            self.assertIsNone(asyncio.get_running_loop()._default_executor, "the loop's threads resolve names for all")
        asyncio.run(ask())
        self.assertEqual(hanging.most, 32)
        self.assertTrue(all(name.startswith("heirloom-verifier-ask") for name in hanging.threads), hanging.threads)
        hanging.over.set()
        until(lambda: hanging.waiting == 0, "the threads are free")

    def test_an_unknown_key_takes_no_thread_where_nothing_may_be_fetched(self):
        verifier = self.fresh()
        self.stub.add_key("stranger", publish=False)

        async def verify():
            with self.assertRaises(Exception) as raised:
                await verifier.verify_async(self.stub.token("stranger"))
            return raised.exception.code
        self.assertEqual([asyncio.run(verify()) for _ in range(2)], ["invalid", "invalid"])
        before = self.stub.count(JWKS)
        with mock.patch.object(verifier._asking, "submit", side_effect=AssertionError("a thread is taken")):
            self.assertEqual(asyncio.run(verify()), "invalid")
        self.assertEqual(self.stub.count(JWKS), before)

    def test_a_burst_of_a_new_key_shares_a_fetch(self):
        verifier, before = self.fresh(), self.stub.count(JWKS)
        self.stub.add_key("second")

        async def burst():
            tokens = [self.stub.token("second") for _ in range(100)]
            return await asyncio.gather(*map(verifier.verify_async, tokens), return_exceptions=True)
        # Of those that a slow machine holds for two seconds, none is invalid.
        self.assertLessEqual({getattr(answer, "code", "good") for answer in asyncio.run(burst())}, {"good", "stale"})
        self.assertEqual(self.stub.count(JWKS) - before, 1)

    def test_after_the_close_nobody_is_asked(self):
        verifier = self.asking()
        verifier.close()
        asked = self.stub.count(CHECK)
        self.assertRaises(Stale, asyncio.run, verifier.verify_async(self.stub.token()))
        self.assertEqual(self.stub.count(CHECK), asked)

    def test_on_state_may_wait_for_the_event_loop(self):
        async def serve():
            loop, threads, done = asyncio.get_running_loop(), set(), asyncio.Event()

            async def note():
                if len(self.states) > 1:
                    done.set()

            def on_state(*state):
                self.states.append(state)
                threads.add(threading.get_ident())
                asyncio.run_coroutine_threadsafe(note(), loop).result()
            verifier = self.verifier(on_state=on_state)
            while not await self.is_good(verifier):
                await asyncio.sleep(0.02)
            self.stub.stop()
            # Requests meet the end of freshness, in this thread.
            while not done.is_set():
                await self.is_good(verifier)
                await asyncio.sleep(0.02)
            self.stub.restart()
            self.assertNotIn(threading.get_ident(), threads)
            self.assertEqual(len(threads), 1)
        asyncio.run(asyncio.wait_for(serve(), 60))

    async def is_good(self, verifier):
        try:
            return bool(await verifier.verify_async(self.stub.token()))
        except Stale:
            return False

    def test_the_end_of_freshness_is_reported_whatever_else_waits(self):
        end, states = [time.monotonic() + 60], []
        reporter = Reporter(lambda: end[0] - time.monotonic(), lambda *state: states.append(state))
        self.addCleanup(reporter.close)
        reporter.reason = "silence"
        end[0] = time.monotonic() + 0.2
        reporter.wake()
        until(lambda: states[-1:] == [("stale", "silence")], "nobody wakes it for that")
        end[0] = time.monotonic() + 60
        reporter.wake()
        until(lambda: states[-1] == ("fresh", ""), "the return is reported")
        reporter.close()
        until(lambda: not reporter._thread.is_alive(), "the thread ends")

    @unittest.skipUnless(hasattr(os, "fork"), "no fork here")
    def test_a_forked_process_asks_by_itself(self):
        verifier = self.asking()
        asyncio.run(verifier.verify_async(self.stub.token()))
        child = os.fork()
        if child == 0:
            try:
                until(lambda: asyncio.run(self.is_good(verifier)), "the child asks", 30)
                os._exit(0)
            except BaseException:
                os._exit(1)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)

    def test_close_ends_the_connection_and_the_threads(self):
        verifier = self.fresh()
        verifier.close()
        until(lambda: not any(each.name.startswith("heirloom-verifier") for each in threading.enumerate()), "the threads end")
        until(lambda: code(verifier, self.stub.token()) == "stale", "tokens become stale")

    @unittest.skipUnless(hasattr(os, "fork"), "no fork here")
    def test_a_forked_process_listens_by_itself(self):
        verifier = self.fresh()
        connections, reports = self.stub.count("/api/v1/revocations/stream"), len(self.states)
        child = os.fork()
        if child == 0:
            try:
                until(lambda: code(verifier, self.stub_token) == "revoked", "the revocation arrives in the child", 30)
                until(lambda: len(self.states) > reports, "the child has a thread that reports", 30)
                os._exit(0)
            except BaseException:
                os._exit(1)
        until(lambda: self.stub.count("/api/v1/revocations/stream") > connections, "the child connects")
        self.revoke("mine")
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)

    @property
    def stub_token(self):
        return self.stub.token(sid="mine")


if __name__ == "__main__":
    unittest.main()
