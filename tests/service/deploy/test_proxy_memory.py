"""The proxy in the memory that it is given, between visitors who send and read slowly, each from another address."""

import contextlib
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest
import yaml

from lab.speed import servers
from tests.makers.echo import SESSION, Quiet, serving
from tests.waiting import HANG_SECONDS, wait_until

ROOT = Path(__file__).resolve().parents[3]
START = ROOT / "docker" / "nginx" / "start"
MEBIBYTE = 2**20
MEMORY = yaml.safe_load((ROOT / "docker" / "compose.yml").read_text())["services"]["proxy"]["mem_limit"]
GROUPS = Path("/sys/fs/cgroup")
FILE_BYTES = 500 * MEBIBYTE
SENDERS, READERS = 40, 20
FORMS = [  # path, bytes and cookie of what is sent
    ("/review/4F7K/notes/", 59 * MEBIBYTE, "sessionid=made-up"),
    ("/review/4F7K/notes/", 59 * MEBIBYTE, f"sessionid={SESSION}"),
    ("/subscribe/", 5 * MEBIBYTE, ""),
    ("/reports/", 10 * MEBIBYTE, ""),
]
FORM_BYTES = 10 * (59 + 5 + 10) * MEBIBYTE  # without the notes of those whose session is made up
MAX_ANSWER_BYTES = 3 * MEBIBYTE
MAX_HELD_BYTES = 64 * MEBIBYTE
PAUSE_SECONDS = 0.2
HEALTH_REQUESTS = 50
WORKERS = 2  # worker_processes of docker/nginx/nginx.conf

pytestmark = pytest.mark.long


class MemoryGroup:
    """Group of processes that share so much memory; whether by version 1 or 2 of Linux's control groups."""

    def __init__(self, n_bytes: int) -> None:
        old = GROUPS / "memory"
        self.is_old = old.is_dir()
        self.folder = (old if self.is_old else GROUPS) / f"ground-motion-{os.getpid()}"
        self.folder.mkdir()
        (self.folder / ("memory.limit_in_bytes" if self.is_old else "memory.max")).write_text(str(n_bytes))

    def command(self, *command: object) -> list[str]:
        """Return a command that runs in the group."""
        return ["sh", "-c", 'echo $$ >"$0" && exec "$@"', str(self.folder / "cgroup.procs"), *map(str, command)]

    def kills(self) -> int:
        """Return how many processes the kernel has killed for lack of memory."""
        return self._values("memory.oom_control" if self.is_old else "memory.events")["oom_kill"]

    def held_bytes(self) -> int:
        """Return the memory that cannot be taken back, as copies of what is on a disk can."""
        values = self._values("memory.stat")
        return values["rss"] + values["shmem"] if self.is_old else values["anon"] + values["shmem"]

    def _values(self, name: str) -> dict[str, int]:
        return {key: int(value) for key, value in map(str.split, (self.folder / name).read_text().splitlines())}


@pytest.fixture
def memory_group() -> Iterator[MemoryGroup]:
    try:
        group = MemoryGroup(int(MEMORY.removesuffix("m")) * MEBIBYTE)
    except OSError as fault:
        pytest.skip(f"no memory group can be made here: {fault}")
    yield group
    wait_until(lambda: not (group.folder / "cgroup.procs").read_text())
    group.folder.rmdir()


