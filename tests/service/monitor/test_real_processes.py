"""Workers, beats and a broker as the Procfile starts them: what one does to the others, and what a worker outlives."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import kombu
import psutil
import pytest
import redis
from celery import Celery
from django.db import connection
from django.utils import timezone

from ingest.jobs.services import job_queue
from ingest.models import IngestJob, Product
from ingest.products.services import product_delete
from lab.speed import servers
from monitor.celery import app
from monitor.models.messages import OutgoingMessage
from monitor.schedule import BEAT_SCHEDULE, STAGE, TASK_ROUTES
from monitor.worker import SteadyConsumer
from tests.fixtures.servers import OWN_LOCKS, another_connection, database_url
from tests.waiting import HANG_SECONDS, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[3]
COMMANDS = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())


class Processes:
    """Redis and processes of the Procfile, on a socket of their own and the database of the test."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.started, self.more, self.group = folder, [], {}, None
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

    def start(self, name: str, hostname: str = "", more_queues: str = "") -> "subprocess.Popen[bytes]":
        program, *arguments = shlex.split(COMMANDS[name].replace("--queues ", f"--queues {more_queues}"))
        own = {"DATABASE_URL": database_url(), "REDIS_URL": f"unix://{self.folder}/redis.sock", "BROKER_URL": ""}
        own |= {"EMAIL_URL": "", "CELERY_SKIP_CHECKS": "1"}
        with (self.folder / f"{name}{hostname}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", program, *arguments],
                env=os.environ | own | self.more,
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
                group=self.group,
            )
        self.started.append(process)
        return process

    def stop(self) -> None:
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
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


def queues_served(processes: Processes) -> set[str]:
    answers = processes.app.control.inspect(timeout=1).active_queues() or {}
    return {queue["name"] for queues in answers.values() for queue in queues}


def test_a_mail_leaves_while_two_stages_hold_every_slot_of_the_worker(processes, mail_server):
    """Before, one worker with two slots had all queues: the mail left when a stage had ended."""
    processes.more = {"EMAIL_URL": f"smtp://127.0.0.1:{mail_server.port}"}
    for name in (name for name in COMMANDS if "worker" in name):
        processes.start(name)
    with another_connection() as other:
        other.execute("LOCK TABLE ingest_releasechange, ingest_scene IN ACCESS EXCLUSIVE MODE")
        processes.app.send_task("ingest.tasks.compare_releases")
        processes.app.send_task("ingest.tasks.pair_new_scenes")
        wait_until(lambda: backends_waiting() == 2 and not processes.redis.llen("ingest"))
        wait_until(lambda: "mail" in queues_served(processes))
        now = timezone.now()
        OutgoingMessage.objects.create(kind="link", key="link:1", address="anna@example.org", next_try_at=now)
        processes.app.send_task("monitor.tasks.send_messages")
        wait_until(lambda: mail_server.received)
        assert backends_waiting() == 2  # the stages are still at it
        assert len(mail_server.received) == 1


def is_hidden(process: psutil.Process) -> bool:
    """Whether the process's environment belongs to root, and not to the process's own user and group."""
    owner = Path(f"/proc/{process.pid}/environ").stat()
    return (owner.st_uid, owner.st_gid) == (0, 0)


def test_no_other_process_of_the_user_can_read_those_of_the_procfile(processes):
    processes.group = 65534 if os.geteuid() == 0 else None  # so that root is not the owner of what is not hidden
    processes.more = {"PORT": str(servers.free_port())}
    shown = psutil.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, group=processes.group)
    assert not is_hidden(shown)
    shown.communicate()
    started = {name: psutil.Process(processes.start(name).pid) for name in COMMANDS}
    wait_until(lambda: all(name == "beat" or process.children() for name, process in started.items()))
    wait_until(lambda: is_hidden(started["beat"]))
    family = [one for process in started.values() for one in (process, *process.children(recursive=True))]
    assert len(family) > len(COMMANDS)
    assert [one.cmdline() for one in family if not is_hidden(one)] == []


def sent(processes: Processes) -> list[tuple[datetime, str, str]]:
    """Take all messages from the queues: when each expires, which task, and the process that sent it."""
    seen = []
    for queue in ("ingest", "cpu", "mail", "housekeeping"):
        while raw := processes.redis.rpop(queue):
            headers = json.loads(raw)["headers"]
            task = f"{headers['task']}{headers['argsrepr']}"
            seen.append((datetime.fromisoformat(headers["expires"]), task, headers["origin"]))
    return seen


