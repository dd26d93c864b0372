"""The engines of a bigger site, where scripts/test --engines runs: RabbitMQ and PgBouncer that fail."""

import hashlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fixtures.servers import services
from tests.service.monitor import test_real_processes as processes
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
pytestmark = [
    pytest.mark.demo,
    pytest.mark.skipif(
        not os.environ.get("GROUND_MOTION_ENGINES"), reason="scripts/test --engines starts what it needs"
    ),
]


@pytest.fixture
def server_engines() -> str:
    return "rabbitmq pgbouncer"


def in_shell(code: str) -> list[str | Path]:
    return [sys.executable, ROOT / "manage.py", "shell", "--verbosity", "0", "-c", code]


def outcome_of(site: dict[str, str], code: str) -> str:
    return subprocess.run(in_shell(code), env=site, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


@contextmanager
def running(site: dict[str, str], folder: Path, *names: str) -> Iterator[list[subprocess.Popen]]:
    started = [processes.start(name, site, folder / f"{at}.{name}.log") for at, name in enumerate(names)]
    try:
        yield started
    finally:
        for process in started:
            processes.kill(process)


QUEUE = """
from pathlib import Path
from ingest.jobs.services import job_queue
path = Path({path!r})
job_queue(source="watch", path=path, original_name=path.name)
"""
LOADED = "from ingest.models import IngestJob as J; print(*sorted(J.objects.values_list('state', flat=True)))"


def wait_for(site: dict[str, str], code: str, answer: str) -> None:
    wait_until(lambda: outcome_of(site, code) == answer)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{pid}").exists())


def kill_rabbitmq(site: dict[str, str]) -> None:
    kill(int((Path(site["GROUND_MOTION_VAR"]) / "rabbitmq" / "pid").read_text()))


def test_files_are_loaded_after_rabbitmq_came_back_empty_and_after_a_worker_was_killed(
    own_servers, tmp_path, make_egms
):
    """F2, F3 and F5: its messages are gone, two beats run, and the worker dies with what it was sent."""
    with running(own_servers, tmp_path, "worker", "mail-worker", "beat", "beat") as (worker, *_):
        outcome_of(own_servers, QUEUE.format(path=str(make_egms(n=12))))
        wait_for(own_servers, LOADED, "loaded")
        kill_rabbitmq(own_servers)
        services("start", own_servers)
        outcome_of(own_servers, QUEUE.format(path=str(make_egms(n=13))))
        os.killpg(worker.pid, signal.SIGKILL)
        with running(own_servers, tmp_path, "worker"):
            wait_for(own_servers, LOADED, "loaded loaded")


def test_a_file_is_loaded_although_rabbitmq_was_away_when_everything_started(own_servers, tmp_path, make_egms):
    kill_rabbitmq(own_servers)
    with running(own_servers, tmp_path, "worker", "mail-worker", "beat") as started:
        outcome_of(own_servers, QUEUE.format(path=str(make_egms(n=12))))
        assert outcome_of(own_servers, LOADED) == "queued"
        services("start", own_servers)
        wait_for(own_servers, LOADED, "loaded")
        assert [process.poll() for process in started] == [None] * 3


IMPATIENT = (
    "application:set_env(rabbit, consumer_timeout, 1000), application:set_env(rabbit, channel_tick_interval, 500)."
)


def test_a_worker_goes_on_when_rabbitmq_is_tired_of_waiting_and_when_its_connections_are_cut(
    own_servers, tmp_path, make_egms
):
    """A message is open for as long as its file is read: longer than consumer_timeout, here a second."""
    services("rabbitmqctl", own_servers, "eval", IMPATIENT)
    with running(own_servers, tmp_path, "worker", "mail-worker", "beat") as (worker, *_):
        log = tmp_path / "0.worker.log"
        outcome_of(own_servers, QUEUE.format(path=str(make_egms(n=12))))
        wait_until(lambda: "delivery acknowledgement on channel" in log.read_text())
        wait_for(own_servers, LOADED, "loaded")
        outcome_of(own_servers, QUEUE.format(path=str(make_egms(n=13))))
        services("rabbitmqctl", own_servers, "close_all_connections", "cut")
        wait_for(own_servers, LOADED, "loaded loaded")
        assert worker.poll() is None
    assert outcome_of(own_servers, WHOLE) == "2 []"


WHOLE = """
from lab.speed.faults.loads import what_is_partial
from ingest.models import Product
print(Product.objects.count(), what_is_partial())
"""
STATE = "from ingest.models import IngestJob as J; print(J.objects.get().state)"


def test_a_file_is_loaded_once_although_pgbouncer_is_killed_while_it_is_read(own_servers, tmp_path, make_egms):
    with running(own_servers, tmp_path, "worker", "mail-worker", "beat") as started:
        outcome_of(own_servers, QUEUE.format(path=str(make_egms(n=20_000))))
        log = tmp_path / "0.worker.log"
        wait_until(lambda: re.search(r"ingest\.tasks\.execute_job\S* received", log.read_text()))
        kill(int((sockets(own_servers) / "pgbouncer.pid").read_text()))
        services("start", own_servers)
        wait_for(own_servers, STATE, "loaded")
        assert [process.poll() for process in started] == [None] * 3
    assert outcome_of(own_servers, WHOLE) == "1 []"


def sockets(site: dict[str, str]) -> Path:
    return Path(f"/tmp/ground-motion-{state_key(Path(site['GROUND_MOTION_VAR']))}")


def state_key(folder: Path) -> str:
    """What scripts/services calls sockets after, and a cluster whose owner cannot reach its folder."""
    return hashlib.sha256(str(folder).encode()).hexdigest()[:12]
