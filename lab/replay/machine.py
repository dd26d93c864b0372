"""Player of scenarios: runs one through the services on simulated days and returns the steps of each alert."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import NamedTuple
from unittest.mock import patch

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from detection import tasks
from detection.alerts import services
from detection.models import Alert, AlertTransition
from detection.reviews.services import alert_review, may_go_on_as, review_take_back
from detection.rules.updates import MUTED_FOR
from detection.rules.verdicts import REASONS, Verdict
from ground_motion.core.areas import box_of
from ground_motion.core.errors import promised
from ingest.foundation.geos import geos
from ingest.models import Product
from ingest.products.releases import releases_settle
from lab.replay import files, pairs
from lab.replay.found import in_velocity, series_stated
from lab.replay.scenario import Event, Measure, Scenario, square
from ml.models import ModelVersion, Prediction, Run


class Played(NamedTuple):
    """Result of a scenario. alerts: the steps of each alert, in order of opening."""

    scenario: Scenario
    alerts: tuple[tuple[str, ...], ...]

    @property
    def passed(self) -> bool:
        """Return whether the alerts took the steps stated in the scenario's file."""
        return self.alerts == self.scenario.alerts


def play(scenario: Scenario) -> Played:
    """Play a scenario in a transaction that is rolled back, so that scenarios are independent of each other."""
    with transaction.atomic(), ExitStack() as around:
        workshop = around.enter_context(files.workshop()) if scenario.files else None
        machine = Machine(workshop)
        for event in scenario.events:
            machine.happen(event)
        machine.wait_until(max(event.day for event in scenario.events) + timedelta(days=32))
        played = tuple(
            tuple(map(_label, alert.transitions.select_related("update"))) for alert in Alert.objects.order_by("pk")
        )
        transaction.set_rollback(True)
    return Played(scenario, played)


def _label(step: AlertTransition) -> str:
    """Return a step of an alert in the form used by scenarios."""
    if step.changes_state:
        return step.to_state
    return f"update: {', '.join(change['cause'] for change in step.update.changes)}"


class Machine:
    """Small model of the service: data are ingested, searched and released, people review alerts, and days pass."""

    def __init__(self, workshop: files.Workshop | None = None) -> None:
        self.numbers = count(1)
        self.reviewer = get_user_model().objects.create_user("replay")
        self.today: date | None = None
        self.workshop = workshop

    def happen(self, event: Event) -> None:
        """Advance to the day of an event and carry it out."""
        self.wait_until(event.day)
        with clock_at(event.day):
            if event.verdict:
                self._judge(event)
            elif event.delete and self.workshop:
                self.workshop.withdraw(event.track)
            elif event.delete:
                product = self._newest(event)
                product.delete()
                releases_settle(like=product)
            elif event.measure in {Measure.FIELD, Measure.IMAGES}:
                promised(self.workshop).take_in(event)
            elif event.measure is Measure.VELOCITY:
                self._search_product(event, self._newest(event) if event.again else self._load(event))
            else:
                pairs.take_in(event)

    def wait_until(self, day: date) -> None:
        """Advance to a day. If a month passes, the task that reports postponed updates runs first."""
        month_over = self.today + MUTED_FOR + timedelta(days=1) if self.today else day
        if month_over < day:
            with clock_at(month_over):
                tasks.follow_alerts()
        self.today = day

    def _load(self, event: Event) -> Product:
        number = next(self.numbers)
        product = Product.objects.create(
            name=f"track {event.track}, {event.data[1]}",
            source_format=event.source,
            level="L2b",
            component=event.component,
            track=event.track,
            direction="ascending" if event.track % 2 else "descending",
            release=event.release or event.data[1].isoformat(),
            tile=f"{event.tile}-{event.track}" if event.tile else "",
            dates=list(event.data),
            n_points=1000,
            has_series=False,
            file_name=f"{number}.csv",
            file_sha256=f"{number:064x}",
            footprint=geos(box_of(square(event.view.x_km, event.view.y_km, 2000 * event.view.half_km))),
            simulated=True,
        )
        releases_settle(like=product)
        product.refresh_from_db()
        return product

    def _newest(self, event: Event) -> Product:
        """Return the current release of a track."""
        return Product.objects.current().filter(track=event.track).latest("pk")

    def _search_product(self, event: Event, product: Product) -> None:
        if product.superseded_by is not None:
            return  # an older release that arrives late is not searched
        method, version = event.method.split()
        row, _ = ModelVersion.objects.get_or_create(task="deformation", method=method, version=version)
        run, new = Run.objects.get_or_create(model_version=row, product=product)
        if not new:
            return
        run.state, run.finished_at = Run.State.SUCCEEDED, timezone.now()
        run.save()
        companions = Product.objects.current().filter(track=event.beside) if event.beside else []
        run.companions.set(companions)
        prediction = Prediction.objects.create(run=run, statistics={"rate_sigma_mm_yr": event.noise})
        found = [in_velocity(area, event, [product, *companions]) for area in event.areas]
        with (
            patch.object(services, "search", lambda *arguments: found),
            patch.object(services, "points_count_within", lambda **arguments: event.points),
            patch.object(services, "alert_motion_refresh", lambda alert, detections: series_stated(event, alert)),
        ):
            services.prediction_scan(prediction=prediction)

    def _judge(self, event: Event) -> None:
        alert = Alert.objects.order_by("pk")[event.alert - 1]
        verdict = Verdict(event.verdict)
        if verdict is Verdict.TAKEN_BACK:
            review_take_back(review=promised(alert.reviews.filter(takes_back=None).last()), reviewer=self.reviewer)
            return
        alert_review(
            alert=alert,
            verdict=verdict,
            reason_code=next(iter(REASONS[verdict])),
            reviewer=self.reviewer,
            expected_state=alert.state,
            other=goes_on_as(alert) if verdict is Verdict.DUPLICATE else None,
        )


def goes_on_as(alert: Alert) -> Alert | None:
    """Return the oldest alert of which this one can be a duplicate; None if there is none."""
    for other in Alert.objects.order_by("pk"):
        with suppress(ValueError):
            may_go_on_as(alert, other)
            return other
    return None


@contextmanager
def clock_at(day: date) -> Iterator[None]:
    """Set the service's clock to noon of a day."""
    moment = datetime.combine(day, time(12), UTC)
    with patch.object(timezone, "now", lambda: moment):
        yield
