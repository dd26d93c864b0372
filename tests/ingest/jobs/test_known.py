"""A process that reads a given file knows what is listed and no secret."""

import json
import os
import re
import sys
from pathlib import Path

import pytest
from django.db import connection

from ingest.jobs.confine import run_confined
from ingest.jobs.given import HARDENED, KNOWN, LIMITS, _environment, job_environment
from tests.fixtures.servers import ROOT

CANARY = "canary-7c1e"
SETTINGS = re.findall(r"^# ([A-Z][A-Z0-9_]*)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
MADE_UP = ("HTTPS_PROXY", "no_proxy", "SECRET_KEY_FILE", "PGPASSWORD", "AWS_SESSION_TOKEN", "WEBHOOK_KEY", "NEW_SECRET")
FILES = {"secret_key": CANARY, "push_key": CANARY, "services.env": f"DATABASE_OWNER_URL={CANARY}\nSERVICES={CANARY}\n"}

# What a process finds in its environment, its settings and under /proc.
REPORT = """
import json, os, sys
from pathlib import Path
seen = {"proc": Path("/proc/self/environ").read_bytes().decode(errors="replace"), "environ": dict(os.environ)}
import monitor.paths
monitor.paths.BASE_DIR = Path(sys.argv[1])
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
    assert not [value for value in _environment(str(tmp_path)).values() if CANARY in value]
    assert _environment("/f").items() <= job_environment("/f").items()
