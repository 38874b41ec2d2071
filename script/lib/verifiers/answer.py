"""A service that verifies with the packed verifier: reads a token a line, and writes the verdict."""

import sys

from heirloom_verifier import VerificationError, Verifier

issuer, audience, feed_key, *way = sys.argv[1:]
ways = {"": {"feed_key": feed_key}, "ask": {"feed_key": "not-one-of-the-keys", "on_stale": "ask"}}
verifier = Verifier(issuer, audience, on_state=lambda *state: print(*state, file=sys.stderr, flush=True), **ways["".join(way)])
for line in sys.stdin:
    try:
        verifier.verify(line.strip())
        print("good", flush=True)
    except VerificationError as error:
        print(error.code, flush=True)
verifier.close()
