"""A wire to a server that counts what passes, and that can refuse, break, be slow, answer 503, or have no room."""

import contextlib
import os
import socket
import threading
import time
from functools import partial

import pytest

BUSY = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
NO_ROOM = b"<Error><Code>XMinioStorageFull</Code><Message>Storage backend has reached its threshold</Message></Error>"
FULL = b"HTTP/1.1 507 Insufficient Storage\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(NO_ROOM) + NO_ROOM


class Wire:
    """Forwards connections. `address` stands for the server; bytes are counted by direction."""

    def __init__(self, target: str) -> None:
        host, _, port = target.removeprefix("http://").partition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "http://127.0.0.1:{1}".format(*self._listener.getsockname())
        self.mend()
        self._open: set[socket.socket] = set()
        self._threads = [self._start(self._accept)]

    def mend(self) -> None:
        """Everything passes again, and counting begins anew."""
        self.sent = self.received = 0
        self.refuses = self.busy = self.full = False
        self.breaks_after, self.pause = 0, 0.0

    def close(self) -> None:
        """End every connection."""
        for end in (self._listener, *self._open):
            _shut(end)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _start(self, work, *arguments) -> threading.Thread:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        thread.start()
        return thread

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._threads.append(self._start(self._link, client))

    def _link(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self.refuses:
                return
            with socket.create_connection(self._target) as server:
                self._open |= {client, server}
                downwards = self._start(self._pump, server, client, False)
                self._pump(client, server, True)
                downwards.join()
                self._open -= {client, server}

    def _pump(self, source: socket.socket, target: socket.socket, upwards: bool) -> None:
        with contextlib.suppress(OSError):
            while part := source.recv(2**16):
                if upwards:
                    self.sent += len(part)
                    if self.refuses or (self.breaks_after and self.sent > self.breaks_after):
                        break
                    if self.busy:
                        source.sendall(BUSY)
                        break
                    if self.full and part.startswith((b"PUT ", b"POST ")):
                        source.sendall(FULL)
                        break
                else:
                    self.received += len(part)
                time.sleep(self.pause)
                target.sendall(part)
        _shut(source)
        _shut(target)


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


def refuse(wire: Wire) -> None:
    wire.refuses = True


def be_busy(wire: Wire) -> None:
    wire.busy = True


def break_off(wire: Wire, after: int = 200_000) -> None:
    """after: bytes from now."""
    wire.breaks_after = wire.sent + after


def be_slow(wire: Wire) -> None:
    wire.pause = 6.0  # longer than anything waits in a test


def be_full(wire: Wire) -> None:
    """What is there can be read."""
    wire.full = True


with_the_rest = pytest.mark.skipif(
    os.environ.get("GROUND_MOTION_TEST_STORAGE") != "s3", reason="takes long: GROUND_MOTION_TEST_STORAGE=s3"
)
_REST = [pytest.param(fault, marks=with_the_rest) for fault in (be_busy, be_slow)]
_SOON = partial(break_off, after=1)
_IN_MID_UPLOAD = partial(break_off, after=1500)  # the head of a request has passed
FAULTS = [break_off, pytest.param(refuse, marks=with_the_rest), *_REST]
FAULTS_OF_READING = [refuse, pytest.param(_SOON, id="break_off", marks=with_the_rest), *_REST]
FAULTS_OF_WRITING = [
    be_full,
    pytest.param(_IN_MID_UPLOAD, id="break_off"),
    pytest.param(refuse, marks=with_the_rest),
    *_REST,
]
