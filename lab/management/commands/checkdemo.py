"""manage.py checkdemo --url URL: wait until every job is done, check the pages, print the first alert's address."""

import json
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from detection.alerts.passes import dates_unfollowed
from detection.glaciers.selectors import glaciers_stale, predictions_unmeasured
from detection.kinds import SINKING, Kind
from detection.selectors import predictions_unscanned
from lab.checks import order, truth
from lab.checks.site import Site
from ml.models import Run
from ml.runs.living import living_due
from ml.runs.selectors import inputs_due, runs_unfinished, trend_searches_due
from monitor.pages.bulletins.drafts import searches_undrafted

ASK_SECONDS = 3.0  # each query of what is left takes processor time from the workers
SIMULATED_KINDS = {Kind.SUBSIDENCE, Kind.UPLIFT, Kind.SURFACE_CHANGE, Kind.GLACIER_SURGE}


class Command(BaseCommand):
    """Command that checks a running service."""

    help = "Check a running service from outside; exit code 1 and one line where something is wrong."
    requires_system_checks = []  # `prepare` has run the checks

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the address, the longest wait without progress, and whether alerts are required."""
        parser.add_argument("--url", required=True)
        given_up = "give up when nothing has changed for this long"
        parser.add_argument("--patience", type=float, default=300, metavar="SECONDS", help=given_up)
        parser.add_argument("--require-alerts", choices=["yes", "no"], default="no")

    def handle(self, *args: Any, **options: Any) -> None:
        """Wait for all jobs, check the pages, print the first alert's address."""
        site, patience = Site(options["url"]), options["patience"]
        self._wait("the web server", lambda: (not self._answers(site),), patience)
        self._wait("the jobs", self._unfinished, patience)
        if failed := Run.objects.filter(state=Run.State.FAILED):
            raise CommandError(f"{len(failed)} runs failed; the first: {failed[0]}: {failed[0].reason}")
        for page in ("", "alerts/", "products/", "about/", "glaciers/", "tiles/points/los/0/0/0.mvt"):
            site.get(page)
        alerts = json.loads(site.get("alerts.geojson"))["features"]
        kinds = {alert["properties"]["kind"] for alert in alerts}
        missing = SIMULATED_KINDS - kinds - ({Kind.SUBSIDENCE} if kinds & SINKING else set())
        if missing and options["require_alerts"] == "yes":
            raise CommandError(f"the simulated region holds some of each, but none was flagged: {', '.join(missing)}")
        if not alerts:
            self.stdout.write("no area was flagged")
            return
        for alert in alerts:
            properties = alert["properties"]
            self.stderr.write(f"{site.url}{properties['url']}  {properties['kind']}: {properties['sentence']}")
        first = f"{site.url}{alerts[0]['properties']['url']}"
        if alerts[0]["properties"]["sentence"] not in site.get(first).decode():
            raise CommandError(f"{first} does not say what the alert says")
        site.get(f"{first}series.json")
        if options["require_alerts"] == "yes":  # The truth is known in the simulated region only.
            self.stderr.write(truth.compare())
            self.stderr.write(truth.compare_bulletin())
            self.stderr.write(order.check(site))
        self.stdout.write(first)

    def _wait(self, what: str, unfinished: Callable[[], tuple[int, ...]], patience: float) -> None:
        """Wait until no work is left; CommandError if the work left does not change for `patience` seconds."""
        before, deadline = None, 0.0
        while any(left := unfinished()):
            if left != before:
                before, deadline = left, time.monotonic() + patience
            if time.monotonic() > deadline:
                raise CommandError(f"{what} made no progress for {patience:g} s; see the logs")
            time.sleep(ASK_SECONDS)

    def _unfinished(self) -> tuple[int, ...]:
        """Count what is left: runs, searches, glaciers not followed, changes of trend not reported, new passes."""
        due = [inputs_due(task=task, method=method) for task, method in settings.SCHEDULED_METHODS.items()]
        glaciers = predictions_unmeasured(), glaciers_stale()
        trends = trend_searches_due(), searches_undrafted(simulated=True), searches_undrafted(simulated=False)
        passes = living_due(), dates_unfollowed()
        waiting = (*due, runs_unfinished(), predictions_unscanned(), *glaciers, *trends, *passes)
        return tuple(rows.count() for rows in waiting)

    def _answers(self, site: Site) -> bool:
        try:
            site.get("about/")
        except (CommandError, OSError):
            return False
        return True
