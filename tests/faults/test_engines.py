"""The engines of a bigger site, where scripts/test --engines starts them: RabbitMQ and a replica that fail."""

import hashlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
pytestmark = [
    pytest.mark.demo,
    pytest.mark.skipif(
        not os.environ.get("GROUND_MOTION_ENGINES"), reason="scripts/test --engines starts what it needs"
    ),
]


@pytest.fixture
def server_engines() -> str:
    return "rabbitmq pgbouncer replica"


def shell(site: dict[str, str], *command: str) -> str:
    ran = subprocess.run([sys.executable, ROOT / "manage.py", *command], env=site, stdout=subprocess.PIPE, check=True)
    return ran.stdout.decode().strip()


def tell(site: dict[str, str], code: str) -> str:
    return shell(site, "shell", "--verbosity", "0", "-c", code)


@contextmanager
def running(site: dict[str, str], folder: Path, *names: str) -> Iterator[list[subprocess.Popen]]:
    started = []
    for number, name in enumerate(names):
        program, *arguments = shlex.split(COMMANDS[name])
        with (folder / f"{number}.{name}.log").open("ab") as log:
            command = [sys.executable, "-m", program, *arguments]
            started.append(
                subprocess.Popen(command, env=site, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
            )
    try:
        yield started
    finally:
        for process in started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


QUEUE = """
from pathlib import Path
from ingest.jobs.services import job_queue
path = Path({path!r})
job_queue(source="watch", path=path, original_name=path.name)
"""
LOADED = "from ingest.models import IngestJob as J; print(*sorted(J.objects.values_list('state', flat=True)))"


def wait_for(site: dict[str, str], code: str, answer: str) -> None:
    wait_until(lambda: tell(site, code) == answer)


def test_files_are_loaded_after_rabbitmq_came_back_empty_and_after_a_worker_was_killed(
    own_servers, tmp_path, make_egms
):
    """F2, F3 and F5: its messages are gone, two beats run, and the worker dies with what it was sent."""
    services = ROOT / "scripts" / "services"
    with running(own_servers, tmp_path, "worker", "mail-worker", "beat", "beat") as (worker, *_):
        tell(own_servers, QUEUE.format(path=str(make_egms(n=12))))
        wait_for(own_servers, LOADED, "loaded")
        pid = int((Path(own_servers["GROUND_MOTION_VAR"]) / "rabbitmq" / "pid").read_text())
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{pid}").exists())
        subprocess.run([services, "start"], env=own_servers, check=True)
        tell(own_servers, QUEUE.format(path=str(make_egms(n=13))))
        os.killpg(worker.pid, signal.SIGKILL)
        with running(own_servers, tmp_path, "worker"):
            wait_for(own_servers, LOADED, "loaded loaded")


READ = """
from django.conf import settings
from django.test import Client
from django.db import connections
settings.ALLOWED_HOSTS = ["*"]
seen = set()
def note(name):
    def wrapper(execute, sql, *rest):
        seen.update([name] if "detection_alert" in sql else [])
        return execute(sql, *rest)
    return wrapper
for name in ("default", "replica"):
    connections[name].execute_wrappers.append(note(name))
print(Client().get("/alerts/").status_code, *sorted(seen))
"""


def test_a_replica_is_read_follows_and_may_go_away(own_servers):
    assert tell(own_servers, READ) == "200 replica"
    doctor = "from monitor.health.checks import site; print(site.replica())"
    assert tell(own_servers, doctor) == "follows"
    folder = Path(own_servers["GROUND_MOTION_VAR"])
    (replica,) = [*folder.glob("replica"), *Path("/var/lib/ground-motion-monitor").glob(f"{state_key(folder)}/replica")]
    pid = int((replica / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGQUIT)  # at once
    wait_until(lambda: not Path(f"/proc/{pid}").exists())
    assert tell(own_servers, READ) == "200 default"


def state_key(folder: Path) -> str:
    """How scripts/services calls a state folder that the owner of the cluster cannot reach."""
    return hashlib.sha256(str(folder).encode()).hexdigest()[:12]
