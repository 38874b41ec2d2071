"""Plain HTTP calls to a peer, one after another or two at once. Of the standard library only.

No token is ever printed: what is shown of a call is its name and its status.
"""

import http.client
import json
import random
import threading
import time
from urllib.parse import urlencode, urlsplit

LATEST = 0.005


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def ok(self):
        return 200 <= self.status < 300

    @property
    def refused(self):
        return 400 <= self.status < 500 and self.status != 429

    def field(self, name):
        try:
            found = json.loads(self.body)
        except ValueError:
            return None
        return found.get(name) if isinstance(found, dict) else None


class Call:
    """A request that is ready to be sent."""

    def __init__(self, name, method, url, headers=None, form=None, json_body=None):
        self.name, self.method, self.url = name, method, urlsplit(url)
        self.headers, self.body = dict(headers or {}), None
        if form is not None:
            self.body = urlencode(form)
            self.headers["Content-Type"] = "application/x-www-form-urlencoded"
        elif json_body is not None:
            self.body = json.dumps(json_body)
            self.headers["Content-Type"] = "application/json"

    def connect(self):
        connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=30)
        connection.connect()
        return connection

    def send(self, connection=None):
        connection = connection or self.connect()
        try:
            path = self.url.path + (f"?{self.url.query}" if self.url.query else "")
            connection.request(self.method, path, self.body, self.headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read().decode(errors="replace"))
        finally:
            connection.close()


def at_once(*calls):
    """Sends calls at the same time, each on a connection that was opened before: the answers in the order of the calls.

    All but one begin up to five milliseconds later, at random: where two meet depends on the server.
    """
    connections = [call.connect() for call in calls]
    barrier, found = threading.Barrier(len(calls)), [None] * len(calls)

    first = random.randrange(len(calls))

    def send(place):
        barrier.wait()
        if place != first:
            time.sleep(random.random() ** 2 * LATEST)
        found[place] = calls[place].send(connections[place])

    threads = [threading.Thread(target=send, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if None in found:
        raise OSError("a call got no answer")
    return found
