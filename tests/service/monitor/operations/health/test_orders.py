"""What the doctor says of standing orders: accounts, searches that fail, pairs that wait, and what was spent."""

from datetime import timedelta

import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.utils import timezone

from ingest.models import Charge, PairOrder, StandingOrder
from monitor.operations.health import work_checks

pytestmark = pytest.mark.django_db
GROUND = MultiPolygon(Polygon.from_bbox((10.0, 46.0, 11.0, 47.0)), srid=4326)
LATE = timedelta(days=3)


@pytest.fixture(autouse=True)
def account(settings, monkeypatch):
    """Sign in, at a processor that has credits."""
    settings.EARTHDATA_TOKEN = "token"
    made = type("Account", (), {"credits_left": lambda self: 312.0})()
    monkeypatch.setattr(work_checks, "processor", lambda: made)


def order(ago: timedelta = timedelta(), **values) -> StandingOrder:
    given = {"name": "Valley", "outline": GROUND, "processor": "INSAR_ISCE_BURST", "credits_a_month": 40}
    return StandingOrder.objects.create(**given | {"searched_at": timezone.now() - ago} | values)


def pair(of: StandingOrder, ago: timedelta, **values) -> None:
    now = timezone.now()
    given = {"key": "a", "track": 131, "piece": "279916-IW1", "reference": ["S1_a"], "secondary": ["S1_b"]}
    made = PairOrder.objects.create(standing_order=of, **given, reference_at=now, secondary_at=now, **values)
    PairOrder.objects.filter(pk=made.pk).update(created_at=now - ago)


def test_orders_that_find_and_order_are_well(doctor):
    pair(order(), timedelta(hours=30), cause="archive", error="HyP3 is busy (503).")
    Charge.objects.create(standing_order=order(), job_name="a-1", credits=3, at=timezone.now())
    assert doctor() == {}
    assert work_checks.orders() == "3 of 80 credits spent this month; 0 pairs on order"
    assert work_checks.processor_account() == "312 credits left this month"


def test_orders_without_an_account_are_reported(doctor, settings):
    settings.EARTHDATA_TOKEN = ""
    order()
    assert "EARTHDATA_TOKEN is not set" in doctor()["orders"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"cause": "sign-in", "error": "HyP3 does not accept our account (401)."}, "does not accept the sign-in"),
        ({"cause": "archive", "error": "HyP3 is busy (503)."}, "a pair has waited for 3 days"),
    ],
)
def test_pairs_that_wait_for_days_are_reported_with_the_reason(doctor, values, said):
    pair(order(), LATE, **values)
    assert said in doctor()["orders"]


def test_searches_that_fail_for_days_are_reported(doctor):
    order(LATE)
    assert "searches for Valley have failed for days" in doctor()["orders"]


def test_pairs_beyond_the_budget_are_usual(doctor):
    pair(order(), LATE, state="over budget", error="Credits needed: 1")
    assert doctor() == {}


def test_failed_and_expired_pairs_are_reported(doctor):
    pair(order(), LATE, state="expired", error="HyP3 deleted the product.", finished_at=timezone.now())
    assert "orders: 1" in doctor()["failed work"]
