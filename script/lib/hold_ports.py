"""Holds ports while the tests run, as another program on this machine may do: a test that uses one of them fails.

Prints "held" when every port is taken, by this process or by another one. Ends when the process that started it ends."""

import os
import signal
import socket
import sys
import threading
import time


def hold(address, family):
    """A listener, or None: another program holds the port already, or this machine has no such address."""
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen()
        return listener
    except OSError:
        listener.close()
        return None


def hang_up(listener):
    """Answers nothing, so that a client fails at once instead of waiting."""
    while True:
        connection, _ = listener.accept()
        connection.close()


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = os.getppid()
    for port in map(int, sys.argv[1:]):
        for host, family in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)):
            listener = hold((host, port), family)
            if listener:
                threading.Thread(target=hang_up, args=(listener,), daemon=True).start()
    print("held", flush=True)
    # The reader closes its end now, and Python must not complain about it.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    while os.getppid() == parent:
        time.sleep(0.5)


main()
