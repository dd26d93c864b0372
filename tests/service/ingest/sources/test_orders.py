"""Standing orders: which pairs are wanted, what they may cost, and what happens to them on bad days."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon

from ingest.models import Charge, PairOrder, SceneDownload, StandingOrder
from ingest.sources import configured as configured_sources
from ingest.sources.client import hyp3 as client
from ingest.sources.orders import queue, services
from tests.service.ingest.sources import recorded, replay, wanted
from tests.service.ingest.sources.archives import Clock
from tests.service.ingest.sources.processor import TOKEN, Hyp3, burst

pytestmark = pytest.mark.django_db
State = PairOrder.State
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GROUND = MultiPolygon(Polygon.from_bbox((-148.3, 64.8, -147.9, 65.0)), srid=4326)
AWAY = MultiPolygon(Polygon.from_bbox((10.0, 46.0, 11.0, 47.0)), srid=4326)
WITHOUT_FILES = {"job_id": "a", "job_type": "x", "request_time": "2026-11-20", "status_code": "SUCCEEDED"}


@pytest.fixture
def clock(monkeypatch):
    made = Clock(NOW)
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


@pytest.fixture
def ordered(hyp3, granules):
    """Return a function that publishes passes of some days ago, makes an order, and does a round."""

    def make(*days: float, work=services.orders_advance, **values) -> StandingOrder:
        granules.extend(burst(taken(day)) for day in days)
        made = order(**values)
        work()
        return made

    return make


def days_of(pair: PairOrder) -> tuple[int, int]:
    return (NOW - pair.reference_at).days, (NOW - pair.secondary_at).days


def test_a_new_pass_is_paired_with_the_last_three_that_are_not_too_old(ordered):
    ordered(60, 40, 28, 16, 4, work=services.passes_look)
    pairs = PairOrder.objects.order_by("secondary_at", "reference_at")
    assert [days_of(pair) for pair in pairs] == [(40, 4), (28, 4), (16, 4)]


def test_pairs_of_an_event_span_it_wait_for_the_pass_after_it_and_are_ordered_first(ordered, granules, clock):
    ordered(28, 16, 4, work=services.passes_look)
    for _ in range(2):
        assert services.pairs_order(area=GROUND, spans=taken(10), purpose="M 6.1 near Fairbanks", priority=2) == 1
    assert days_of(queue.pairs_due()[0]) == (16, 4)
    assert PairOrder.objects.filter(event__isnull=False).count() == 1
    assert services.pairs_order(area=GROUND, spans=taken(2), purpose="M 6.1", priority=1) == 0
    clock.sleep(days=9)
    granules.insert(0, burst(taken(-8)))
    services.passes_look()
    assert days_of(queue.pairs_due()[0]) == (4, -8)
    StandingOrder.objects.update(credits_a_month=0)
    order(outline=AWAY)
    order(is_on=False)
    assert services.pairs_order(area=GROUND, spans=taken(10), purpose="without a budget", priority=1) == 0


@pytest.mark.parametrize(("account", "budget"), [(10.0, 2), (2.0, 10)])
def test_budget_or_account_are_spent_on_the_newest_first_and_again_in_the_next_month(
    hyp3, ordered, clock, account, budget
):
    hyp3.credits = account
    ordered(28, 16, 10, 4, credits_a_month=budget)
    assert (len(hyp3.jobs), hyp3.refused) == (2, 0)
    left = "of this order's 2 a month: 0" if budget == 2 else "in the account at HyP3: 0"
    waiting = PairOrder.objects.filter(state="over budget").values_list("error", flat=True)
    assert set(waiting) == {f"Credits needed: 1; left {left}."}
    assert {days_of(pair)[1] for pair in PairOrder.objects.filter(state="ordered")} == {4}
    clock.sleep(days=11)  # December
    services.orders_advance()
    assert [hyp3.spent("2026-11"), hyp3.spent("2026-12")] == [2.0, 2.0]


def test_an_order_whose_answer_is_lost_is_found_and_paid_once(hyp3, ordered, clock):
    hyp3.is_lost = lambda: True
    ordered(16, 4, credits_a_month=1)
    waiting = PairOrder.objects.get()
    assert (waiting.state, waiting.cause, len(hyp3.jobs)) == ("wanted", "archive", 1)
    clock.sleep(minutes=10)
    services.orders_advance()
    waiting.refresh_from_db()
    assert (waiting.state, waiting.job_id, len(hyp3.jobs)) == ("ordered", hyp3.jobs[0]["job_id"], 1)
    assert Charge.objects.get().credits == 1


def test_a_refused_sign_in_holds_all_orders_and_waits_longer_each_time(hyp3, ordered, settings, clock, stranger):
    settings.EARTHDATA_TOKEN = "old"
    ordered(28, 16, 4, work=lambda: None)
    asked = []
    for _ in range(9):
        before = len(hyp3.server.requests)
        services.orders_advance()
        asked.append(sum(request.path == "/user" for request in hyp3.server.requests[before:]))
        clock.sleep(minutes=10)
    assert asked == [1, 1, 1, 0, 1, 0, 0, 1, 0]  # after 5, 10 and 20 minutes, then every half hour
    held = PairOrder.objects.get(cause="sign-in")
    assert "does not accept our account (401" in held.error
    assert "Set EARTHDATA_TOKEN" in held.error
    settings.EARTHDATA_TOKEN, settings.HYP3_URL = TOKEN, stranger.address
    clock.sleep(minutes=30)
    services.orders_advance()
    held.refresh_from_db()
    assert "OUTBOUND_HOSTS" in held.error
    assert stranger.connections == 0
    settings.HYP3_URL = hyp3.server.address
    clock.sleep(minutes=30)
    services.orders_advance()
    assert len(hyp3.jobs) == PairOrder.objects.filter(state="ordered", error="").count() == 2


def test_a_pair_that_is_refused_fails_alone_and_costs_nothing(hyp3, ordered, server):
    answers = [replay.status(400)]
    hyp3.fault = lambda: answers.pop() if answers and server.requests[-1].method == "POST" else None
    ordered(28, 16, 4)
    assert sorted(PairOrder.objects.values_list("state", flat=True)) == ["failed", "ordered"]
    assert Charge.objects.count() == len(hyp3.jobs) == 1


def test_a_pair_that_another_worker_orders_keeps_no_other_pair_from_being_ordered(hyp3, granules, monkeypatch):
    granules += [burst(taken(days)) for days in (40, 28, 16, 4)]
    order()
    costs = client.Processor.costs

    def overtaken(own: client.Processor) -> dict:
        """The pairs that are due have been read; another worker claims the first of them."""
        held = {"state": "ordering", "attempts": 1, "lease_until": NOW + timedelta(minutes=5)}
        PairOrder.objects.filter(pk=queue.pairs_due()[0].pk).update(**held)
        return costs(own)

    monkeypatch.setattr(client.Processor, "costs", overtaken)
    services.orders_advance()
    states = sorted(PairOrder.objects.values_list("state", "error"))
    assert states == [("ordered", ""), ("ordered", ""), ("ordering", "")]
    assert len(hyp3.jobs) == Charge.objects.count() == 2


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_the_charge_of_an_order_that_never_arrived_is_given_back(hyp3, ordered, granules, server, clock, is_cancelled):
    posts = [replay.status(503)]
    hyp3.fault = lambda: posts.pop() if posts and server.requests[-1].method == "POST" else None
    mine = ordered(16, 4, credits_a_month=1)
    assert (Charge.objects.count(), PairOrder.objects.get().state) == (1, "wanted")
    if is_cancelled:
        assert queue.pairs_cancel(pairs=PairOrder.objects.all(), by="olga") == 1
        granules += [burst(taken(days), 279917) for days in (16, 4)]
    else:
        hyp3.credits = 0.0
    run_until(clock, hours=7)  # A new search, and whoever is due.
    run_until(clock, hours=1)
    assert Charge.objects.count() == len(hyp3.jobs) == (1 if is_cancelled else 0)
    assert queue.credits_left(order=mine) == (0 if is_cancelled else 1)


def test_a_cancelled_order_that_had_arrived_is_paid_and_fetched_all_the_same(hyp3, ordered, clock):
    hyp3.is_lost = lambda: True
    ordered(28, 16, 4, credits_a_month=2)
    queue.pairs_cancel(pairs=PairOrder.objects.exclude(attempts=0), by="olga")
    hyp3.is_lost = lambda: False
    run_until(clock, hours=1)
    assert set(PairOrder.objects.values_list("state", "error", "finished_at")) == {("ordered", "", None)}
    assert {job["job_id"] for job in hyp3.jobs} == set(PairOrder.objects.values_list("job_id", flat=True))
    assert Charge.objects.count() == len(hyp3.jobs) == 2
    run_until(clock, hours=6)
    assert len(wanted.fetched()) == 2


def test_a_worker_that_was_taken_for_dead_while_it_ordered_is_charged(hyp3, granules, clock, monkeypatch):
    granules += [burst(taken(days)) for days in (16, 4)]
    order(credits_a_month=1)
    submit = client.Processor.submit

    def late(own: client.Processor, **job) -> client.Job:
        PairOrder.objects.update(lease_until=NOW - timedelta(days=1))
        services.charges_settle(own)
        assert not Charge.objects.exists()
        return submit(own, **job)

    monkeypatch.setattr(client.Processor, "submit", late)
    services.orders_advance()
    assert (Charge.objects.get().credits, PairOrder.objects.get().job_id) == (1, hyp3.jobs[0]["job_id"])


def run_until(clock, **much) -> None:
    clock.sleep(**much)
    services.orders_advance()


def test_a_job_that_failed_is_ordered_again_by_a_person_only(hyp3, ordered, clock):
    hyp3.fails = lambda number: number == 0
    ordered(16, 4)
    run_until(clock, hours=6)
    failed = PairOrder.objects.get()
    assert (failed.state, len(hyp3.jobs)) == ("failed", 1)
    assert "Try again to order it once more" in failed.error
    assert queue.pairs_retry(pairs=PairOrder.objects.all()) == 1
    services.orders_advance()
    assert [job["name"][-2:] for job in hyp3.jobs] == ["-1", "-2"]


def test_a_product_that_expired_is_ordered_once_more_and_then_waits_for_a_person(hyp3, ordered, clock):
    ordered(16, 4)
    for _ in range(4):
        run_until(clock, hours=6)  # It is ready, and nobody fetches it.
        run_until(clock, days=15)
    expired = PairOrder.objects.get()
    assert (expired.state, len(hyp3.jobs)) == ("expired", 2)
    assert "order it again" in expired.error
    assert set(SceneDownload.objects.values_list("state", flat=True)) == {"cancelled"}


@pytest.mark.parametrize(("job", "error", "ends"), [("loaded", "", "collected"), ("rejected", "It is cut.", "failed")])
def test_a_finished_product_is_fetched_and_ends_as_its_job_and_is_not_ordered_again(ordered, clock, job, error, ends):
    ordered(16, 4)
    run_until(clock, hours=6)
    (download,) = wanted.fetched()
    services.pairs_settle()
    assert (download.state, PairOrder.objects.get().state) == ("fetched", "ready")
    wanted.settle_job(download, state=job, error=error)
    services.pairs_settle()
    settled = PairOrder.objects.get()
    assert (settled.state, settled.error) == (ends, error)
    assert queue.pairs_retry(pairs=PairOrder.objects.all()) == 0


def test_bursts_side_by_side_are_one_job_that_costs_by_their_number(hyp3, granules):
    swaths = [(number, swath) for number in (279915, 279916) for swath in ("IW1", "IW2")]
    granules += [burst(taken(days), *swath) for days in (16, 4) for swath in swaths]
    granules.pop()  # Of the last pass one burst is missing.
    order(processor="INSAR_ISCE_MULTI_BURST")
    services.orders_advance()
    (job,) = hyp3.jobs
    assert [len(job["job_parameters"][name]) for name in ("reference", "secondary")] == [3, 3]
    assert Charge.objects.get().credits == job["credit_cost"] == 1.0


def test_one_order_takes_over_what_another_on_the_same_ground_cannot_pay(hyp3, ordered):
    poor = ordered(16, 4, credits_a_month=1, work=lambda: None)
    Charge.objects.create(standing_order=poor, job_name="other", credits=1, at=NOW)
    services.orders_advance()
    assert not hyp3.jobs
    rich = order(name="South")
    services.orders_advance()
    services.orders_advance()
    assert (len(hyp3.jobs), PairOrder.objects.get().standing_order) == (1, rich)


@pytest.mark.parametrize(
    ("path", "answer", "message"),
    [
        ("/jobs", {"jobs": [WITHOUT_FILES]}, "cannot be understood"),
        ("/jobs", {"jobs": "many"}, "cannot be understood"),
        ("/jobs", {"jobs": [], "next": "/jobs"}, "leads from page to page"),
        ("/user", {"remaining_credits": float("nan")}, "cannot be understood"),
        ("/user", {"remaining_credits": -1}, "cannot be understood"),
        ("/costs", {"INSAR_ISCE_BURST": {"cost_parameters": ["looks"], "cost_table": {"20x4": "free"}}}, "understood"),
        ("/costs", {"INSAR_ISCE_BURST": {"cost": True}}, "cannot be understood"),
    ],
)
def test_answers_that_are_not_understood_or_never_end_order_nothing(hyp3, ordered, server, path, answer, message):
    if "next" in answer:
        answer = answer | {"next": f"{server.address}{path}"}
    server.always.pop(path)
    server.answers[path] = lambda request: (answer, {})
    ordered(16, 4)
    assert not hyp3.jobs
    assert message in PairOrder.objects.get().error


PUBLISHED = {
    "DISP": (
        "OPERA_L3_DISP-S1_IW_F11116_VV_20260831T140000Z_20261112T140000Z_v1.0_20261114T000000Z",
        "OPERA_L3_DISP-S1_V1",
    ),
    "ARIA": ("S1-GUNW-D-R-131-tops-20261112_20260801-032039-PP-v3_0_1", "ARIA_S1_GUNW"),
}


@pytest.mark.parametrize("processor", PUBLISHED)
def test_products_that_appear_by_themselves_are_fetched_without_a_budget(hyp3, granules, server, processor):
    name, short_name = PUBLISHED[processor]
    data = b"displacement" * 50
    packed = [{"Name": f"{name}.nc", "SizeInBytes": len(data), "Format": "netCDF-4"}]
    packed[0] |= {"Checksum": {"Value": recorded.md5(data), "Algorithm": "MD5"}}
    attributes = {"PATH_NUMBER": ["131"], "POLARIZATION": ["VV"], "PRODUCT_TYPE": ["DISP-S1"]}
    suffixes = (".nc", ".iso.xml", ".zarr.json.gz", "_short_wavelength_displacement.zarr.json.gz")
    urls = [f"{server.address}/DISP/{name}{suffix}" for suffix in suffixes]
    begins = f"{taken(8):%Y-%m-%dT%H:%M:%SZ}"
    made = recorded.granule(name, short_name, attributes, urls, packed, "Sentinel-1A", begins)
    made["umm"]["InputGranules"] = []
    granules.append(made)
    order(processor=processor, credits_a_month=0)
    order(processor=processor, credits_a_month=0, outline=AWAY)
    services.orders_advance()
    download = SceneDownload.objects.get()
    assert (download.file_name, download.size_bytes, download.track) == (f"{name}.nc", len(data), 131)
    assert not PairOrder.objects.exists()


def test_name_and_password_get_a_cookie_from_the_sign_in_page(hyp3, settings, server):
    """NASA's way: the login page takes the password and leads to a page that sets the cookie of HyP3."""
    settings.EARTHDATA_TOKEN, settings.EARTHDATA_LOGIN_HOSTS = "anna:word", [server.address]
    settings.EARTHDATA_SIGN_IN_URL = f"{server.address}/oauth/authorize?client_id=x"
    cookie = {"Location": f"{server.address}/login?code=1", "Set-Cookie": "asf-urs=pass; Path=/"}
    server.always["/oauth/authorize"] = lambda handler, data: handler.send(302, b"", cookie)
    server.files["/login"] = b"welcome"
    server.answers["/user"] = lambda request: ({"remaining_credits": 5}, {})
    assert configured_sources.processor().credits_left() == 5
    asked = {request.path.partition("?")[0]: request.headers for request in server.requests}
    assert asked["/oauth/authorize"]["Authorization"].startswith("Basic ")
    assert asked["/user"]["Cookie"] == "asf-urs=pass"
