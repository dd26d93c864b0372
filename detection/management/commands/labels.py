"""manage.py labels OUT.parquet: export specialists' verdicts on alerts as training labels."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from detection.reviews.labels import labels_write


class Command(BaseCommand):
    """Command labels."""

    help = "Write the verdicts that stand as GeoParquet: a row for each detection of each alert, without names."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments."""
        parser.add_argument("out", type=Path, metavar="OUT.parquet")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the labels."""
        out: Path = options["out"]
        if not out.parent.is_dir():
            raise CommandError(f"{out}: its folder does not exist. Make the folder first", returncode=2)
        self.stdout.write(f"{labels_write(path=out)} labels -> {out}")
