"""A proxy on this machine, which reaches named hosts by CONNECT, and a certificate for those names."""

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.service.ingest.sources.replay import serving


class Proxy(ThreadingHTTPServer):
    """Proxy for tests. routes: host name -> local port that stands for it. asked: requests received, with headers."""

    daemon_threads = True

    def __init__(self, routes: dict[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.routes = routes
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.is_away: Callable[[], bool] = lambda: False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def hosts(self) -> list[str]:
        return [path.removesuffix(":443") for path, _ in self.asked]

    def handle_error(self, request, client_address) -> None:
        """A client that went away is no news."""


class Handler(BaseHTTPRequestHandler):
    server: Proxy

    def log_message(self, *args) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers.items())))
        self.send_error(405)

    do_POST = do_GET

    def do_CONNECT(self) -> None:
        self.server.asked.append((self.path, dict(self.headers.items())))
        port = self.server.routes.get(self.path.removesuffix(":443"))
        if port is None or self.server.is_away():
            self.send_error(502)
            return
        with socket.create_connection(("127.0.0.1", port)) as upstream:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=pass_on, args=(upstream, self.connection), daemon=True)
            back.start()
            pass_on(self.connection, upstream)
            back.join()


def pass_on(source: socket.socket, target: socket.socket) -> None:
    """Copy bytes until the source ends; then end the target."""
    with suppress(OSError):
        while piece := source.recv(2**16):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def running(routes: dict[str, int]) -> Iterator[Proxy]:
    """A proxy for the length of a test."""
    proxy = Proxy(routes)
    with serving(proxy):
        yield proxy


def certificate(folder: Path, *names: str) -> Path:
    """A file with a certificate of these names or addresses and its key; who trusts it trusts the server."""
    key, made, both = folder / "key.pem", folder / "certificate.pem", folder / "both.pem"
    alternatives = ",".join(f"{'IP' if name[:1].isdigit() else 'DNS'}:{name}" for name in names)
    options = f"-x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=made -addext subjectAltName={alternatives}"
    subprocess.run(["openssl", "req", *options.split(), "-keyout", key, "-out", made], check=True, capture_output=True)
    both.write_text(key.read_text() + made.read_text())
    return both
