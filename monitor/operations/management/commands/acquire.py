"""manage.py acquire: search for new images of the watched areas and fetch them, as the schedule does."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ground_motion.core.http.faults import SourceError
from ingest.models import SceneDownload
from ingest.sources import services
from ingest.sources.client.scene import coarse
from ingest.sources.queue import downloads_retry
from monitor.subscribers.subscriptions.watched_areas import area_of, watched_areas

NOWHERE = "Nothing is watched: no subscription is confirmed. Name an --area, or set ACQUIRE_AREA."


class Command(BaseCommand):
    """Command that searches for images of areas and fetches them."""

    help = "Search ASF or a STAC catalogue for new images, fetch them, and queue them for loading."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options for where and how far back to search, and what to do with the images found."""
        parser.add_argument("--source", choices=("asf", "stac"), default=settings.ACQUIRE_SOURCE or None)
        parser.add_argument("--days", type=float, default=settings.ACQUIRE_DAYS, help="how far back to look")
        parser.add_argument("--area", metavar="WKT|W,S,E,N", help="in place of the areas that are watched")
        parser.add_argument("--limit", type=int, help="at most so many new images")
        parser.add_argument("--dry-run", action="store_true", help="list what would be fetched, and fetch nothing")
        parser.add_argument("--retry-failed", action="store_true", help="want again what could not be fetched")

    def handle(self, *args: Any, **options: Any) -> None:
        """Search, and queue new images for fetching."""
        if options["source"] is None:
            raise CommandError("no source: give --source asf or --source stac, or set ACQUIRE_SOURCE")
        try:
            areas = coarse([area_of(options["area"])]) if options["area"] else watched_areas()
        except ValueError as fault:
            raise CommandError(str(fault)) from fault
        if not areas:
            raise CommandError(NOWHERE)
        try:
            search = services.scenes_search(
                source=options["source"], areas=areas, days=options["days"], limit=options["limit"]
            )
        except SourceError as fault:
            raise CommandError(str(fault)) from fault
        self._report(search)
        if not options["dry_run"]:
            self._fetch(search, retry=options["retry_failed"])

    def _report(self, search: services.Search) -> None:
        for scene in search.new:
            size = f"{scene.size_bytes / 1e6:,.1f} MB" if scene.size_bytes else "size unknown"
            when = f"{scene.acquired_at:%Y-%m-%d %H:%M}" if scene.acquired_at else "date unknown"
            self.stdout.write(f"{scene.scene_id}  {when}  {size}")
        for scene_id, why in search.refused:
            self.stdout.write(f"{scene_id}  refused: {why}")
        total = sum(scene.size_bytes or 0 for scene in search.new)
        self.stdout.write(
            f"{len(search.new)} new images, {total / 1e6:,.1f} MB; {search.known} known already;"
            f" {len(search.refused)} refused"
        )

    def _fetch(self, search: services.Search, *, retry: bool) -> None:
        if retry:
            failed = SceneDownload.objects.filter(state=SceneDownload.State.FAILED)
            self.stdout.write(f"{downloads_retry(downloads=failed)} failed ones are wanted again")
        services.scenes_want(scenes=search.new)
        for row in services.downloads_fetch():
            self.stdout.write(f"{row.scene_id}: {row.get_state_display()} {row.error}".rstrip())
        services.downloads_settle()
