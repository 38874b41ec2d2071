"""Prints refresh tokens of new sessions of a running peer, one per line: tokens.py DESCRIPTION [COUNT].

For `heirloom-torture --tokens-command`, where signing in needs more than one request.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dialects import DIALECTS

about = json.loads(Path(sys.argv[1]).read_text())
peer = DIALECTS[about["dialect"]](about["bases"], **about["values"])
with ThreadPoolExecutor(2) as pool:
    for tokens in pool.map(lambda _: peer.sign_in(), range(int(sys.argv[2]) if len(sys.argv) > 2 else 20)):
        print(tokens.refresh, flush=True)
