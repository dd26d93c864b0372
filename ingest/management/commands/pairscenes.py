"""manage.py pairscenes: pair loaded images, now; the scheduled job does the same."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ingest.models import ScenePair
from ingest.scenes.images import pair_write
from ingest.scenes.pairs import pairs_make


class Command(BaseCommand):
    """The command `pairscenes`."""

    help = "Pair images of one track and polarisation that show the same ground a number of days apart."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the temporal baselines and --list."""
        parser.add_argument(
            "--days", type=int, nargs="+", default=settings.PAIR_BASELINES_DAYS, help="temporal baselines"
        )
        parser.add_argument(
            "--out",
            type=Path,
            metavar="DIR",
            help="write pairs as files for `python -m ml`: DIR/pair-ID/reference.tif, …",
        )
        parser.add_argument(
            "--pair", type=int, action="append", metavar="ID", help="with --out: only this one, repeatable"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the pairs that are missing."""
        new = pairs_make(baselines_days=options["days"])
        self.stdout.write(f"{new} new pairs, {ScenePair.objects.count()} in all")
        if options["out"]:
            self._write(options["out"], options["pair"])
        elif options["pair"]:
            raise CommandError("--pair goes with --out DIR", returncode=2)

    def _write(self, out: Path, wanted: list[int] | None) -> None:
        pairs = ScenePair.objects.select_related("reference", "secondary").order_by("id")
        if wanted:
            pairs = pairs.filter(pk__in=wanted)
            missing = {*wanted} - {pair.pk for pair in pairs}
            if missing:
                raise CommandError(f"there is no pair {min(missing)}; leave --pair out for all", returncode=2)
        if not out.is_dir():
            raise CommandError(f"{out} is no folder; make it first", returncode=2)
        for pair in pairs:
            folder = out / f"pair-{pair.pk}"
            folder.mkdir(exist_ok=True)
            pair_write(pair=pair, folder=folder)
            self.stdout.write(f"{folder}: {pair}, {pair.rows} x {pair.cols} px")
