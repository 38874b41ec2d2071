"""Asks grade.py to kill a peer with all its stores and to start it again, and waits: restart.py SOCKET."""

import socket
import sys

with socket.socket(socket.AF_UNIX) as control:
    control.connect(sys.argv[1])
    answer = control.recv(16)
sys.exit(0 if answer == b"done" else 1)
