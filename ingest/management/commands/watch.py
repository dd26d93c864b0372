"""manage.py watch [FOLDER] [--once]: make a job of each file that arrives; the schedule does so for WATCH_FOLDER."""

import signal
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ingest.jobs import services as jobs
from ingest.jobs import watching
from ingest.models import IngestJob


class Command(BaseCommand):
    """The command `watch`."""

    help = "Watch a folder: what has arrived there is queued, and workers load it. Ends cleanly on SIGTERM and Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the folder and --once."""
        parser.add_argument("folder", nargs="?", type=Path, default=settings.WATCH_FOLDER or None)
        parser.add_argument("--once", action="store_true", help="one round, then end")
        parser.add_argument("--every", type=float, default=5.0, metavar="SECONDS")
        parser.add_argument("--work", action="store_true", help="load what is queued here, where no worker runs")

    def handle(self, *args: Any, **options: Any) -> None:
        """Scan the folder until a signal arrives."""
        folder: Path | None = options["folder"]
        if folder is None or not folder.is_dir():
            raise CommandError(f"there is no folder {folder or ''} to watch: name one, or set WATCH_FOLDER")
        stop = threading.Event()

        for number in () if options["once"] else (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        while True:
            try:
                if new := watching.round_make(folder=folder):
                    self.stdout.write(f"{new} new")
            except OSError as fault:
                raise CommandError(f"the folder cannot be used: {fault}") from fault
            if options["work"]:
                jobs.jobs_requeue_expired()
                for job in list(IngestJob.objects.filter(state=IngestJob.State.QUEUED).order_by("id")):
                    done = None if stop.is_set() else jobs.job_execute(job_id=job.pk)
                    if done:
                        self.stdout.write(f"{done.original_name}: {done.get_state_display()} {done.error}".rstrip())
                watching.round_make(folder=folder)
            if options["once"] or stop.wait(options["every"]):
                return
