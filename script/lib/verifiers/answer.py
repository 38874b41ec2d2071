"""A service that verifies with the packed verifier: reads a token a line, and writes the verdict.

After the line `compare`, what the verification of the next token costs, as a multiple of one by PyJWT alone.
"""

import statistics
import sys
import time

import jwt
from heirloom_verifier import VerificationError, Verifier

issuer, server_url, audience, feed_key, *way = sys.argv[1:]
ways = {"": {"feed_key": feed_key}, "ask": {"feed_key": "not-one-of-the-keys", "on_stale": "ask"}}
verifier = Verifier(issuer, audience, server_url=server_url, on_state=lambda *state: print(*state, file=sys.stderr, flush=True),
                    **ways["".join(way)])


def compare(token):
    key = jwt.PyJWKClient(f"{server_url}/.well-known/jwks.json").get_signing_key_from_jwt(token).key

    def plain():
        return jwt.decode(token, key, algorithms=["ES256"], audience=audience, issuer=issuer)

    def seconds(verify):
        began = time.perf_counter()
        for _ in range(500):
            verify()
        return time.perf_counter() - began

    ratios = []
    for _ in range(15):
        alone = seconds(plain)
        ratios.append(seconds(lambda: verifier.verify(token)) / alone)
    return f"{statistics.median(ratios):.2f}"


for line in sys.stdin:
    if line.strip() == "compare":
        print(compare(sys.stdin.readline().strip()), flush=True)
        continue
    try:
        verifier.verify(line.strip())
        print("good", flush=True)
    except VerificationError as error:
        print(error.code, flush=True)
verifier.close()
