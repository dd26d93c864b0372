"""A file to fetch, and a transfer of it to a folder of its own."""

import hashlib
import random
from pathlib import Path

import requests

from ground_motion.core.http.allow_list import AllowList
from ground_motion.core.http.transport import guard
from ingest.sources.client.download import Fetched, Known, TransferCallbacks, Wanted, fetch
from ingest.sources.client.scene import Checksum
from tests.service.ingest.sources import replay

DATA = random.Random(5).randbytes(700_001)  # larger than two pieces, and not a round number
MD5 = Checksum("md5", hashlib.md5(DATA).hexdigest())
SIZE = len(DATA)
SHA256 = Checksum("sha256", hashlib.sha256(DATA).hexdigest())


class Transfer:
    """A transfer to a folder of its own; `slept` is how long it would have waited."""

    def __init__(self, server: replay.Replay, folder: Path) -> None:
        self.server, self.path = server, folder / "new" / "S1A.zip"
        server.files["/S1A.zip"] = DATA
        self.slept: list[float] = []
        self.known = Known()

    @property
    def part(self) -> Path:
        return self.path.with_name("S1A.zip.part")

    def __call__(self, checksum=SHA256, size_bytes=SIZE, session=None, url="", **around) -> Fetched:
        wanted = Wanted(url or f"{self.server.address}/S1A.zip", self.path, size_bytes, checksum, "Set TOKEN.")
        hooks = {
            "sleep": self.slept.append,
            "chance": lambda: 1.0,
            "remember": self.remember,
            "timeout_seconds": (10.0, 20.0),
        }
        with session or guard(requests.Session(), AllowList.parse([self.server.address])) as used:
            return fetch(used, wanted, self.known, TransferCallbacks(**{**hooks, **around}))

    def remember(self, known: Known) -> None:
        self.known = known

    def faults(self, *faults: replay.Answer) -> None:
        self.server.faults["/S1A.zip"] = list(faults)

    def is_whole(self) -> bool:
        return self.path.read_bytes() == DATA and not self.part.exists()

    def is_nothing(self) -> bool:
        return not self.path.exists() and not self.part.exists()