@pytest.mark.long
def test_of_two_beats_one_sends_each_task_once_and_the_other_goes_on_when_it_is_killed(processes):
    """Every message counts for the process that sent it, and every one of them expires."""
    beats = [processes.start("beat", "one"), processes.start("beat", "two")]
    seen: list[tuple[datetime, str, str]] = []

    def senders() -> set[str]:
        seen.extend(sent(processes))
        return {origin for _, _, origin in seen}

    stages = {f"{entry['task']}()" for entry in BEAT_SCHEDULE.values() if entry["schedule"] == STAGE}

    def each_is_sent_four_times() -> bool:
        assert len(senders()) <= 1
        counts = Counter(task for _, task, _ in seen)
        return all(counts[task] >= 4 for task in stages)

    wait_until(each_is_sent_four_times)
    times = defaultdict(list)
    for at, task, _ in seen:
        times[task].append(at)  # when it expires: one period after it was sent
    # One more may be sent, because the first may be late on a busy machine; every task twice would be many more.
    assert [task for task, at in times.items() if len(at) > (max(at) - min(at)) / STAGE + 2] == []

    (leader,) = senders()
    pid = int(leader.removeprefix("gen").split("@")[0])
    (killed,) = (beat for beat in beats if beat.pid == pid)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    seen.extend(sent(processes))
    seen.clear()
    wait_until(senders)
    assert senders() != {leader}


def tasks_sent(processes: Processes, wanted: set[str]) -> None:
    """Wait until each of these tasks was sent from now on."""
    sent(processes)
    seen: set[str] = set()

    def are_sent() -> bool:
        seen.update(task.removesuffix("()") for _, task, _ in sent(processes))
        return wanted <= seen

    wait_until(are_sent)


@pytest.mark.long
def test_beat_goes_on_when_the_clock_of_its_machine_jumps(processes, wrong_clock):
    """The clock goes back an hour, with and without a restart, then forward seven: what runs every six hours is due."""
    processes.more = wrong_clock.environment
    stages = {entry["task"] for entry in BEAT_SCHEDULE.values() if entry["schedule"] == STAGE}
    without_arguments = [entry for entry in BEAT_SCHEDULE.values() if not entry["args"]]
    due = {entry["task"] for entry in without_arguments if entry["schedule"] <= timedelta(hours=6)}
    beat = processes.start("beat")
    tasks_sent(processes, stages)
    wrong_clock.set("-1h")
    tasks_sent(processes, stages)
    os.killpg(beat.pid, signal.SIGKILL)
    beat.wait()
    wrong_clock.set("-2h")
    processes.start("beat", "again")
    tasks_sent(processes, stages)
    wrong_clock.set("+5h")
    tasks_sent(processes, due)


def test_files_are_loaded_after_redis_was_emptied_and_restarted(processes, make_egms, settings, monkeypatch):
    """The broker forgets what it was sent; the table does not."""
    settings.CELERY_BROKER_URL = processes.app.conf.broker_url
    monkeypatch.setattr("ingest.jobs.services.current_app", processes.app)
    jobs = [job_queue(source="watch", path=make_egms(n=12), original_name="a.zip")]
    assert processes.redis.llen("ingest") == 1
    processes.redis.flushall()
    processes.start("worker", more_queues="housekeeping,")
    processes.start("beat")
    wait_until(lambda: processes.redis.exists("_kombu.binding.housekeeping"))
    processes.server.kill()
    processes.server.wait()
    processes.start_redis()
    assert not processes.redis.llen("ingest")
    try:
        wait_until(lambda: not IngestJob.objects.exclude(state="loaded").exists())
        assert [job.pk for job in jobs] == list(IngestJob.objects.values_list("pk", flat=True))
        assert Product.objects.count() == 1
    finally:
        for product in Product.objects.all():
            product_delete(product=product)


def test_a_beat_that_is_stopped_in_the_middle_of_a_statement_ends(processes):
    """Before, it waited for itself until it was killed."""
    beat = processes.start("beat")
    wait_until(lambda: processes.redis.llen("ingest"))
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
    processes.server.kill()
    processes.server.wait()
    consumer.on_connection_error_after_connected(ConnectionError("gone"))
    assert consumer.connection is None  # the worker makes a new one
    for channel in channels:
        channel.qos._delivered.clear()  # or it would be given back when this process ends
    assert app.conf.worker_consumer == "monitor.worker:SteadyConsumer"
