"""Confined commands keep to limits, know no secret, and end as is known; what is given on a page is read in one."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from PIL import Image

from ground_motion.core.errors import InputError
from ingest.jobs import given, landlock
from ingest.jobs.confine import COMMANDS, Ended, ForkServer, Limits, run_confined
from ingest.jobs.given import (
    HARDENED,
    KNOWN,
    LIMITS,
    NotRead,
    database_port,
    job_environment,
    read_given,
    reader_environment,
)
from tests.fixtures.servers import ROOT
from tests.waiting import HANG_SECONDS, wait_until

PREPARED = ForkServer("tests.fixtures.confined", lambda: {"PATH": os.environ["PATH"]})
SERVERS = {"a command": COMMANDS, "a program that is imported": PREPARED}
ROOMY = Limits(memory_bytes=2**31, cpu_seconds=60, file_bytes=2**30, wall_seconds=HANG_SECONDS)


@pytest.fixture(params=SERVERS.values(), ids=SERVERS)
def server(request) -> ForkServer:
    """What starts a confined process: it becomes a command, or calls a program that its server has imported."""
    return request.param


@pytest.fixture
def listener() -> Iterator[int]:
    """A port of this machine on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("code", "limits", "ended"),
    [
        ("while True: pass", {"cpu_seconds": 1}, Ended.CPU),
        ("import time; time.sleep(3600)", {"wall_seconds": 0.5}, Ended.TIME),
        ("import os; os.kill(os.getpid(), 9)", {}, Ended.KILLED),
        ("import os; os.abort()", {}, Ended.CRASHED),
        ("import sys; sys.exit(3)", {}, Ended.DONE),
    ],
)
def test_a_confined_command_ends_and_it_is_known_how(code, limits, ended, server):
    assert confined(code, ROOMY._replace(**limits), server=server).ended is ended


# Code that a limit ends, and how.
LIMITED = {
    "bytearray(3 * 2**30)": "MemoryError",
    "open(f'{own}/large', 'wb').write(bytes(2**21))": "OSError",
    "[open('/dev/null') for _ in range(1000)]": "OSError",
    "assert resource.getrlimit(resource.RLIMIT_CORE) != (0, 0)": "AssertionError",
    "assert os.nice(0) < 10": "AssertionError",
}
# Code that is refused where the kernel has this version of Landlock.
DENIED = {
    "os.readlink(f'/proc/{pid}/cwd')": 1,
    "if ctypes.CDLL(None).ptrace(0x4206, pid, None, None): raise PermissionError": 1,  # PTRACE_SEIZE
    "open(kept).read()": 1,
    "open(os.path.join(os.getcwd(), '.env.example')).read()": 1,
    "open(beside, 'w')": 1,
    "os.rename(f'{own}/made', beside)": 1,
    "os.truncate(kept, 0)": 3,
    "os.remove(kept)": 1,
    "socket.create_connection(('127.0.0.1', port), 5)": 4,
    "socket.create_server(('127.0.0.1', 0))": 4,
    "os.kill(os.getppid(), 0)": 6,
    "os.kill(pid, 9)": 6,
}
ALLOWED = (
    "os.makedirs(f'{own}/a/b'); open(f'{own}/a/x', 'w').write('x'); os.rename(f'{own}/a/x', f'{own}/a/b/y')",
    "os.truncate(f'{own}/a/b/y', 0); os.remove(f'{own}/a/b/y'); os.removedirs(f'{own}/a/b')",
    "open(os.devnull, 'w').write('x')",
    "socket.create_connection(('127.0.0.1', open_port), 5)",
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).kill()",
)
TRIES = """
import ctypes, json, os, resource, socket, subprocess, sys
from contextlib import suppress
raised = {}
for code in codes:
    open(f"{own}/made", "w").write("x")
    with suppress(PermissionError):
        open(kept, "w").write("kept")
    try:
        exec(code)
    except Exception as fault:
        raised[code] = type(fault).__name__
with open(f"{own}/raised", "w") as out:
    json.dump(raised, out)
"""
SLEEPER = "import time; time.sleep(60)"


