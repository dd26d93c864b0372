"""Alerts from living series: provisional, second to what releases show, and decided by the next release."""

import json

import pytest
from django.utils import timezone
from shapely.geometry import box, mapping

from detection.alerts import passes as services
from detection.models import Alert, AlertTransition, Scan
from detection.rules.importance import MIN_MOVING, importance
from detection.rules.lifecycle import State
from detection.rules.passes import passes_of
from ingest.models import Product
from ingest.products.services import product_load
from ml.models import LivingDate, LivingSeries, ModelVersion, Prediction, Run
from monitor.wording.cards.cards import alert_card
from tests.makers import living as made
from tests.waiting import reread

DAYS = made.DATES[made.KNOWN :]
PLACE = box(-99.170, 19.468, -99.165, 19.473)


@pytest.fixture
def series(db, tmp_path) -> LivingSeries:
    ground = made.made_ground(2_000)
    path = made.release(tmp_path, ground, made.series(ground)[:, : made.KNOWN])
    product = product_load(path=path, submission=made.DECLARED)
    return LivingSeries.objects.create(product=product)


@pytest.fixture
def seen(series):
    """Return a function that follows a pass which shows a place moving."""

    def follow(
        number: int, change_mm_yr: float = -60.0, before_mm_yr: float = -2.0, outline=PLACE, sigma_mm_yr: float = 5.0
    ) -> None:
        place = {"outline": mapping(outline), "n_points": 90, "since": DAYS[0].isoformat(), "score": 8.0}
        place |= {"before_mm_yr": before_mm_yr, "change_mm_yr": change_mm_yr, "sigma_mm_yr": sigma_mm_yr}
        counts = {"n_interferograms": 3, "n_known": 2_000, "delay_sigma_mm": 1.0, "undone": 0}
        row = LivingDate.objects.create(
            series=series, day=DAYS[number], places=[json.loads(json.dumps(place))], **counts
        )
        assert list(services.dates_unfollowed()) == [row]
        services.date_follow(row=services.dates_unfollowed().get())
        assert not services.dates_unfollowed().exists()

    return follow


@pytest.mark.parametrize("datum_mm_yr", [0.0, 3.0])
def test_a_place_that_only_new_passes_show_is_an_alert_that_says_so(seen, datum_mm_yr):
    Product.objects.update(datum_mm_yr=datum_mm_yr)
    seen(5, before_mm_yr=datum_mm_yr - 2.0)
    alert = Alert.objects.get()
    assert (alert.state, alert.rate_mm_yr, alert.first_motion, alert.last_motion) == ("first", -62.0, DAYS[0], DAYS[5])
    card = alert_card(alert)
    assert "Only new passes of the satellite" in card.sentence
    for said in (card.sentence, card.brief, card.rate_label, card.figure):
        assert "provisional" in said
    assert AlertTransition.objects.get().to_state == State.FIRST
    assert alert.severity == "strong"  # It stands behind everything that releases show, but is as severe.
    slow = Alert(kind="subsidence", rate_mm_yr=-2.5, rate_sigma_mm_yr=0.5, area_m2=1e4, n_views=1, n_fast_places=0)
    assert MIN_MOVING < alert.importance < importance(slow).score


def test_the_next_passes_update_it_and_tell_only_what_is_new_once_a_slow_change_has_grown(seen):
    seen(5)
    seen(6, change_mm_yr=-63.0)
    alert = Alert.objects.get()
    assert (alert.rate_mm_yr, alert.last_motion, alert.transitions.count()) == (-65.0, DAYS[6], 1)
    for number, rate in enumerate((-66.0, -71.0, -77.0), start=7):
        seen(number, change_mm_yr=rate, outline=box(-99.171, 19.467, -99.164, 19.474))
    assert reread(alert).transitions.count() == 2
    (change,) = alert.transitions.last().update.changes
    assert change == {"cause": "passes", "before": -2.0, "after": -73.0, "unit": "mm/yr", "component": "los"}
    assert alert.area.extent == pytest.approx((-99.171, 19.467, -99.164, 19.474))


@pytest.mark.parametrize(("sigma_mm_yr", "said"), [(0.5, "at rest since"), (5.0, "no certain motion since")])
def test_a_known_place_keeps_its_figures_and_gets_a_sentence(seen, sigma_mm_yr, said):
    seen(5)
    Alert.objects.update(passes=None, rate_mm_yr=-20.0)
    seen(6, change_mm_yr=19.5, before_mm_yr=-20.0, sigma_mm_yr=sigma_mm_yr)
    alert = Alert.objects.get()
    assert (passes_of(alert).now.is_motion, alert.rate_mm_yr) == (False, -20.0)
    assert said in alert_card(alert).sentence
    assert "provisional" in alert_card(alert).sentence


def searched(product: Product) -> None:
    """Pretend that a search of a product found nothing."""
    version = ModelVersion.objects.create(task="deformation", method="threshold", version="1")
    run = Run.objects.create(model_version=version, product=product, state="succeeded", finished_at=timezone.now())
    Scan.objects.create(prediction=Prediction.objects.create(run=run, raster="none.tif"), thresholds={})


@pytest.mark.parametrize("reaches", [True, False])
def test_a_release_that_does_not_show_it_ends_it_if_it_reaches_there(reaches, seen, series, tmp_path):
    seen(5)
    ground = made.made_ground(2_000)
    ground = ground if reaches else made.northern(ground)
    path = made.release(
        tmp_path, ground, made.series(ground)[:, : made.KNOWN + 9], made.DATES[: made.KNOWN + 9], "n.csv"
    )
    newer = product_load(path=path, submission=made.DECLARED)
    assert not services.alerts_superseded().exists()
    searched(newer)
    seen(6, outline=box(-99.170, 19.490, -99.165, 19.493))  # The newer release answers for this place.
    assert Alert.objects.count() == 1
    if not reaches:
        assert not services.alerts_superseded().exists()
        return
    (alert,) = services.alerts_superseded()
    services.alert_release(alert=alert)
    alert = reread(alert)
    assert (alert.state, alert.passes) == (State.FINISHED, None)
    assert "does not" in alert.transitions.last().reason
    assert not services.alerts_superseded().exists()
