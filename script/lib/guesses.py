"""Guesses one account's password on several servers at once, each guess from an address of its own.

`guesses.py GUESSES AT_ONCE EMAIL PORT...` prints, as JSON, how many answers there were of each status and the seconds it
took. The addresses stand in X-Forwarded-For: the servers have to trust 127.0.0.1.
"""

import asyncio
import collections
import itertools
import json
import sys
import time


def address(number: int) -> str:
    """One of 198.18.0.0/15, which is for measuring (RFC 2544)."""
    return f"198.{18 + number // 65536}.{number // 256 % 256}.{number % 256}"


def request(number: int, email: str) -> bytes:
    body = json.dumps({"email": email, "password": f"guess-number-{number}"})
    head = (
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: heirloom\r\nContent-Type: application/json\r\n"
        f"X-Forwarded-For: {address(number)}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()


async def answered(reader: asyncio.StreamReader) -> str:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    lengths = [line.split(":")[1] for line in head.lower().splitlines() if line.startswith("content-length:")]
    await reader.readexactly(int(lengths[0]) if lengths else 0)
    return head.split(" ")[1]


async def main(guesses: int, at_once: int, email: str, ports: list[int]) -> None:
    numbers = itertools.islice(itertools.count(), guesses)
    # No guess before all are connected.
    connected, statuses = asyncio.Barrier(at_once), collections.Counter()
    began = 0.0

    async def guesser(port: int) -> None:
        nonlocal began
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await connected.wait()
        began = began or time.monotonic()
        for number in numbers:
            writer.write(request(number, email))
            statuses[await answered(reader)] += 1
        writer.close()

    await asyncio.gather(*(guesser(ports[one % len(ports)]) for one in range(at_once)))
    print(json.dumps({"statuses": statuses, "seconds": round(time.monotonic() - began, 1)}))


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], [int(port) for port in sys.argv[4:]]))
