"""Slow visitors as a program: each sends a start at once, then a byte now and then, and comes back after its end.

One line of JSON says to which port they go, which address (127.…) sends which start how many times, and the seconds
between two bytes and until somebody comes back. When all have come, "here" is printed; when the input ends, how many
connections were ended by the server.
"""

import contextlib
import json
import resource
import selectors
import socket
import sys
import time
from collections import deque

TURNS, TURN_SECONDS = 200, 0.02  # between two looks at who was answered
BIND_WITHOUT_PORT = 24  # IP_BIND_ADDRESS_NO_PORT: a port may be used for several servers


def main() -> None:
    """Run the visitors until the input ends."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    wanted = json.loads(sys.stdin.readline())
    starts = [(source, start.encode()) for source, start, n in wanted["starts"] for _ in range(n)]
    due = deque((0.0, visitor) for visitor in range(len(starts)))
    here: dict[int, socket.socket] = {}
    n_ended, n_turns, is_told = 0, 0, False
    events = selectors.DefaultSelector()
    events.register(sys.stdin, selectors.EVENT_READ)
    while True:
        for _ in range(TURNS):
            if due[0][0] > time.monotonic():
                break
            visitor = due.popleft()[1]
            due.append((time.monotonic() + wanted["seconds"], visitor))
            n_turns += 1
            with contextlib.suppress(OSError):  # the end of the connection is noticed below
                if visitor in here:
                    here[visitor].send(b"a")
                    continue
                source, start = starts[visitor]
                here[visitor] = new = socket.socket()
                new.setblocking(False)
                new.setsockopt(socket.IPPROTO_IP, BIND_WITHOUT_PORT, 1)
                new.bind((source, 0))
                new.connect_ex(("127.0.0.1", wanted["port"]))
                events.register(new, selectors.EVENT_READ, visitor)
                new.send(start)
        if not is_told and n_turns >= len(starts):
            print("here", flush=True)
            is_told = True
        for key, _ in events.select(timeout=TURN_SECONDS):
            if key.fileobj is sys.stdin:
                print(n_ended)
                return
            events.unregister(key.fileobj)
            here.pop(key.data).close()
            n_ended += 1


if __name__ == "__main__":
    main()
