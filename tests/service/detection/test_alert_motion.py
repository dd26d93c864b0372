"""Since when the ground of an alert moves, from the series of its points, whose unwrapping errors do not count."""

from datetime import date
from functools import partial

import numpy as np
import pytest
from django.utils import timezone
from shapely import box

from detection.alerts import evidence
from detection.alerts.evidence import alert_motion_refresh
from detection.models import Alert, AlertMethods, AlertMotion, Detection
from detection.search.areas import points_in
from detection.selectors import alerts_uncompared, detections_current
from detection.tasks import complete_evidence
from ingest.models import Product, StepFailure
from monitor.wording.cards.cards import alert_card
from tests.makers.watching import watch
from tests.service.ml.deformation.test_series_product import DAYS, FIRST, YEARS, with_a_jump, with_motion

pytestmark = pytest.mark.django_db


def rest(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Ground within 350 m sinks by 25 mm a year until the middle of the dates; everything drifts by -3 mm a year."""
    sinks = np.minimum(YEARS, YEARS[-1] / 2)
    return np.outer(np.where(np.hypot(x, y) < 350, -25.0, 0.0), sinks) - 3 * YEARS


@pytest.fixture
def alert(make_egms, filled_once) -> Alert:
    filled_once("ground at rest", lambda: watch(make_egms(n=1_200, change=partial(with_motion, motion=rest))))
    return Alert.objects.get()


def test_ground_that_came_to_rest_is_dated_against_its_surroundings_and_again_in_the_same_row(alert: Alert, client):
    motion, expected = alert.motion, FIRST.toordinal() + DAYS[-1] / 2
    assert motion.trend == "at rest"
    assert abs(motion.at_rest_since.toordinal() - expected) <= 24
    assert motion.accelerating_since is None
    assert -26 < motion.before_mm_yr < -18  # the mean of an outline that is a little wider
    assert motion.rate_mm_yr == pytest.approx(0, abs=0.8)  # the drift of all ground is no motion of this place
    assert len(motion.fit["dates"]) == len(motion.fit["fit_mm"]) == motion.n_dates == DAYS.size
    sentence = alert_card(alert).sentence
    month = f"{date.fromordinal(motion.at_rest_since.toordinal()):%B %Y}"
    assert f"until {month}. Since then it has moved as the ground around it does." in sentence
    page = client.get(alert.get_absolute_url()).content.decode()
    for shown in (
        "The ground here has moved as the ground around it does since",
        "The speed changed by 2",
        "motion-chart",
    ):
        assert shown in page
    before = AlertMotion.objects.values().get()
    detections = list(detections_current(alert=alert))
    alert_motion_refresh(alert=alert, detections=detections)
    assert AlertMotion.objects.values().get() == before
    product = detections[0].scan.prediction.run.product
    product.has_series = False
    assert alert_motion_refresh(alert=alert, detections=detections) is None
    assert not AlertMotion.objects.exists()


def test_a_detection_says_that_the_ground_slid_at_once(make_egms):
    watch(make_egms(n=1_200, change=partial(with_a_jump, jump_mm=-18.0)))
    (detection,) = Detection.objects.all()
    (reason,) = detection.reasons
    assert reason["jump_share"] > 0.7
    assert reason["jump_mm"] == pytest.approx(-18, abs=1)
    assert reason["jump_date"] == "2022-06-09"  # the first image after day 876
    assert reason["jump_cycles"] == 0
    assert reason["odd_even_mm_yr"] < 0.3


def test_an_unwrapping_error_beside_motion_does_not_change_what_is_measured_of_it(make_egms):
    """A quarter of the moving ground has an unwrapping error as well."""

    def motion(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        wrong = 27.733 * np.outer((x > 0) & (y > 0) & (np.hypot(x, y) < 400), YEARS > 2.4)
        return wrong + np.outer(np.where(np.hypot(x, y) < 400, -8.0, 0.0), YEARS)

    watch(make_egms(n=1_200, change=partial(with_motion, motion=motion)))
    (detection,) = Detection.objects.all()
    assert detection.rate_mm_yr == pytest.approx(-8, abs=0.8)
    assert detection.reasons[0]["rate_mm_yr"] == pytest.approx(-8, abs=0.3)


def test_every_alert_of_velocity_fields_is_looked_at_once_and_again_when_it_changes(watched_region, monkeypatch):
    motions = AlertMotion.objects.count()
    AlertMotion.objects.all().delete()  # as in a database that is older than the table
    assert motions
    complete_evidence()
    assert not StepFailure.objects.exists()
    assert AlertMethods.objects.count() == Alert.objects.count()
    assert AlertMotion.objects.count() == motions
    assert not alerts_uncompared().exists()
    local = AlertMethods.objects.filter(alert__extent="local")
    assert {look["method"] for row in local for look in row.looks} == {"ada"}  # the matched filter made these alerts
    assert any(look["share"] > 0.5 and look["score"] > 0.5 for row in local for look in row.looks)
    alert = local.first().alert
    alert.save()
    assert list(alerts_uncompared()) == [alert]
    before = AlertMethods.objects.get(alert=alert)
    monkeypatch.setattr(evidence, "results_at", None)  # A second call computes nothing.
    after = evidence.evidence_complete(alert=alert)
    assert (after.looks, after.basis) == (before.looks, before.basis)
    assert after.compared_at > before.compared_at
    Product.objects.update(points_deleted_at=timezone.now())
    AlertMethods.objects.update(basis="older")
    assert evidence.evidence_complete(alert=alert).looks == before.looks
    nowhere = box(300_000, 4_000_000, 310_000, 4_010_000)
    assert not points_in(Product.objects.first(), nowhere, 32629).x.size
