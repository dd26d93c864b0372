"""manage.py mergepoints: merge all small partitions of points now; the scheduled job merges one group a minute."""

from typing import Any

from django.core.management.base import BaseCommand

from ingest.products.parts import parts, parts_merge


class Command(BaseCommand):
    """The command `mergepoints`."""

    help = "Merge the partitions of small data sets that are neighbours, so that their number stays bounded."

    def handle(self, *args: Any, **options: Any) -> None:
        """Merge until no group is left."""
        while merged := parts_merge():
            self.stdout.write(str(merged))
        self.stdout.write(f"{len(parts())} parts of points and of series")
