"""What searches of image pairs saw of a place, whether that was news, and the least that they would have found."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon

from detection.alerts.looks import is_news, least_found, searches_over
from detection.models import Alert, AlertTransition, AlertUpdate, Detection, Scan
from detection.search.patches import CHANGE, MOTION
from ground_motion.core.areas import box_of
from ingest.foundation.geos import geos
from tests.makers import pairs as made_pairs

pytestmark = pytest.mark.django_db

FIRST = datetime(2026, 1, 14, 6, 30, tzinfo=UTC)
LAST = FIRST + timedelta(days=24)
HERE = geos(box_of((-12.005, 46.995, -11.995, 47.005)))


def scanned(prediction, thresholds=MOTION) -> Scan:
    return Scan.objects.create(prediction=prediction, thresholds=thresholds._asdict())


def still(sigma_px: float, known: float = 1.0) -> dict[str, np.ndarray]:
    """Offsets of ground that stands still, with values in the western part of the scene only."""
    bands = made_pairs.offsets_of(made_pairs.full(0.0), made_pairs.full(0.0), sigma_px)
    for band in bands.values():
        band[:, int(known * made_pairs.COLS) :] = np.nan
    return bands


@pytest.fixture
def pairs():
    scenes = [made_pairs.make_scene(FIRST + timedelta(days=12 * number)) for number in range(3)]
    return [made_pairs.make_pair(scenes[0], scenes[1]), made_pairs.make_pair(scenes[1], scenes[2])]


def test_the_last_search_of_each_method_over_a_place_counts(pairs, django_assert_num_queries):
    for pair in pairs:
        scanned(made_pairs.make_prediction(pair, "offsets", still(0.02)))
        scanned(made_pairs.make_prediction(pair, "coherence-change", {"change_sigma": made_pairs.full(0)}), CHANGE)
    with django_assert_num_queries(1):
        found = searches_over(area=HERE, after=FIRST)
        assert {scan.prediction.run.its_pair.secondary.acquired_at for scan in found} == {LAST}
    assert {scan.prediction.run.model_version.task for scan in found} == {"offsets", "coherence-change"}
    assert searches_over(area=HERE, after=LAST) == []
    assert searches_over(area=MultiPolygon(Polygon.from_bbox((0, 0, 1, 1)), srid=4326), after=FIRST) == []


@pytest.mark.parametrize(
    ("sigma_px", "metres"),
    [(0.01, MOTION.least_px * made_pairs.POSTING_M), (0.1, MOTION.enter * 0.1 * made_pairs.POSTING_M)],
)
def test_motion_shorter_than_its_error_or_a_share_of_a_pixel_is_not_found(pairs, sigma_px, metres):
    scan = scanned(made_pairs.make_prediction(pairs[0], "offsets", still(sigma_px)))
    assert least_found(scan=scan, area=HERE) == pytest.approx(metres, rel=1e-3)


def test_a_scene_that_scatters_hides_more_and_where_a_method_has_no_value_nothing_would_be_found(pairs):
    bands = still(0.01)
    bands["dx_px"] += 0.1 * np.random.default_rng(1).standard_normal(bands["dx_px"].shape).astype(np.float32)
    scan = scanned(made_pairs.make_prediction(pairs[0], "offsets", bands))
    assert least_found(scan=scan, area=HERE) == pytest.approx(6 * 0.1 * made_pairs.POSTING_M, rel=0.05)

    unknown = scanned(made_pairs.make_prediction(pairs[1], "offsets", still(0.02, 0.3)))
    assert least_found(scan=unknown, area=HERE) is None


def test_a_changed_surface_is_found_from_an_area_on(pairs):
    change = {"change_sigma": made_pairs.full(0), "coherence_before": made_pairs.full(0.8)}
    scan = scanned(made_pairs.make_prediction(pairs[0], "coherence-change", change), CHANGE)
    assert least_found(scan=scan, area=HERE) == CHANGE.fewest_cells * made_pairs.CELL_M**2


def test_a_look_is_news_where_it_detects_an_alert_or_changes_its_figures(pairs, make_alert):
    scans = [scanned(made_pairs.make_prediction(pair, "offsets", still(0.02))) for pair in pairs]
    alert, other, silent = (make_alert(kind="moving-ground") for _ in range(3))
    area = {"area": HERE, "area_m2": 1.0, "kind": "moving-ground", "score": 1.0, "n_points": 9}
    Detection.objects.create(scan=scans[1], alert=alert, **area)
    step = AlertTransition.objects.create(alert=other, from_state="first", to_state="finished", reason="rest")
    run = scans[1].prediction.run_id
    AlertUpdate.objects.create(transition=step, changes=[], told_at=LAST, run_number=run)
    assert [is_news(alert=one, at=LAST) for one in Alert.objects.order_by("pk")] == [True, True, False]
    assert not any(is_news(alert=one, at=FIRST + timedelta(days=12)) for one in (alert, other, silent))
