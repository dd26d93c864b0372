"""The page of standing orders: who makes and stops them, what they cost."""

from datetime import timedelta

import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.utils import timezone

from detection.models import AuditEntry
from ingest.models import Charge, PairOrder, StandingOrder
from monitor.web.guards import OPERATORS, VIEWERS
from tests.makers.people import account, signed_in, words
from tests.makers.regions import make_region
from tests.waiting import reread

pytestmark = pytest.mark.django_db
GROUND = MultiPolygon(Polygon.from_bbox((10.0, 46.0, 11.0, 47.0)), srid=4326)
GIVEN = {"name": "Valley", "ground": "10, 46, 11, 47", "processor": "INSAR_ISCE_BURST", "priority": "1"}
GIVEN |= {"credits_a_month": "40", "is_on": "on"}


@pytest.fixture
def operator():
    return signed_in(account("olga", OPERATORS))


def order(**values) -> StandingOrder:
    given = {"name": "Valley", "outline": GROUND, "processor": "INSAR_ISCE_BURST", "credits_a_month": 40}
    return StandingOrder.objects.create(**given | {"made_by": "olga"} | values)


def pair(of: StandingOrder, key: str = "a", **values) -> PairOrder:
    now = timezone.now()
    given = {"track": 131, "piece": "279916-IW1", "reference": ["S1_a"], "secondary": ["S1_b"]}
    times = {"reference_at": now - timedelta(days=12), "secondary_at": now}
    return PairOrder.objects.create(standing_order=of, key=key, **given | times | values)


def test_an_operator_makes_changes_and_stops_an_order(operator):
    operator.post("/jobs/orders/add/", GIVEN)
    made = StandingOrder.objects.get()
    assert (made.outline.extent, made.credits_a_month, made.is_on) == ((10.0, 46.0, 11.0, 47.0), 40, True)
    operator.post(f"/jobs/orders/{made.pk}/", GIVEN | {"credits_a_month": "5", "is_on": ""})
    made.refresh_from_db()
    assert (made.credits_a_month, made.is_on, made.outline.extent) == (5, False, (10.0, 46.0, 11.0, 47.0))
    assert AuditEntry.objects.filter(action="standing order").count() == 2


def test_a_region_is_found_by_its_name(operator):
    region = make_region("Westshore", simulated=True)
    operator.post("/jobs/orders/add/", GIVEN | {"ground": "westshore"})
    made = StandingOrder.objects.get()
    assert (made.region, made.outline) == ("Westshore", region.outline)


@pytest.mark.parametrize("ground", ["Atlantis", "11, 46, 10, 47", "POINT (10 46)"])
def test_a_ground_that_is_none_is_refused_with_a_next_step(operator, ground):
    answer = operator.post("/jobs/orders/add/", GIVEN | {"ground": ground})
    assert answer.status_code == 422
    assert "west, south, east, north" in words(answer)
    assert not StandingOrder.objects.exists()


def test_the_page_says_what_was_spent_and_what_waits_for_next_month():
    valley = order()
    pair(valley, "a", state="collected")
    pair(valley, "b", state="over budget")
    pair(valley, "c", state="expired")
    for ago, name in ((timedelta(), "a-1"), (timedelta(days=40), "old-1")):
        charge = {"standing_order": valley, "job_name": name, "credits": 2.5}
        Charge.objects.create(**charge, at=timezone.now() - ago)
    client = signed_in(account("vera", VIEWERS))
    page = words(client.get("/jobs/orders/"))
    assert "2.5 of 40" in page
    assert "1 beyond the budget: they wait for next month" in page
    assert "0 on order, 1 loaded" in page
    assert "1 failed" in page


def test_a_pair_is_ordered_again_or_cancelled_on_the_page_jobs_unless_it_is_paid(operator):
    valley = order()
    gone, waiting = pair(valley, "a", state="expired", job_id="7", number=2), pair(valley, "b", state="over budget")
    paid = pair(valley, "c", state="running", job_id="8")
    operator.post(f"/jobs/orders/{gone.pk}/retry/")
    for row in (waiting, paid):
        operator.post(f"/jobs/orders/{row.pk}/cancel/")
    assert (reread(gone).state, gone.job_name) == ("wanted", "a-3")
    assert (reread(waiting).state, reread(paid).state) == ("cancelled", "running")
