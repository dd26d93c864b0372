"""manage.py restore FOLDER: restore a service from a backup into an empty database."""

from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ingest.foundation.failures import full_disk
from monitor.operations.backups.manifest import SETTINGS, Unusable
from monitor.operations.backups.services import backup_restore


class Command(BaseCommand):
    """Command that restores a backup."""

    requires_system_checks = []  # System checks would import the whole site.
    help = "Fill an empty database, the raster storage and the secret key from a backup; migrate."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the folder of the backup."""
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Restore the backup, or report why that is refused."""
        folder = options["folder"].absolute()
        try:
            restored = backup_restore(folder=folder)
        except (Unusable, OSError) as fault:
            raise CommandError(f"nothing was restored: {full_disk(fault) or fault}") from fault
        call_command("migrate", verbosity=0, interactive=False)
        self.stdout.write(f"restored as of {restored.made_at}; run manage.py prepare and start all processes anew")
        if SETTINGS in restored.files:
            self.stdout.write(f"the settings of then are in {folder / SETTINGS}: compare them with yours")
