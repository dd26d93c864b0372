"""Plays a scenario through the services of the stage, on days of its own, and says which steps each alert took."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import NamedTuple
from unittest.mock import patch

from django.contrib.auth import get_user_model
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.db import transaction
from django.utils import timezone

from detection import tasks
from detection.alerts import services
from detection.kinds import Extent
from detection.models import Alert, AlertTransition, Detection
from detection.replay.scenario import Event, Found, Scenario
from detection.reviews.services import alert_review, review_take_back
from detection.rules.updates import MUTED_FOR
from detection.rules.verdicts import REASONS, Verdict
from detection.search.classify import Evidence, classify
from ingest.models import Product
from ingest.products.releases import releases_settle
from ml.models import ModelVersion, Prediction, Run

MIDDLE = 12.0, 47.0
KM_NORTH = 1 / 111.2
KM_EAST = KM_NORTH / 0.682  # at 47 degrees north
HALF_VIEW_KM = 25.0


class Played(NamedTuple):
    """alerts: the steps of each, in the order in which they were opened."""

    scenario: Scenario
    alerts: tuple[tuple[str, ...], ...]

    @property
    def passed(self) -> bool:
        return self.alerts == self.scenario.alerts


class _RolledBack(Exception):
    """Ends the transaction of a scenario."""


def play(scenario: Scenario) -> Played:
    """Play a scenario in a transaction that is rolled back: it leaves nothing, and sees nothing of other scenarios."""
    played: tuple[tuple[str, ...], ...] = ()
    try:
        with transaction.atomic():
            machine = Machine()
            for event in scenario.events:
                machine.happen(event)
            machine.wait_until(max(event.day for event in scenario.events) + timedelta(days=32))
            played = tuple(steps_of(alert) for alert in Alert.objects.order_by("pk"))
            raise _RolledBack
    except _RolledBack:
        return Played(scenario, played)


def steps_of(alert: Alert) -> tuple[str, ...]:
    return tuple(_label(step) for step in alert.transitions.select_related("update"))


def _label(step: AlertTransition) -> str:
    return step.to_state if step.changes_state else f"update: {', '.join(one['cause'] for one in step.update.changes)}"


class Machine:
    """The service in small: products come in, are searched and released anew; people judge; days go by."""

    def __init__(self) -> None:
        self.numbers = count(1)
        self.reviewer = get_user_model().objects.create_user("replay")
        self.today: date | None = None

    def happen(self, event: Event) -> None:
        self.wait_until(event.day)
        with clock_at(event.day):
            if event.verdict:
                self._judge(event)
            elif event.delete:
                product = self._newest(event)
                product.delete()
                releases_settle(like=product)
            else:
                self._search(event, self._newest(event) if event.again else self._load(event))

    def wait_until(self, day: date) -> None:
        """Let days go by; once a month is over, the stage runs that tells what had to wait."""
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
            release=event.data[1].isoformat(),
            tile=f"{event.tile}-{event.track}" if event.tile else "",
            dates=list(event.data),
            n_points=1000,
            has_series=False,
            file_name=f"{number}.csv",
            file_sha256=f"{number:064x}",
            footprint=Polygon.from_bbox(_box(0.0, 0.0, 2 * HALF_VIEW_KM * 1000)),
            simulated=True,
        )
        releases_settle(like=product)
        product.refresh_from_db()
        return product

    def _newest(self, event: Event) -> Product:
        """The release of a track that stands."""
        return Product.objects.current().filter(track=event.track).latest("pk")

    def _search(self, event: Event, product: Product) -> None:
        if product.superseded_by is not None:
            return  # an older release that came later is not searched
        method, version = event.method.split()
        row, _ = ModelVersion.objects.get_or_create(task="deformation", method=method, version=version)
        run, new = Run.objects.get_or_create(model_version=row, product=product)
        if not new:
            return
        run.state, run.finished_at = Run.State.SUCCEEDED, timezone.now()
        run.save()
        prediction = Prediction.objects.create(run=run, statistics={"rate_sigma_mm_yr": event.noise})
        found = [_detection(area, product) for area in event.areas]
        with (
            patch.object(services, "search", lambda *arguments: found),
            patch.object(services, "points_count_within", lambda **arguments: 50 if event.covers else 0),
        ):
            services.prediction_scan(prediction=prediction)

    def _judge(self, event: Event) -> None:
        alert = Alert.objects.order_by("pk")[event.alert - 1]
        verdict = Verdict(event.verdict)
        if verdict is Verdict.TAKEN_BACK:
            review_take_back(review=alert.reviews.filter(takes_back=None).last(), reviewer=self.reviewer)
            return
        alert_review(
            alert=alert,
            verdict=verdict,
            reason_code=next(iter(REASONS[verdict])),
            public_note="",
            internal_note="",
            reviewer=self.reviewer,
            expected_state=alert.state,
        )


@contextmanager
def clock_at(day: date) -> Iterator[None]:
    """Let the service take a day's noon for now."""
    moment = datetime.combine(day, time(12), UTC)
    with patch.object(timezone, "now", lambda: moment):
        yield


def _detection(area: Found, product: Product) -> Detection:
    area_m2 = area.size_m**2
    evidence = [Evidence(product.component, product.direction, area.rate, area_m2, area.shares)]
    return Detection(
        kind=classify(evidence),
        class_shares=dict(area.shares),
        score=0.9,
        n_points=50,
        rate_mm_yr=area.rate,
        peak_rate_mm_yr=1.2 * area.rate,
        rate_sigma_mm_yr=area.sigma,
        area=MultiPolygon(Polygon.from_bbox(_box(area.x_km, area.y_km, area.size_m)), srid=4326),
        area_m2=area_m2,
        extent=Extent.LOCAL,
    )


def _box(x_km: float, y_km: float, side_m: float) -> tuple[float, float, float, float]:
    """West, south, east and north of a square, degrees."""
    longitude, latitude, half_km = MIDDLE[0] + x_km * KM_EAST, MIDDLE[1] + y_km * KM_NORTH, side_m / 2000
    east, north = half_km * KM_EAST, half_km * KM_NORTH
    return longitude - east, latitude - north, longitude + east, latitude + north
