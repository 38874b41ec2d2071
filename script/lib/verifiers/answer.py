"""A service that verifies with the packed verifier: reads a token a line, and writes the verdict."""

import sys

from heirloom_verifier import VerificationError, Verifier

verifier = Verifier(sys.argv[1], sys.argv[2], feed_key=sys.argv[3], on_state=lambda *state: print(*state, file=sys.stderr, flush=True))
for line in sys.stdin:
    try:
        verifier.verify(line.strip())
        print("good", flush=True)
    except VerificationError as error:
        print(error.code, flush=True)
verifier.close()
