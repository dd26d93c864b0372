"""A process that reads a given file knows what is listed and no secret, nor can it read what other processes know."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from ingest.jobs.confine import run_confined
from ingest.jobs.given import HARDENED, KNOWN, LIMITS, database_port, job_environment, reader_environment
from tests.fixtures.servers import ROOT

CANARY = "canary-7c1e"
SETTINGS = re.findall(r"^# ([A-Z][A-Z0-9_]*)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
MADE_UP = ("HTTPS_PROXY", "no_proxy", "SECRET_KEY_FILE", "PGPASSWORD", "AWS_SESSION_TOKEN", "WEBHOOK_KEY", "NEW_SECRET")
FILES = {"secret_key": CANARY, "push_key": CANARY, "services.env": f"DATABASE_OWNER_URL={CANARY}\nSERVICES={CANARY}\n"}

# What a process finds in its environment, its settings and under /proc; `monitor` hides it from itself, so /proc first.
REPORT = """
import json, os, sys
from pathlib import Path
seen = {"proc": Path("/proc/self/environ").read_bytes().decode(errors="replace"), "environ": dict(os.environ)}
import core.folders
core.folders.BASE_DIR = Path(sys.argv[1])
import django
django.setup()
from django.conf import settings
seen |= {"later": dict(os.environ), "settings": {name: repr(getattr(settings, name)) for name in dir(settings)}}
Path(sys.argv[2]).write_text(json.dumps(seen))
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
    report = folder / "report"
    run_confined(
        [sys.executable, "-c", REPORT, str(canaries), str(report)],
        environment=environment,
        folder=ROOT,
        limits=LIMITS._replace(memory_bytes=2**31, cpu_seconds=60),
        go_on=lambda computed: True,
        every_seconds=60,
        readable=[canaries],
        writable=[folder],
    )
    return report.read_text()


def test_the_process_that_loads_a_file_knows_no_secret_of_the_service_and_of_its_files(canaries):
    environment = job_environment(str(canaries / "job"))
    said = reported(canaries, environment)
    assert re.findall(rf"\w*.{{0,9}}{CANARY}[-\w]*", said) == []
    known = json.loads(said)["environ"]
    assert known.items() >= environment.items() >= HARDENED.items()
    assert connection.settings_dict["NAME"] in known["DATABASE_URL"]


def test_the_files_of_the_service_would_be_read_without_the_switch(canaries):
    environment = job_environment(str(canaries / "job"))
    del environment["GROUND_MOTION_CONFINED"]
    (canaries / ".env").write_text(f"FROM_FILE={CANARY}\n")
    assert "FROM_FILE" in reported(canaries, environment)


def test_the_process_that_reads_for_a_visitor_has_the_same_list(canaries, tmp_path):
    assert not [value for value in reader_environment(str(tmp_path)).values() if CANARY in value]
    assert reader_environment("/f").items() <= job_environment("/f").items()


def test_the_process_that_loads_a_file_may_connect_to_the_port_of_its_own_role(settings, monkeypatch):
    monkeypatch.setenv("PGPORT", "5433")
    settings.DATABASE_READER_URL = "postgis://reader:password@pooler:6432/ground_motion"
    assert database_port() == 6432
    settings.DATABASE_READER_URL = "postgis://reader:password@db/ground_motion"
    assert database_port() == 5433


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


def test_a_process_of_the_service_cannot_be_read_by_another_of_its_user():
    assert {"environ", "maps", "cwd", "fd/0"} <= {*found_in_another("")}  # the probe works
    assert found_in_another("import monitor") == []


def test_a_process_that_reads_a_file_cannot_be_read_by_one_that_reads_another():
    reading = "from ingest.given.__main__ import main\ntry: main([])\nexcept ValueError: pass"
    assert found_in_another(reading) == []