def test_limits_hold_nothing_outside_is_touched_and_what_is_allowed_can_be_done(tmp_path, listener, server):
    hidden = Path("/") / ("x" * 300)  # A readable path that cannot be looked at is left out.
    (own := tmp_path / "own").mkdir()
    denied = {code: "PermissionError" for code, since in DENIED.items() if since <= landlock.version()}
    with subprocess.Popen([sys.executable, "-c", SLEEPER]) as other, socket.create_server(("127.0.0.1", 0)) as named:
        paths = {"own": str(own), "beside": str(tmp_path / "beside"), "kept": str(tmp_path / "kept")}
        values = paths | {"pid": other.pid, "port": listener, "open_port": (port := named.getsockname()[1])}
        tries = f"vars().update({values | {'codes': [*ALLOWED, *LIMITED, *denied]}})\n{TRIES}"
        (tmp_path / "kept").write_text("kept")
        limits = ROOMY._replace(file_bytes=2**20)
        assert confined(tries, limits, own, readable=[hidden], ports=[port], server=server) == (Ended.DONE, 0)
        assert json.loads((own / "raised").read_text()) == LIMITED | denied
        subprocess.run(
            [sys.executable, "-c", tries.replace(str([*ALLOWED, *LIMITED, *denied]), str([*denied]))], check=True
        )
        assert json.loads((own / "raised").read_text()) == {}, "these are no deeds that anybody would be refused"
        other.kill()


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


def test_the_processor_time_of_a_command_that_hides_itself_is_known_without_proc(monkeypatch):
    """Under ProtectProc=invisible of the units, as with hidepid=2, /proc has no folder of such a command."""
    monkeypatch.setattr(Path, "read_text", lambda path, *_how: os.stat("/nowhere"))
    seen: list[float] = []
    code = "from ingest.jobs.confine import hide_process; hide_process()\nwhile True: pass"
    outcome = confined(code, go_on=lambda computed: seen.append(computed) or computed < 1)
    assert outcome.ended is Ended.ABANDONED
    assert seen == sorted(seen)


def confined(
    code: str,
    limits: Limits = ROOMY,
    *writable: Path,
    readable: Sequence[Path] = (),
    ports: Sequence[int] = (),
    server: ForkServer = COMMANDS,
    go_on: Callable[[float], bool] = lambda computed: True,
    environment: Mapping[str, str] | None = None,
):
    return run_confined(
        [sys.executable, "-c", code] if server is COMMANDS else [code],
        environment=environment or os.environ | {"PYTHONFAULTHANDLER": ""},
        folder=ROOT,
        limits=limits,
        go_on=go_on,
        every_seconds=0.05,
        readable=readable,
        writable=writable,
        ports=ports,
        server=server,
    )


def told_by(code: str, folder: Path, **options: Any) -> Any:
    """What the code's `said` is in a forked process."""
    tell = f"{code}\nimport json\nopen('{folder}/said', 'w').write(json.dumps(said))"
    assert confined(tell, ROOMY, folder, server=PREPARED, **options) == (Ended.DONE, 0)
    return json.loads((folder / "said").read_text())


def test_a_forked_process_has_nothing_of_its_server_open_and_its_server_one_thread(tmp_path):
    with socket.create_server(("127.0.0.1", 0)):
        descriptors, threads = told_by(
            "import os\nhere = os.listdir('/proc/self/fd')\n"
            "links = {n: os.readlink(f'/proc/self/fd/{n}') for n in here if os.path.lexists(f'/proc/self/fd/{n}')}\n"
            "said = links, os.listdir(f'/proc/{os.getpid()}/task')",
            tmp_path,
        )
    assert {*descriptors} == {"0", "1", "2"}
    assert descriptors["0"] == descriptors["1"] == os.devnull
    assert len(threads) == 1
    with pytest.raises(ChildProcessError, match="threaded does not start"):
        confined("pass", server=ForkServer("tests.fixtures.threaded", dict))


