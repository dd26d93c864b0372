"""manage.py ingestjob ID: the process in which a worker has one submitted file read, with limits. Not for people."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ingest.jobs.child import job_carry_out


class Command(BaseCommand):
    """The command `ingestjob`."""

    help = "Load the file of one claimed job; workers call it in a confined process."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare job, attempt and folder."""
        parser.add_argument("job", type=int)
        parser.add_argument("--attempt", type=int, required=True)
        parser.add_argument("folder", type=Path, help="where copies of files from the object store lie")

    def handle(self, *args: Any, **options: Any) -> None:
        """Carry out the job."""
        job_carry_out(job_id=options["job"], attempt=options["attempt"], folder=options["folder"])