class Site(Quiet):
    """A site with large files: the proxy sends those at /rasters/, the site itself those at /streams/."""

    def do_GET(self) -> None:
        if self.path == "/sessions/rights/":
            self.answer_rights()
        elif self.path.startswith("/rasters/"):
            self.answer(200, X_Accel_Redirect="/.stored/large.tif", Content_Type="image/tiff")
        elif self.path.startswith("/streams/"):
            self.send_response(200)
            self.send_header("Content-Length", str(FILE_BYTES))
            self.end_headers()
            with contextlib.suppress(OSError):
                for _ in range(FILE_BYTES // MEBIBYTE):
                    self.wfile.write(bytes(MEBIBYTE))
        else:
            self.answer(200)

    def do_POST(self) -> None:
        self.answer(200, str(len(self.body())).encode())


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder on a disk, which nginx's processes can read."""
    made = Path(tempfile.mkdtemp(dir="/var/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


class Visitors:
    """Visitors who go on until `over`. begun: those who have sent, read or been refused something."""

    def __init__(self, port: int) -> None:
        self.port, self.over, self.begun = port, threading.Event(), 0
        self._lock, self._threads = threading.Lock(), []

    def add(self, visit: Callable[[socket.socket], None]) -> None:
        """Let one more come, from an address that no other has."""
        source = f"127.0.1.{len(self._threads) + 1}"
        self._threads.append(threading.Thread(target=self._run, args=(visit, source), daemon=True))
        self._threads[-1].start()

    def _run(self, visit: Callable[[socket.socket], None], source: str) -> None:
        address = ("127.0.0.1", self.port)
        with contextlib.suppress(OSError), socket.create_connection(address, HANG_SECONDS, (source, 0)) as visitor:
            visit(visitor)

    def has_begun(self) -> None:
        with self._lock:
            self.begun += 1

    def send(self, path: str, n_bytes: int, cookie: str) -> Callable[[socket.socket], None]:
        """Send a body at once but for its last bytes, which come one by one."""
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {n_bytes}\r\nCookie: {cookie}\r\n\r\n"

        def visit(visitor: socket.socket) -> None:
            try:
                visitor.sendall(head.encode())
                for _ in range(n_bytes // MEBIBYTE - 1):
                    visitor.sendall(bytes(MEBIBYTE))
            finally:
                self.has_begun()
            while not self.over.wait(PAUSE_SECONDS):
                visitor.sendall(b"a")

        return visit

    def read(self, path: str) -> Callable[[socket.socket], None]:
        """Read a file by a kilobyte at a time."""

        def visit(visitor: socket.socket) -> None:
            visitor.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            visitor.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert visitor.recv(12) == b"HTTP/1.1 200"
            self.has_begun()
            while not self.over.wait(PAUSE_SECONDS):
                visitor.recv(1024)

        return visit

    def leave(self) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()


@contextlib.contextmanager
def visited(port: int, files: Sequence[str]) -> Iterator[Visitors]:
    visitors = Visitors(port)
    for number in range(SENDERS):
        visitors.add(visitors.send(*FORMS[number % len(FORMS)]))
    for number in range(READERS):
        visitors.add(visitors.read(files[number % len(files)]))
    try:
        wait_until(lambda: visitors.begun == SENDERS + READERS)
        yield visitors
    finally:
        visitors.leave()


def processes(nginx: subprocess.Popen) -> list[int]:
    """Return the ids of the processes that serve, after that of the one that has started them.

    Those that look after the cache start later, and one of them ends after a minute.
    """
    children = psutil.Process(nginx.pid).children()
    return [nginx.pid, *(one.pid for one in children if "worker process" in " ".join(one.cmdline()))]


def spooled_bytes(pids: Sequence[int], folder: Path) -> int:
    """Return the room that the files take which processes have open in a folder; nginx unlinks them at once."""
    found = {}
    for link in itertools.chain(*(Path(f"/proc/{pid}/fd").iterdir() for pid in pids)):
        with contextlib.suppress(FileNotFoundError):
            if os.readlink(link).startswith(f"{folder}/"):
                state = link.stat()
                found[state.st_ino] = 512 * state.st_blocks
    return sum(found.values())


def test_the_proxy_survives_slow_senders_and_readers_in_its_memory_and_its_disk_stays_free(
    memory_group, folder, record_property
):
    state, files = folder / "state", folder / "files"
    files.mkdir()
    with (files / "large.tif").open("wb") as file:
        file.truncate(FILE_BYTES)  # takes no room
    port = servers.free_port()
    with serving(Site) as site:
        values = {"WEB": f"127.0.0.1:{site.server_port}", "HTTP_LISTEN": f"127.0.0.1:{port}", "ACCESS_LOG": "/dev/null"}
        values |= {"PROXY_STATE": str(state), "RASTER_DIR": str(files)}
        with servers.running(memory_group.command(START), {**os.environ, **values}, port) as nginx:
            wait_until(lambda: len(processes(nginx)) == 1 + WORKERS)
            started = processes(nginx)
            with visited(port, ["/rasters/1.tif", "/streams/1"]):
                statuses = {servers.get(port, "/healthz", HANG_SECONDS) for _ in range(HEALTH_REQUESTS)}
                assert processes(nginx) == started
                spooled, held = spooled_bytes(started, state), memory_group.held_bytes()
            assert statuses == {200}
            assert nginx.poll() is None
            assert memory_group.kills() == 0
    record_property("spooled_bytes", spooled)
    record_property("held_bytes", held)
    assert held < MAX_HELD_BYTES
    assert FORM_BYTES / 2 < spooled < FORM_BYTES + READERS * MAX_ANSWER_BYTES
    print(f"\nspooled {spooled / 1e6:.0f} MB on the disk, held {held / 1e6:.0f} MB of memory")
