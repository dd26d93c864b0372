"""A site behind the proxy that answers with what reached it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class EchoServer(ThreadingHTTPServer):
    """HTTP server. begun: the paths of the requests received so far."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Echo)
        self.begun: list[str] = []


class Echo(BaseHTTPRequestHandler):
    """Answers with path and headers of the request; tiles may be cached for a minute."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.begun.append(self.path)
        body = json.dumps({"path": self.path, "headers": dict(self.headers)}).encode()
        self._answer(body)

    def do_POST(self):
        self.server.begun.append(self.path)
        length = int(self.headers["Content-Length"])
        self._answer(str(len(self.rfile.read(length))).encode())

    def _answer(self, body: bytes):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.path.startswith("/tiles/"):
            self.send_header("Cache-Control", "public, max-age=60")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@contextmanager
def echoing() -> Iterator[EchoServer]:
    """A running server on a free port."""
    server = EchoServer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
