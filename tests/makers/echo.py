"""Small web servers of a test's own; among them a site behind the proxy that answers with what reached it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SESSION = "of-an-operator"


class Quiet(BaseHTTPRequestHandler):
    """Answers requests and writes nothing down."""

    protocol_version = "HTTP/1.1"

    def answer(self, status: int = 200, body: bytes = b"", **headers: str) -> None:
        """Send a whole answer. headers: with _ in the place of -."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def answer_rights(self) -> None:
        """Tell the proxy that one session is that of an operator, as monitor.subscribers.accounts.sessions does."""
        known = f"sessionid={SESSION}" in self.headers.get("Cookie", "")
        self.answer(204, X_Rights="work review load" if known else "")

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def log_message(self, *args):
        pass


class Echo(Quiet):
    """Answers with path and headers of the request; tiles may be cached for a minute. One session has rights."""

    def do_GET(self):
        if self.path == "/sessions/rights/":
            self.answer_rights()
            return
        self._begin(json.dumps({"path": self.path, "headers": dict(self.headers)}).encode())

    def do_POST(self):
        self._begin()

    def _begin(self, body: bytes | None = None) -> None:
        self.server.begun.append(self.path)
        headers = {"Content_Type": "application/json"}
        headers |= {"Cache_Control": "public, max-age=60"} if self.path.startswith("/tiles/") else {}
        self.answer(200, str(len(self.body())).encode() if body is None else body, **headers)


@contextmanager
def serving(handler: type[Quiet], **state: object) -> Iterator[ThreadingHTTPServer]:
    """A running server on a free port, with a state that its handlers find as attributes."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads, server.url = True, f"http://127.0.0.1:{server.server_port}"
    vars(server).update(state)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def echoing():
    """A site that echoes. begun: the paths of the requests received so far."""
    return serving(Echo, begun=[])