def test_a_server_that_was_killed_is_replaced_with_its_process_and_so_is_that_of_a_process_that_crashed(tmp_path):
    server = "import os\nsaid = os.getppid()"
    first = told_by(server, tmp_path)
    assert told_by(server, tmp_path) == first
    mark = tmp_path / "pid"
    code = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"

    def kill_server(_computed: float) -> bool:
        if mark.exists() and mark.read_text():
            os.kill(first, signal.SIGKILL)
        return True

    assert confined(code, ROOMY, tmp_path, server=PREPARED, go_on=kill_server).ended is Ended.KILLED
    wait_until(lambda: not alive(int(mark.read_text())))
    second = told_by(server, tmp_path)
    assert confined("import os; os.abort()", ROOMY, server=PREPARED).ended is Ended.CRASHED
    assert len({first, second, told_by(server, tmp_path)}) == 3
    wait_until(lambda: not alive(second))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may read the memory of a server")
def test_a_server_does_not_know_what_its_children_know(tmp_path):
    """The child does: its order, with the password of the database, stands in a file that only it reads."""
    secret = "".join(["secret", "-of-a", "-child"])
    code = "import os\nsaid = os.getppid(), os.environ['SECRET']"
    pid, known = told_by(code, tmp_path, environment={"SECRET": secret})
    assert known == secret
    assert b"tests.fixtures.confined" in memory_of(pid)
    assert secret.encode() not in memory_of(pid)


def memory_of(pid: int) -> bytes:
    """What a process can write to."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    found = b""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for span, rights, *_ in map(str.split, lines):
            if rights.startswith("rw"):
                start, end = (int(edge, 16) for edge in span.split("-"))
                found += os.pread(memory.fileno(), end - start, start)
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


CANARY = "canary-7c1e"
SETTINGS = re.findall(r"^# ([A-Z][A-Z0-9_]*)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
MADE_UP = ("HTTPS_PROXY", "no_proxy", "SECRET_KEY_FILE", "PGPASSWORD", "AWS_SESSION_TOKEN", "WEBHOOK_KEY", "NEW_SECRET")
FILES = {"secret_key": CANARY, "services.env": f"DATABASE_OWNER_URL={CANARY}\nSERVICES={CANARY}\n"}

REPORT = """
import json, os
from pathlib import Path
seen = {"proc": Path("/proc/self/environ").read_bytes().decode(errors="replace"), "environ": dict(os.environ)}
import ingest.foundation.folders
ingest.foundation.folders.BASE_DIR = Path(installation)
import django
django.setup()
from django.conf import settings
seen |= {"later": dict(os.environ), "settings": {name: repr(getattr(settings, name)) for name in dir(settings)}}
Path(report).write_text(json.dumps(seen))
"""


@pytest.fixture
def canaries(tmp_path, monkeypatch) -> Path:
    """The folder of an installation: secrets in this process's environment, in .env, and in files of the service."""
    names = {*SETTINGS, *MADE_UP} - {*KNOWN}
    for name in names:
        monkeypatch.setenv(name, f"{CANARY}-{name}")
    (tmp_path / ".env").write_text("".join(f"{name}={CANARY}\n" for name in ("FROM_FILE", *names)))
    monkeypatch.setenv("GROUND_MOTION_VAR", str(tmp_path / "var"))
    (tmp_path / "var").mkdir()
    for name, content in FILES.items():
        (tmp_path / "var" / name).write_text(content)
    return tmp_path


def reported(canaries: Path, environment: dict[str, str]) -> str:
    (folder := canaries / "job").mkdir(exist_ok=True)
    paths = f"installation, report = {str(canaries)!r}, {str(folder / 'report')!r}\n"
    limits = LIMITS._replace(memory_bytes=2**31, cpu_seconds=60, wall_seconds=HANG_SECONDS)
    confined(paths + REPORT, limits, folder, readable=[canaries], environment=environment)
    return (folder / "report").read_text()


def test_the_process_that_loads_a_file_knows_no_secret_of_the_service_and_of_its_files(canaries):
    environment = job_environment(str(canaries / "job"))
    said = reported(canaries, environment)
    assert re.findall(rf"\w*.{{0,9}}{CANARY}[-\w]*", said) == []
    known = json.loads(said)["environ"]
    assert known.items() >= environment.items() >= HARDENED.items()
    assert connection.settings_dict["NAME"] in known["DATABASE_URL"]
    del environment["GROUND_MOTION_CONFINED"]
    (canaries / ".env").write_text(f"FROM_FILE={CANARY}\n")
    assert "FROM_FILE" in reported(canaries, environment), "without the switch they would be read"


