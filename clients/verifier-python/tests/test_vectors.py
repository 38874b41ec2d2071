"""Every verifier gives these answers, among them those of R-13, R-14 and R-16: clients/verifier-vectors.json."""

import json
import os
import pathlib
import unittest

from heirloom_verifier import VerificationError
from heirloom_verifier._core import Core

VECTORS = pathlib.Path(os.environ.get("VECTORS", pathlib.Path(__file__).parents[2] / "verifier-vectors.json"))


class Clocks:
    monotonic = wall = 0.0


def answer(core, step):
    match step["do"]:
        case "connect":
            return core.connected()
        case "event":
            return core.event(step["jws"])
        case "poll":
            return core.poll(step["jws"])
        case "verify":
            try:
                core.verify(step["token"])
                return "good"
            except VerificationError as error:
                return error.code
    raise AssertionError(f"an unknown step: {step['do']}")


class Vectors(unittest.TestCase):
    def test_every_case_has_the_answers_of_the_contract(self):
        vectors = json.loads(VECTORS.read_text())
        self.assertGreater(len(vectors["cases"]), 100)
        for case in vectors["cases"]:
            with self.subTest(case["name"]):
                self.run_case(vectors, case)

    def run_case(self, vectors, case):
        clocks = Clocks()
        accept = float(case["on_stale"].removeprefix("accept:")) if ":" in case["on_stale"] else 0
        core = Core(vectors["issuer"], vectors["audience"], accept, lambda: clocks.monotonic, lambda: clocks.wall)
        core.set_keys(vectors["jwks"])
        for number, step in enumerate(case["steps"]):
            clocks.monotonic, clocks.wall = step["mono"], step["wall"]
            self.assertEqual(answer(core, step), step.get("then", step.get("verdict")), f"step {number}: {step['do']}")


if __name__ == "__main__":
    unittest.main()
