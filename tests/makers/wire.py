"""A wire to a server that counts what passes, and that can refuse, break, be slow, or answer 503."""

import contextlib
import socket
import threading
import time


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
        self.refuses = self.busy = False
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
                        source.sendall(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
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
