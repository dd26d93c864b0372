"""Real processes: beat or the worker of mails is killed, and administrators get a mail from the one that is left."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from monitor.operations.health.selectors import BEAT, queue_sign
from tests.waiting import HANG_SECONDS, wait_until

ROOT = Path(__file__).resolve().parents[5]
BEAT_COMMAND = ("beat", "--pidfile=")
WORKER_COMMAND = ("worker", "--queues", "ingest,cpu,mail,housekeeping", "--concurrency", "1")


@contextmanager
def started(command: tuple[str, ...], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process of Celery in a group of its own, which is killed in the end."""
    with subprocess.Popen(
        [sys.executable, "-m", "celery", "--app", "monitor", *command],
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.long
@pytest.mark.demo
def test_a_killed_beat_and_a_killed_worker_are_reported(own_servers, mail_server, site):
    environment = own_servers | {
        "ADMIN_EMAILS": "night-shift@example.org",
        "TEST_SETTINGS": '{"ALARM_AFTER_MINUTES": 0.05}',
        "EMAIL_URL": f"smtp://127.0.0.1:{mail_server.port}",
        "DISK_SPARE_BYTES": "0",
        "CELERY_SKIP_CHECKS": "1",
        "WEB": f"127.0.0.1:{site.server_port}",
    }
    servers = dict(
        line.split("=", 1)
        for line in (Path(own_servers["GROUND_MOTION_VAR"]) / "services.env").read_text().splitlines()
    )
    environment |= servers

    def lives(process: str) -> bool:
        command = [sys.executable, "-m", "monitor.operations.health.process", process]
        return subprocess.run(command, cwd=ROOT, env=environment, check=False, timeout=HANG_SECONDS).returncode == 0

    def mailed(words: str) -> Callable[[], bool]:
        return lambda: any(words in mail["Subject"] for mail in mail_server.received)

    address = environment["DATABASE_URL"].replace("postgis://", "postgresql://", 1)
    with psycopg.connect(address, autocommit=True, prepare_threshold=None) as database:  # perhaps PgBouncer

        def is_well() -> bool:
            signs = {name for (name,) in database.execute("SELECT name FROM monitor_signoflife")}
            (alarms,) = database.execute("SELECT count(*) FROM monitor_alarm WHERE ended_at IS NULL").fetchone()
            return {BEAT, queue_sign("mail"), queue_sign("cpu")} <= signs and not alarms

        def age(names: str) -> None:
            """As if time had gone by since."""
            past = "UPDATE monitor_signoflife SET seen_at = seen_at - interval '20 minutes' WHERE name LIKE %s"
            database.execute(past, [names])

        with ExitStack() as worker:
            worker.enter_context(started(WORKER_COMMAND, environment))
            with started(BEAT_COMMAND, environment):
                wait_until(is_well)
                assert lives("beat")
                assert lives("mail-worker")
            mail_server.received.clear()
            age("beat%")
            wait_until(mailed("needs attention: beat"))
            assert not lives("beat")
            with started(BEAT_COMMAND, environment):
                wait_until(mailed("right again: beat"))
                wait_until(is_well)
                assert sum("attention: beat" in mail["Subject"] for mail in mail_server.received) == 1
                worker.close()
                age(queue_sign("mail"))
                wait_until(mailed("needs attention: queue mail"))
                assert not lives("mail-worker")
