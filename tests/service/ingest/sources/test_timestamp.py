"""Requests to a time-stamp service leave through the guarded client, and only a whole answer counts."""

from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from ground_motion.core.http.allow_list import AllowList
from ground_motion.core.http.faults import HostRefused, SearchFailed
from ingest.sources.client.timestamp import ask
from tests.service.ingest.sources.replay import serving


class Service(BaseHTTPRequestHandler):
    def do_POST(self):
        request = self.rfile.read(int(self.headers["Content-Length"]))
        right = self.headers["Content-Type"] == "application/timestamp-query"
        self.send_response(200 if right and request == b"request" else 400)
        self.end_headers()
        self.wfile.write(b"answer")

    def log_message(self, *args):
        pass


@pytest.fixture
def address():
    with serving(server := HTTPServer(("127.0.0.1", 0), Service)):
        yield f"http://127.0.0.1:{server.server_port}"


def test_a_request_is_answered_by_a_listed_host_only(address, monkeypatch):
    allowed = AllowList.parse([address, "http://127.0.0.1:9"])
    assert ask(url=f"{address}/tsr", request=b"request", allowed=allowed) == b"answer"
    for url, message in ((f"{address}/tsr", "400"), ("http://127.0.0.1:9/tsr", "does not answer")):
        with pytest.raises(SearchFailed, match=message):
            ask(url=url, request=b"else", allowed=allowed)
    for limit in ("MAX_BYTES", "MAX_SECONDS"):
        monkeypatch.setattr(f"ingest.sources.client.timestamp.{limit}", 0)
        with pytest.raises(SearchFailed, match="too slowly"):
            ask(url=f"{address}/tsr", request=b"request", allowed=allowed)
        monkeypatch.undo()
    with pytest.raises(HostRefused):
        ask(url=f"{address}/tsr", request=b"request", allowed=AllowList.parse([]))
