"""The processes of the small service, and what they take."""

import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import psutil
from django.conf import settings
from django.core.management import call_command

from monitor import broker
from monitor.celery import app
from monitor.schedule import BEAT_SCHEDULE, QUEUES

QUIET = dict.fromkeys(("worker", "mail-worker"), ("--loglevel", "WARNING"))
PRUNE = "monitor.tasks.prune"
PATIENCE_SECONDS = 300.0
ANSWER_SECONDS = 1.0


class Usage(NamedTuple):
    """Of a process and all its children: resident memory, MB, and open files."""

    memory_mb: float
    open_files: int


class Stuck(RuntimeError):
    """Work that does not end."""


@contextmanager
def service() -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """The processes of the Procfile but beat, until the block ends."""
    call_command("collectstatic", verbosity=0, interactive=False)
    lines = (line.split(": ", 1) for line in (settings.BASE_DIR / "Procfile").read_text().splitlines())
    running = {
        name: subprocess.Popen([sys.executable, "-m", *shlex.split(command), *QUIET.get(name, ())])
        for name, command in lines
        if name != "beat"
    }
    try:
        yield running
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait(timeout=60)


def usage(process: subprocess.Popen[bytes]) -> Usage:
    parent = psutil.Process(process.pid)
    memory, files = 0, 0
    for one in (parent, *parent.children(recursive=True)):
        try:
            memory, files = memory + one.memory_info().rss, files + one.num_fds()
        except psutil.NoSuchProcess:
            continue
    return Usage(round(memory / 1e6, 1), files)


def send(*, prune: bool = False) -> None:
    """Send what beat sends, or the daily deletion, and wait until the workers have done it."""
    for entry in BEAT_SCHEDULE.values():
        if (entry["task"] == PRUNE) == prune:
            options = {name: value for name, value in entry.get("options", {}).items() if "expire" not in name}
            app.send_task(entry["task"], args=entry.get("args"), **options)
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while _unfinished():
        if time.monotonic() > ends_at:
            raise Stuck(f"tasks are not done after {PATIENCE_SECONDS:g} s")
        time.sleep(0.02)


def _unfinished() -> bool:
    """Whether messages wait in a queue, or a worker has tasks. Asked in this order: a message is never in between."""
    if broker.messages_waiting(settings.CELERY_BROKER_URL, QUEUES, seconds=ANSWER_SECONDS):
        return True
    inspect = app.control.inspect(timeout=ANSWER_SECONDS, limit=len(QUIET))
    return any(tasks for answers in (inspect.reserved(), inspect.active()) for tasks in (answers or {}).values())
