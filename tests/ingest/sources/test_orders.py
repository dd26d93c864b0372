"""Standing orders: which pairs are wanted, what they may cost, and what happens to them on bad days."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon

from ingest.models import PairOrder, StandingOrder
from ingest.sources.orders import queue, services
from tests.ingest.sources import recorded
from tests.ingest.sources.processor import TOKEN, Hyp3, burst

pytestmark = pytest.mark.django_db
State = PairOrder.State
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GROUND = MultiPolygon(Polygon.from_bbox((-148.3, 64.8, -147.9, 65.0)), srid=4326)
AWAY = MultiPolygon(Polygon.from_bbox((10.0, 46.0, 11.0, 47.0)), srid=4326)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def wait(self, **much: float) -> None:
        self.now += timedelta(**much)


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr("django.utils.timezone.now", lambda: made.now)
    return made


@pytest.fixture
def hyp3(configured, settings, server, clock):
    settings.HYP3_URL, settings.EARTHDATA_TOKEN = server.address, TOKEN
    settings.EARTHDATA_TOKEN_HOSTS = [server.address]
    return Hyp3(server, lambda: clock.now)


@pytest.fixture
def granules(server) -> list[dict]:
    """What the catalogue holds."""
    made: list[dict] = []
    recorded.cmr(server, made)
    return made


def taken(days_ago: float) -> datetime:
    return NOW - timedelta(days=days_ago)


def order(**values) -> StandingOrder:
    given = {"name": "North", "outline": GROUND, "processor": "INSAR_ISCE_BURST", "credits_a_month": 10}
    return StandingOrder.objects.create(**given | {"made_by": "olga"} | values)


def days_of(pair: PairOrder) -> tuple[int, int]:
    return (NOW - pair.reference_at).days, (NOW - pair.secondary_at).days


def test_a_new_pass_is_paired_with_the_last_three_that_are_not_too_old(hyp3, granules):
    granules += [burst(taken(days)) for days in (60, 40, 28, 16, 4)]
    order()
    services.passes_look()
    pairs = PairOrder.objects.order_by("secondary_at", "reference_at")
    assert [days_of(pair) for pair in pairs] == [(40, 4), (28, 4), (16, 4)]


def test_pairs_of_an_event_span_it_and_are_ordered_first(hyp3, granules):
    granules += [burst(taken(days)) for days in (28, 16, 4)]
    order()
    services.passes_look()
    n_pairs = services.pairs_order(area=GROUND, spans=taken(10), purpose="M 6.1 near Fairbanks", priority=1)
    assert n_pairs == 1
    assert days_of(queue.pairs_due()[0]) == (16, 4)
    again = services.pairs_order(area=GROUND, spans=taken(10), purpose="M 6.1 near Fairbanks", priority=1)
    assert (again, PairOrder.objects.filter(event__isnull=False).count()) == (1, 1)


def test_an_event_waits_for_the_pass_after_it(hyp3, granules, clock):
    granules += [burst(taken(days)) for days in (16, 4)]
    order()
    assert services.pairs_order(area=GROUND, spans=taken(2), purpose="M 6.1", priority=1) == 0
    clock.wait(days=9)
    granules.insert(0, burst(taken(-8)))
    services.passes_look()
    assert days_of(queue.pairs_due()[0]) == (4, -8)


def test_an_event_without_a_budget_on_its_ground_orders_nothing(hyp3, granules):
    granules += [burst(taken(days)) for days in (16, 4)]
    order(credits_a_month=0)
    order(outline=AWAY)
    order(is_on=False)
    assert services.pairs_order(area=GROUND, spans=taken(10), purpose="M 6.1", priority=1) == 0
    assert not PairOrder.objects.exists()
