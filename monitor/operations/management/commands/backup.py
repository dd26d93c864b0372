"""manage.py backup FOLDER: back up database, rasters, secret key and settings, once or every day."""

import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, connection

from ground_motion.core.errors import promised
from ingest.foundation.failures import full_disk
from monitor.operations.backups.manifest import Unusable
from monitor.operations.backups.services import SERIES_TIME, backup_add, backup_make, series_folders

EVERY = timedelta(days=1)
TRY_AGAIN_SECONDS = 3600.0


class Command(BaseCommand):
    """Command that backs up the database, the rasters and the key."""

    requires_system_checks = []  # System checks would import the whole site.
    help = "Copy database, rasters, secret key and .env into a folder; again into the same one copies what is new."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the folder, and the options of a series of backups."""
        parser.add_argument("folder", type=Path)
        parser.add_argument(
            "--keep",
            type=int,
            metavar="N",
            help="add a folder named by the time to this one, and delete all but the newest N; what has not changed is"
            " shared by hard links",
        )
        parser.add_argument("--daily", action="store_true", help="with --keep: go on, and add one every day")

    def handle(self, *args: Any, folder: Path, keep: int | None, daily: bool, **options: Any) -> None:
        """Make one backup, or one a day."""
        if (keep is not None and keep < 1) or (daily and keep is None):
            raise CommandError("--keep takes a number above 0; --daily needs it")
        folder = folder.absolute()
        if daily:
            self._every_day(folder, promised(keep))
        else:
            try:
                self._make(folder, keep)
            except (Unusable, OSError) as fault:
                raise CommandError(f"no backup was made: {full_disk(fault) or fault}") from fault

    def _every_day(self, series: Path, keep: int) -> None:
        """Add a backup every day, or an hour after one that failed; run until stopped."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # A container's first process would ignore it.
        while True:
            if folders := series_folders(series):
                last = datetime.strptime(folders[-1].name, SERIES_TIME).replace(tzinfo=UTC)
                time.sleep(max((last + EVERY - datetime.now(UTC)).total_seconds(), 0.0))
            try:
                self._make(series, keep)
            except (Unusable, OSError, Error) as fault:
                self.stderr.write(f"no backup was made: {full_disk(fault) or fault}")
                time.sleep(TRY_AGAIN_SECONDS)
            finally:
                connection.close()

    def _make(self, folder: Path, keep: int | None) -> None:
        if keep is None:
            made = backup_make(folder=folder)
        else:
            folder, made = backup_add(series=folder, keep=keep)
        size = sum(entry.size_bytes for entry in made.files.values())
        self.stdout.write(f"{len(made.files)} files, {size / 1e6:,.1f} MB in {folder}; keep it secret")
        for name in made.missing:
            self.stdout.write(f"missing: raster {name}, which a row names, is not in the storage")
