"""A server on this machine that gives recorded answers and files, with every fault that a transfer can have."""

import gzip
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

HANG_SECONDS = 20.0


class RecordedRequest(NamedTuple):
    """One request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: str = ""


Answer = Callable[["Handler", bytes], None]


class Replay(ThreadingHTTPServer):
    """files: path: bytes. faults: path: what the next requests for it get, one after the other; then all is well.

    answers: path: what makes the body of a search's answer, and its headers, from the request.
    connections: how many were opened, whatever came of them. certificate: with its key, of a server that speaks TLS.
    """

    daemon_threads = True

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.files: dict[str, bytes] = {}
        self.etags: dict[str, str] = {}
        self.faults: dict[str, list[Answer]] = {}
        self.always: dict[str, Answer] = {}
        self.answers: dict[str, Callable[[RecordedRequest], tuple[object, dict[str, str]]]] = {}
        self.requests: list[RecordedRequest] = []
        self.connections = 0
        self.over = threading.Event()

    def get_request(self):
        taken = super().get_request()
        self.connections += 1
        return taken

    def handle_error(self, request, client_address) -> None:
        """A client that went away is no news."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def ranges(self) -> list[str]:
        return [request.headers.get("Range", "") for request in self.requests]


class Handler(BaseHTTPRequestHandler):
    server: Replay
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # Otherwise every answer waits 40 ms between its headers and its body.

    def log_message(self, *args) -> None:
        pass

    def do_GET(self) -> None:
        self._answer("")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

    def _answer(self, body: str) -> None:
        path = urlsplit(self.path).path
        request = RecordedRequest(self.command, self.path, dict(self.headers.items()), body)
        self.server.requests.append(request)
        if path in self.server.answers:
            content, headers = self.server.answers[path](request)
            self.send(200, json.dumps(content).encode(), {"Content-Type": "application/json", **headers})
            return
        data = self.server.files.get(path)
        waiting = self.server.faults.get(path, [])
        if waiting:
            waiting.pop(0)(self, data or b"")
        elif path in self.server.always:
            self.server.always[path](self, data or b"")
        elif data is None:
            self.send(404, b"nothing here")
        else:
            give(self, data)

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def etag(self) -> str:
        return self.server.etags.get(urlsplit(self.path).path, '"first"')

    def wanted_range(self, data: bytes) -> int | None:
        """The first byte requested; None where the whole file is requested."""
        stated, condition = self.headers.get("Range", ""), self.headers.get("If-Range", self.etag())
        return int(stated.removeprefix("bytes=").removesuffix("-")) if stated and condition == self.etag() else None


def give(handler: Handler, data: bytes, most: int | None = None) -> None:
    """As RFC 9110 says; with `most`, the connection ends after so many bytes of the body."""
    start = handler.wanted_range(data)
    if start is not None and start >= len(data):
        handler.send(416, b"", {"Content-Range": f"bytes */{len(data)}", "ETag": handler.etag()})
        return
    body = data[start or 0 :]
    handler.send_response(200 if start is None else 206)
    handler.send_header("Content-Length", str(len(body)))
    handler.send_header("ETag", handler.etag())
    handler.send_header("Accept-Ranges", "bytes")
    if start is not None:
        handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
    handler.end_headers()
    handler.wfile.write(body if most is None else body[:most])
    if most is not None:
        end(handler)


def end(handler: Handler) -> None:
    handler.close_connection = True
    handler.wfile.flush()
    handler.connection.shutdown(2)


def cut(after: int) -> Answer:
    return lambda handler, data: give(handler, data, after)


def wrong(handler: Handler, data: bytes) -> None:
    """The right length, and one byte that is another."""
    give(handler, data[:-1] + bytes([data[-1] ^ 1]))


def half(handler: Handler, data: bytes) -> None:
    """Half the file, as if it were the whole."""
    handler.send(200, data[: len(data) // 2], {"ETag": handler.etag()})


def ignore_range(handler: Handler, data: bytes) -> None:
    handler.send(200, data, {"ETag": handler.etag()})


def ignore_range_and_cut(after: int) -> Answer:
    return lambda handler, data: _give_part(handler, len(data), data[:after])


def _give_part(handler: Handler, length: int, body: bytes, *, over: bool = True) -> None:
    """A body that is not as long as its Content-Length says; over: the connection ends with it."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(length))
    handler.send_header("ETag", handler.etag())
    handler.send_header("Accept-Ranges", "bytes")
    handler.end_headers()
    handler.wfile.write(body)
    if over:
        end(handler)


def status(code: int, **headers: str) -> Answer:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, data: handler.send(code, b"no", fields)


def redirect(target: str, code: int = 302) -> Answer:
    return lambda handler, data: handler.send(code, b"look there", {"Location": target})


def hang(handler: Handler, data: bytes) -> None:
    """Half the body, and then nothing more until the test is over."""
    _give_part(handler, len(data), data[: len(data) // 2], over=False)
    handler.wfile.flush()
    handler.server.over.wait(HANG_SECONDS)
    handler.close_connection = True


def says_length(length: int) -> Answer:
    """A Content-Length that is not that of the body; the body ends with the connection."""
    return lambda handler, data: _give_part(handler, length, data)


def zipped(handler: Handler, data: bytes) -> None:
    """Compressed although not requested."""
    handler.send(200, gzip.compress(data), {"Content-Encoding": "gzip", "ETag": handler.etag()})


def other_piece(handler: Handler, data: bytes) -> None:
    """206 with another range than the one requested."""
    handler.send(206, data[3:], {"Content-Range": f"bytes 3-{len(data) - 1}/{len(data)}", "ETag": handler.etag()})


def reset(handler: Handler, data: bytes) -> None:
    """The connection ends before any answer."""
    end(handler)


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[None]:
    """Serve for the length of a test."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def running(certificate: Path | None = None) -> Iterator[Replay]:
    """A server for the length of a test."""
    server = Replay(certificate)
    with serving(server):
        try:
            yield server
        finally:
            server.over.set()
