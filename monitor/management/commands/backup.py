"""manage.py backup FOLDER: database, rasters, secret key and settings, as of one moment."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitor.backups.manifest import Unusable
from monitor.backups.services import backup_make


class Command(BaseCommand):
    requires_system_checks = []  # they would import the whole site
    help = "Copy database, rasters, secret key and .env into a folder; again into the same one copies what is new."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *args, **options) -> None:
        folder = options["folder"].absolute()
        try:
            made = backup_make(folder=folder)
        except (Unusable, OSError) as fault:
            raise CommandError(f"no backup was made: {fault}") from fault
        size = sum(entry.size_bytes for entry in made.files.values())
        self.stdout.write(f"{len(made.files)} files, {size / 1e6:,.1f} MB in {folder}; keep it secret")
        for name in made.missing:
            self.stdout.write(f"missing: raster {name}, which a row names, is not in the storage")
