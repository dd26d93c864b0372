"""manage.py pairscenes: pair loaded images, now; the scheduled job does the same."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from ingest.models import ScenePair
from ingest.pair_services import pairs_make


class Command(BaseCommand):
    help = "Pair images of one track, burst and polarisation that are a number of days apart."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--days", type=int, nargs="+", default=settings.PAIR_BASELINES_DAYS, help="temporal baselines"
        )

    def handle(self, *args, **options) -> None:
        new = pairs_make(baselines_days=options["days"])
        self.stdout.write(f"{new} new pairs, {ScenePair.objects.count()} in all")
