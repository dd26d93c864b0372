"""manage.py prepare: update database, names of places, static files and keys; may be run again at any time."""

import time
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from detection.alerts.importance import importances_recompute
from monitor.operations.health.condition import Wrong
from monitor.operations.health.site_checks import migrations

ASK_SECONDS = 2.0


class Command(BaseCommand):
    """Command that makes the service ready to start."""

    help = "Apply migrations, collect static files, load names of places, and order all alerts anew."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the option to only wait until another machine has prepared the database."""
        parser.add_argument(
            "--wait",
            action="store_true",
            help="only wait until the database is at the migrations of this code: another machine applies them",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Apply what is missing, or wait until another machine has done so."""
        if options["wait"]:
            self._wait()
            return
        call_command("migrate", verbosity=0, interactive=False)
        call_command("collectstatic", verbosity=0, interactive=False)
        call_command("loadcontext", shipped=True)
        importances_recompute()  # The rule of importance may have changed since the last version.

    def _wait(self) -> None:
        said = ""
        while True:
            try:
                migrations()
                return
            except Wrong as fault:
                if str(fault) != said:
                    self.stderr.write(f"waiting, because {fault}; manage.py prepare (as the tables' owner) mends that")
                said = str(fault)
            time.sleep(ASK_SECONDS)
