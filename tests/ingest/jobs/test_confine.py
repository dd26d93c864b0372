"""A confined command cannot take more than its limits, and how it ended is known."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ingest.jobs import landlock
from ingest.jobs.confine import Ended, Limits, run_confined
from tests.waiting import HANG_SECONDS, wait_until

ROOT = Path(__file__).resolve().parents[3]
ROOMY = Limits(memory_bytes=2**31, cpu_seconds=60, file_bytes=2**30, wall_seconds=HANG_SECONDS)


@pytest.fixture
def listener() -> Iterator[int]:
    """A port of this machine on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("code", "limits", "ended"),
    [
        ("while True: pass", {"cpu_seconds": 1}, Ended.CPU),
        ("import time; time.sleep(3600)", {"wall_seconds": 1}, Ended.TIME),
        ("import os; os.kill(os.getpid(), 9)", {}, Ended.KILLED),
        ("import os; os.abort()", {}, Ended.CRASHED),
        ("import sys; sys.exit(3)", {}, Ended.DONE),
    ],
)
def test_a_confined_command_ends_and_it_is_known_how(code, limits, ended):
    assert confined(code, ROOMY._replace(**limits)).ended is ended


@pytest.mark.parametrize(
    "code",
    [
        "bytearray(3 * 2**30)",
        "open('large', 'wb').write(bytes(2**21))",
        "[open('/dev/null') for _ in range(1000)]",
        "import resource; assert resource.getrlimit(resource.RLIMIT_CORE) != (0, 0)",
        "import os; assert os.nice(0) < 10",
    ],
)
def test_limits_hold_for_memory_files_and_dumps(code, tmp_path):
    limits = ROOMY._replace(memory_bytes=2**31, file_bytes=2**20)
    assert confined(f"import os; os.chdir({str(tmp_path)!r})\n{code}", limits, tmp_path).code == 1


def test_a_confined_command_dies_with_whoever_waits_for_it(tmp_path):
    mark = tmp_path / "pid"
    sleep = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    program = (
        "import os, sys; from pathlib import Path; from ingest.jobs.confine import *\n"
        f"run_confined([sys.executable, '-c', {sleep!r}], environment=os.environ, folder=Path('.'),"
        " limits=Limits(2**31, 9, 2**20, 60), go_on=lambda computed: True, every_seconds=1,"
        f" writable=[Path({str(tmp_path)!r})])"
    )
    waiting = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    wait_until(lambda: mark.exists() and mark.read_text())
    waiting.kill()
    waiting.wait()
    wait_until(lambda: not alive(int(mark.read_text())))


SLEEPER = "import time; time.sleep(60)"
# What a command may not do where the kernel has this version of Landlock: the code, which ends with 1 if it is refused.
DENIED = {
    "read another process": (1, "os.readlink(f'/proc/{pid}/cwd')"),
    "trace another process": (1, "import ctypes; ctypes.CDLL(None).ptrace(0x4206, pid, None, None) and sys.exit(1)"),
    "read a file beside its folder": (1, "open(kept).read()"),
    "read a secret of the service": (1, "open(os.path.join(os.getcwd(), '.env.example')).read()"),
    "write beside its folder": (1, "open(beside, 'w')"),
    "delete beside its folder": (1, "os.remove(kept)"),
    "move something into another folder": (1, "os.rename(os.path.join(own, 'made'), beside)"),
    "cut a file short": (3, "os.truncate(kept, 0)"),
    "connect to another port": (4, "socket.create_connection(('127.0.0.1', port), 5)"),
    "listen": (4, "socket.create_server(('127.0.0.1', 0))"),
    "kill another process": (6, "os.kill(pid, 9)"),
    "signal its parent": (6, "os.kill(os.getppid(), 0)"),
}


@pytest.mark.parametrize("deed", DENIED)
def test_a_confined_command_cannot(tmp_path, listener, deed):
    since, code = DENIED[deed]
    if landlock.version() < since:
        pytest.skip(f"this kernel has Landlock {landlock.version()}, of {since} that are needed")
    (own := tmp_path / "own").mkdir()
    (tmp_path / "kept").write_text("kept")
    with subprocess.Popen([sys.executable, "-c", SLEEPER]) as other:
        paths = {"own": str(own), "beside": str(tmp_path / "beside"), "kept": str(tmp_path / "kept")}
        before = f"import os, socket, sys\nvars().update({paths | {'pid': other.pid, 'port': listener}})\n"
        before += "open(os.path.join(own, 'made'), 'w').write('x')\n"
        refused = confined(f"{before}try: {code}\nexcept PermissionError: sys.exit(1)", ROOMY, own)
        allowed = subprocess.run([sys.executable, "-c", before + code], check=False)
        other.kill()
    assert (refused.ended, refused.code) == (Ended.DONE, 1)
    assert allowed.returncode == 0


def test_a_confined_command_writes_in_its_folder_connects_to_its_port_and_ends_what_it_started(tmp_path, listener):
    code = (
        "import os, socket, subprocess, sys\n"
        f"os.chdir({str(tmp_path)!r}); os.mkdir('a'); os.mkdir('b'); open('a/x', 'w').write('x')\n"
        "os.rename('a/x', 'b/y'); os.truncate('b/y', 0); os.remove('b/y'); open(os.devnull, 'w').write('x')\n"
        f"socket.create_connection(('127.0.0.1', {listener}), 5)\n"
        f"subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]).kill()"
    )
    assert confined(code, ROOMY, tmp_path, ports=[listener]).code == 0


def test_a_readable_path_that_cannot_be_looked_at_is_left_out():
    hidden = Path("/") / ("x" * 300)
    with pytest.raises(OSError, match="too long"):
        hidden.exists()
    assert confined("pass", ROOMY, readable=[hidden]).code == 0


def test_the_processor_time_of_a_command_that_hides_itself_is_known_without_proc(monkeypatch):
    """Under ProtectProc=invisible of the units, as with hidepid=2, /proc has no folder of such a command."""
    monkeypatch.setattr(Path, "read_text", lambda path, *_how: os.stat("/nowhere"))
    seen: list[float] = []
    outcome = run_confined(
        [sys.executable, "-c", "from ingest.jobs.confine import hide_process; hide_process()\nwhile True: pass"],
        environment=os.environ,
        folder=ROOT,
        limits=ROOMY,
        go_on=lambda computed: seen.append(computed) or computed < 1,
        every_seconds=0.05,
    )
    assert outcome.ended is Ended.ABANDONED
    assert seen == sorted(seen)


def confined(code: str, limits: Limits, *writable: Path, readable: Sequence[Path] = (), ports: Sequence[int] = ()):
    return run_confined(
        [sys.executable, "-c", code],
        environment=os.environ | {"PYTHONFAULTHANDLER": ""},
        folder=ROOT,
        limits=limits,
        go_on=lambda computed: True,
        every_seconds=0.05,
        readable=readable,
        writable=writable,
        ports=ports,
    )


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
