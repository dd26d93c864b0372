"""manage.py prune: delete results, images, releases and rows older than the settings KEEP_... allow."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import filesizeformat

from monitor.operations.retention import services


class Command(BaseCommand):
    """Command that deletes data past their retention period."""

    help = (
        "Delete what is over (KEEP_... in .env.example); what alerts, events, glaciers and unfinished runs need stays."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the option that deletes nothing."""
        parser.add_argument("--dry-run", action="store_true", help="delete nothing; say what would go")

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete old data, and print the number and size of each kind."""
        try:
            pruned = services.prune(dry_run=options["dry_run"])
        except services.Busy as busy:
            raise CommandError(str(busy)) from busy
        for one in pruned:
            size = filesizeformat(one.size_bytes).replace("\xa0", " ")
            self.stdout.write(f"{one.n:>8} {one.kind.name}, {size}: {one.kind.why}")
        verb = "would be freed" if options["dry_run"] else "were freed"
        total = filesizeformat(sum(one.size_bytes for one in pruned)).replace("\xa0", " ")
        self.stdout.write(f"{total} {verb}")