def test_the_process_that_reads_for_a_visitor_has_the_same_list_and_a_job_the_port_of_its_own_role(
    canaries, settings, monkeypatch
):
    assert not [value for value in reader_environment("/f").values() if CANARY in value]
    assert reader_environment("/f").items() <= job_environment("/f").items()
    monkeypatch.setenv("PGPORT", "5433")
    for server, port in (("pooler:6432", 6432), ("db", 5433)):
        settings.DATABASE_READER_URL = f"postgis://reader:password@{server}/ground_motion"
        assert database_port() == port


# A process and another of its user, which tries to read it. Who may read every process (root) is made to be none.
SECRET_KEEPER = """
import subprocess, sys
{before}
sys.exit(subprocess.run([sys.executable, "-c", {probe!r}]).returncode)
"""
PROBE = """
import ctypes, os
from contextlib import suppress
parent = os.getppid()
for name in ("environ", "maps"):
    with suppress(OSError):
        print(name * bool(open(f"/proc/{parent}/{name}", "rb").read()))
for name in ("cwd", "fd/0"):
    with suppress(OSError):
        print(name * bool(os.readlink(f"/proc/{parent}/{name}")))
print("traced" * (not ctypes.CDLL(None).ptrace(0x4206, parent, None, None)))  # PTRACE_SEIZE
"""


def found_in_another(before: str) -> list[str]:
    """What a process finds of its parent, which ran `before`, where neither may read every process."""
    command = [sys.executable, "-c", SECRET_KEEPER.format(before=before, probe=PROBE)]
    if os.geteuid() == 0:
        command = ["setpriv", "--bounding-set", "-all", *command]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.stderr.startswith("setpriv: "):
        pytest.skip(f"no right can be given up here: {done.stderr}")
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_process_of_the_service_or_one_that_reads_a_file_cannot_be_read_by_another_of_its_user():
    assert {"environ", "maps", "cwd", "fd/0"} <= {*found_in_another("")}  # the probe works
    assert found_in_another("import monitor") == []
    reading = "from ingest.given.__main__ import main\ntry: main([])\nexcept ValueError: pass"
    assert found_in_another(reading) == []


@pytest.mark.parametrize(
    ("size", "form", "mode", "kept"),
    [
        ((6000, 4000), "PNG", "RGBA", (6000, 4000)),
        ((12_000, 8000), "JPEG", "RGB", (6000, 4000)),  # read at half its size
        ((7700, 7700), "PNG", "L", "59 megapixels"),
        ((12_000, 9000), "JPEG", "L", "108 megapixels"),
    ],
)
def test_the_largest_pictures_fit_into_the_limits_and_larger_ones_are_refused_before_they_are_unpacked(
    size, form, mode, kept
):
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(out, form)
    if isinstance(kept, str):
        with pytest.raises(InputError, match=kept):
            read_given("picture", out.getvalue())
    else:
        drawn = Image.open(io.BytesIO(read_given("picture", out.getvalue())))
        assert (drawn.size, drawn.format, drawn.mode) == (kept, form, mode)


def test_a_reader_that_computes_for_too_long_is_ended_and_nothing_is_left_behind(tmp_path, monkeypatch):
    """A picture of noise takes two seconds, where a reader may compute for one."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    read_given("line", b"lat,lon\n47,-12\n47.1,-12\n")
    monkeypatch.setattr(given, "LIMITS", given.LIMITS._replace(cpu_seconds=1))
    out = io.BytesIO()
    Image.effect_noise((5000, 3400), 50).convert("RGB").save(out, "PNG", compress_level=1)
    with pytest.raises(NotRead):
        read_given("picture", out.getvalue())
    assert not list(tmp_path.iterdir())


FULL = """
import os, subprocess, sys
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", sys.argv[1]], check=True)
import django
django.setup()
from ingest.jobs.given import read_given
try:
    read_given("boundary", b"{" + b" " * 100_000)
except OSError as fault:
    print(fault.errno)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk")
def test_a_full_disk_is_an_error_of_the_disk(tmp_path):
    command = ["unshare", "--mount", sys.executable, "-c", FULL, str(tmp_path)]
    own = os.environ | {"TMPDIR": str(tmp_path)}
    done = subprocess.run(command, env=own, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "28", done.stderr
    assert LIMITS.memory_bytes == 512 * 2**20
