"""Workers, beat, web and a broker as the Procfile starts them: what one does to the others, and what they outlive."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import kombu
import psutil
import pytest
import redis
from celery import Celery
from django.db import connection
from django.db.models import F
from django.utils import timezone

from ingest.jobs.services import job_queue
from ingest.models import IngestJob, Product
from ingest.products.services import product_delete
from lab.speed import servers
from monitor.celery import app
from monitor.models.messages import OutgoingMessage
from monitor.models.operations import Alarm, SignOfLife
from monitor.operations.health import process as probes
from monitor.operations.health.selectors import BEAT, queue_sign
from monitor.schedule import TASK_ROUTES
from monitor.worker import SteadyConsumer
from tests.fixtures.servers import OWN_LOCKS, another_connection, database_url, python
from tests.waiting import HANG_SECONDS, wait_until

ROOT = Path(__file__).resolve().parents[3]
COMMANDS = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())


def start(name: str, environment: dict[str, str], log: Path, group: int | None = None) -> psutil.Popen:
    """Start a process of the Procfile in a group of its own."""
    program, *arguments = shlex.split(COMMANDS[name])
    with log.open("ab") as stream:
        return psutil.Popen(
            [sys.executable, "-m", program, *arguments],
            env=environment,
            cwd=ROOT,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            group=group,
        )


def kill(process: psutil.Popen) -> None:
    """Kill a process with its group, if it still runs."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Processes:
    """Redis and processes of the Procfile, on a socket of their own and the database of the test."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.started, self.more = folder, [], {}
        self.group = 65534 if os.geteuid() == 0 else None  # so that root is not the owner of what is not hidden
        self.start_redis()
        self.app = Celery("test", broker=f"redis+socket://{folder}/redis.sock", set_as_current=False)
        self.app.conf.task_routes = TASK_ROUTES

    def start_redis(self) -> None:
        options = ("--port", "0", "--unixsocket", f"{self.folder}/redis.sock", "--save", "", "--dir", str(self.folder))
        self.server = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        self.redis = redis.Redis(unix_socket_path=f"{self.folder}/redis.sock")
        wait_until(self._answers)

    def _answers(self) -> bool:
        try:
            return bool(self.redis.ping())
        except redis.ConnectionError:
            return False

    def environment(self) -> dict[str, str]:
        own = {"DATABASE_URL": database_url(), "REDIS_URL": f"unix://{self.folder}/redis.sock", "BROKER_URL": ""}
        return os.environ | own | {"EMAIL_URL": "", "CELERY_SKIP_CHECKS": "1"} | self.more

    def start(self, name: str) -> psutil.Popen:
        self.started.append(start(name, self.environment(), self.folder / f"{name}.log", self.group))
        return self.started[-1]

    def stop(self) -> None:
        for process in self.started:
            kill(process)
        self.stop_redis()

    def stop_redis(self) -> None:
        self.server.kill()
        self.server.wait()


@pytest.fixture
def processes() -> Iterator[Processes]:
    folder = Path(tempfile.mkdtemp(prefix="gmm-"))  # short: a socket's path holds about 100 characters
    running = Processes(folder)
    yield running
    running.stop()
    shutil.rmtree(folder)


def backends_waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {OWN_LOCKS} AS lock WHERE NOT granted AND locktype = 'relation'")
        return cursor.fetchone()[0]


def is_hidden(process: psutil.Process) -> bool:
    """Whether the process's environment belongs to root, and not to the process's own user and group."""
    owner = Path(f"/proc/{process.pid}/environ").stat()
    return (owner.st_uid, owner.st_gid) == (0, 0)


def is_well() -> bool:
    signs = set(SignOfLife.objects.values_list("name", flat=True))
    return {BEAT, queue_sign("mail"), queue_sign("cpu")} <= signs and not Alarm.objects.filter(ended_at=None).exists()


def age(start: str) -> None:
    """As if time had gone by since."""
    SignOfLife.objects.filter(name__startswith=start).update(seen_at=F("seen_at") - timedelta(minutes=20))


@pytest.mark.demo
@pytest.mark.django_db(transaction=True)
def test_the_processes_of_the_procfile_work_side_by_side_and_outlive_one_another(
    processes, mail_server, site, make_egms, monkeypatch
):
    """One start of all of them, because each takes seconds; the functions below say what is asked of them."""
    processes.more = {"EMAIL_URL": f"smtp://127.0.0.1:{mail_server.port}", "ADMIN_EMAILS": "night-shift@example.org"}
    processes.more |= {"TEST_SETTINGS": '{"ALARM_AFTER_MINUTES": 0.05}', "DISK_SPARE_BYTES": "0"}
    processes.more |= {"PORT": str(servers.free_port()), "WEB": f"127.0.0.1:{site.server_port}"}
    monkeypatch.setattr("ingest.jobs.services.job_announce", lambda job_id: None)  # Its message is lost.
    monkeypatch.setenv("DATABASE_URL", database_url())
    running = {name: processes.start(name) for name in COMMANDS if name != "beat"}
    a_mail_leaves_while_two_stages_hold_every_slot_of_the_worker(processes, mail_server)
    running["beat"] = processes.start("beat")
    no_other_process_of_the_user_can_read_them(processes, running)
    try:
        a_file_is_loaded_after_redis_was_emptied_and_restarted(processes, make_egms(n=12))
    finally:
        for product in Product.objects.all():
            product_delete(product=product)
    beat = a_killed_beat_and_a_killed_worker_are_reported(processes, running, mail_server)
    a_beat_that_is_stopped_in_the_middle_of_a_statement_ends(beat)


def a_mail_leaves_while_two_stages_hold_every_slot_of_the_worker(processes, mail_server):
    """Before, one worker with two slots had all queues: the mail left when a stage had ended."""

    def received() -> int:
        return sum("anna@example.org" in mail["To"] for mail in mail_server.received)

    def queues_served() -> set[str]:
        answers = processes.app.control.inspect(timeout=1).active_queues() or {}
        return {queue["name"] for queues in answers.values() for queue in queues}

    with another_connection() as other:
        other.execute("LOCK TABLE ingest_releasechange, ingest_scene IN ACCESS EXCLUSIVE MODE")
        processes.app.send_task("ingest.tasks.compare_releases")
        processes.app.send_task("ingest.tasks.pair_new_scenes")
        wait_until(lambda: backends_waiting() == 2 and not processes.redis.llen("ingest"))
        wait_until(lambda: "mail" in queues_served())
        now = timezone.now()
        OutgoingMessage.objects.create(kind="link", key="link:1", address="anna@example.org", next_try_at=now)
        processes.app.send_task("monitor.tasks.send_messages")
        wait_until(received)
        assert backends_waiting() == 2  # the stages are still at it
        assert received() == 1


def no_other_process_of_the_user_can_read_them(processes, running):
    shown = psutil.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, group=processes.group)
    assert not is_hidden(shown)
    shown.communicate()
    wait_until(lambda: all(name == "beat" or process.children() for name, process in running.items()))
    wait_until(lambda: is_hidden(running["beat"]))
    family = [one for process in running.values() for one in (process, *process.children(recursive=True))]
    assert len(family) > len(COMMANDS)
    assert [one.cmdline() for one in family if not is_hidden(one)] == []


def a_file_is_loaded_after_redis_was_emptied_and_restarted(processes, path):
    """The broker forgets what it was sent; the table does not."""
    processes.stop_redis()
    job = job_queue(source="watch", path=path, original_name="a.zip")
    processes.start_redis()
    wait_until(lambda: not IngestJob.objects.exclude(state="loaded").exists())
    assert list(IngestJob.objects.values_list("pk", flat=True)) == [job.pk]
    assert Product.objects.count() == 1


def a_killed_beat_and_a_killed_worker_are_reported(processes, running, mail_server) -> psutil.Popen:
    """Administrators get a mail from the one that is left."""

    def mailed(words: str) -> Callable[[], bool]:
        return lambda: any(words in mail["Subject"] for mail in mail_server.received)

    def mail_worker_answers() -> bool:
        probe = ("-m", "monitor.operations.health.process", "mail-worker")
        return python(*probe, around=processes.environment(), check=False).returncode == 0

    wait_until(is_well)
    assert probes.beat() == ""
    assert mail_worker_answers()
    mail_server.received.clear()
    kill(running["beat"])
    age("beat")
    wait_until(mailed("needs attention: beat"))
    assert probes.beat() != ""
    beat = processes.start("beat")
    wait_until(mailed("right again: beat"))
    wait_until(is_well)
    assert sum("attention: beat" in mail["Subject"] for mail in mail_server.received) == 1
    kill(running["mail-worker"])
    age(queue_sign("mail"))
    wait_until(mailed("needs attention: queue mail"))
    assert not mail_worker_answers()
    return beat


def a_beat_that_is_stopped_in_the_middle_of_a_statement_ends(beat):
    """Before, it waited for itself until it was killed."""
    with another_connection() as other:
        other.execute("LOCK TABLE django_celery_beat_periodictasks, monitor_signoflife IN ACCESS EXCLUSIVE MODE")
        wait_until(backends_waiting)
        beat.send_signal(signal.SIGTERM)
        time.sleep(1)
    assert beat.wait(timeout=HANG_SECONDS) == 0


def test_a_worker_whose_redis_is_killed_while_it_holds_a_message_connects_again(processes):
    """kombu 5.7 fails there with an AttributeError, which ended the worker."""
    connection = kombu.Connection(processes.app.conf.broker_url)
    taken, channels = [], [connection.default_channel, connection.channel()]  # workers have several
    for name, channel in zip(("work", "more"), channels, strict=True):
        kombu.Producer(channel).publish({}, routing_key=name, declare=[kombu.Queue(name)])
        take = [lambda body, message: taken.append(message)]
        kombu.Consumer(channel, queues=[kombu.Queue(name)], callbacks=take).consume()
    wait_until(lambda: connection.drain_events(timeout=HANG_SECONDS) or len(taken) == 2)
    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=0.1)  # they ask for the next one
    consumer = SteadyConsumer.__new__(SteadyConsumer)
    conf = SimpleNamespace(
        worker_cancel_long_running_tasks_on_connection_loss=True, worker_enable_prefetch_count_reduction=False
    )
    consumer.connection, consumer.app = connection, SimpleNamespace(conf=conf)
    processes.stop_redis()
    consumer.on_connection_error_after_connected(ConnectionError("gone"))
    assert consumer.connection is None  # the worker makes a new one
    for channel in channels:
        channel.qos._delivered.clear()  # or it would be given back when this process ends
    assert app.conf.worker_consumer == "monitor.worker:SteadyConsumer"
