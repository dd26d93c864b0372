"""Small web servers of a test's own; among them a site behind the proxy that answers with what reached it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

SESSION = "of-an-operator"
SCRIPT = "text/javascript"
TYPES = {".html": "text/html", ".css": "text/css", ".js": SCRIPT, ".mjs": SCRIPT, ".svg": "image/svg+xml"}


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


class Ranges(Quiet):
    """Serves the files of a folder, whole or a range of one, index.html for a path that ends in /; counts bytes."""

    def do_HEAD(self):
        self._file(with_body=False)

    def do_GET(self):
        self._file(with_body=True)

    def _file(self, with_body: bool) -> None:
        path = self.server.folder / unquote(urlsplit(self.path).path).lstrip("/")
        path = path / "index.html" if self.path.partition("?")[0].endswith("/") else path
        whole = path.read_bytes() if path.is_file() else None
        if whole is None:
            self.answer(404)
            return
        first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        part = whole[-int(last) :] if not first else whole[int(first) : int(last or len(whole)) + 1]
        self.server.sent += len(part) if with_body else 0
        self.server.asked.append(self.path)
        begin = len(whole) - len(part) if not first else int(first)
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", TYPES.get(path.suffix, "application/octet-stream"))
        self.send_header("Content-Range", f"bytes {begin}-{begin + len(part) - 1}/{len(whole)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part if with_body else b"")


def file_server(folder: Path):
    """A server of a folder. sent: bytes of files so far; asked: their paths."""
    return serving(Ranges, folder=folder, sent=0, asked=[])


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
