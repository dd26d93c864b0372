"""Glaciers: what is kept of each pair, what raises an alert, what does not; the demo nation's surge at small size."""

import dataclasses
from datetime import date

import numpy as np
import pytest
from django.utils import timezone
from shapely import box

from detection.alerts import glaciers as glacier_services
from detection.glaciers import selectors as glacier_selectors
from detection.glaciers.cells import cells_of, pack, unpack
from detection.glaciers.surge import slides
from detection.models import Alert, GlacierMotion, GlacierSample
from ground_motion.methods.offsets.motion import GroundMotion
from ground_motion.readers.context.records import ContextKind
from ground_motion.simulation.files import nation as nation_files
from ground_motion.simulation.nation import GLACIER, NationConfig, simulate_nation
from ground_motion.simulation.nation_scenes import SURGE_M_DAY, simulate_glacier_images
from ingest.context.services import context_load
from ingest.models import ContextLayer, ScenePair
from ingest.scenes.pairs import pairs_make
from ingest.scenes.services import scenes_load
from ml.models import Prediction
from ml.runs.stored import read_prediction
from tests.makers import pairs as made_pairs
from tests.makers.glaciers import FIRST, STEP, follow, make_glacier, make_offsets
from tests.makers.small_nation import small
from tests.makers.watching import run_all, search_all

pytestmark = pytest.mark.django_db


def test_a_pair_is_measured_against_stable_ground_and_kept_cell_by_cell():
    make_glacier()
    make_offsets([0.5])
    motion = follow()
    assert motion.speed_m_day == pytest.approx(0.5, abs=0.05)  # the 0.4 px of the whole pair are out
    assert (motion.state, motion.n_pairs) == (GlacierMotion.State.SHORT, 1)
    scan = GlacierSample.objects.get().prediction.glacier_scan
    assert scan.stable_ground == "stationary"
    assert scan.stable_rmse_m_day == pytest.approx(0.05 * 10 / 12, rel=0.15)


def test_a_surge_names_the_pairs_that_were_there_when_it_was_found():
    make_glacier()
    make_offsets([0.4] * 10 + [1.2, 2.0, 2.6])
    follow()
    last = Prediction.objects.order_by("run__pair__secondary__acquired_at").last()
    later = made_pairs.make_scene(FIRST + 14 * STEP)
    pair = made_pairs.make_pair(last.run.pair.secondary, later)
    made_pairs.make_prediction(pair, "offsets", read_prediction(last).bands)
    follow()
    first, *_, newest = Alert.objects.get().detections.order_by("id")
    assert [len(one.surge_series.predictions) for one in (first, newest)] == [13, 14]


def test_a_surge_that_was_over_long_ago_is_history_and_no_alert(monkeypatch):
    monkeypatch.setattr(glacier_services, "NEWS_DAYS", 60)
    make_glacier()
    make_offsets([0.4] * 8 + [2.0] * 3 + [0.4] * 7)
    motion = follow()
    assert len(motion.views[0]["surges"]) == 1
    assert motion.views[0]["surges"][0]["end"] is not None
    assert motion.state == GlacierMotion.State.STEADY
    assert not Alert.objects.exists()


def test_without_outlines_moving_ice_is_moving_ground():
    make_offsets([2.0])
    search_all()
    assert Alert.objects.get().kind == "moving-ground"
    assert not glacier_selectors.predictions_unmeasured().exists()


def test_outlines_that_come_later_measure_what_was_there_before():
    make_offsets([0.5])
    search_all()
    make_glacier()
    assert follow().n_pairs == 1
    assert not glacier_selectors.predictions_unmeasured().exists()
    ContextLayer.objects.update(loaded_at=timezone.now())  # a newer edition
    assert glacier_selectors.predictions_unmeasured().count() == 1


@pytest.mark.parametrize(("width_deg", "simulated"), [(0.004, True), (0.02, False)])
def test_a_glacier_too_small_to_surge_and_a_real_one_in_simulated_pairs_are_not_followed(width_deg, simulated):
    make_glacier(width_deg=width_deg)
    ContextLayer.objects.update(simulated=simulated)
    make_offsets([0.5])
    search_all()
    for prediction in glacier_selectors.predictions_unmeasured():
        glacier_services.glaciers_measure(prediction=prediction)
    assert not GlacierSample.objects.exists()


def test_cells_cover_the_ice_and_packing_keeps_their_values():
    cells = cells_of(box(-12.02, 46.98, -11.98, 47.02))
    assert cells.n * cells.km2 == pytest.approx(cells.outline.area / 1e6, rel=0.05)
    motion = GroundMotion(*np.random.default_rng(0).normal(size=(3, cells.n)))
    np.testing.assert_allclose(unpack(pack(motion), cells.n), motion, rtol=1e-6)
    assert unpack(pack(motion), cells.n + 1) is None
    assert cells_of(box(-13, 46, -11, 48)).n <= 2100  # a large ice cap has larger cells


@pytest.mark.parametrize(
    ("slope_deg", "aspect_deg", "bearing_deg", "slide"),
    [
        (20, 90, 100, True),
        (20, 350, 20, True),
        (20, 90, 200, False),
        (3, 90, 90, False),
        (20, None, 90, False),
        (float("nan"), 90, 90, False),
    ],
    ids=["down the slope", "across north", "along the slope", "flat", "no one way down", "no elevation"],
)
def test_a_slide_goes_down_a_slope(slope_deg, aspect_deg, bearing_deg, slide):
    assert slides(slope_deg, aspect_deg, bearing_deg) is slide


SIZE = {"pixels": 128, "sparse_pairs": 6, "dense_dates": 8}
TONGUE_SHARE = 0.8**2  # Mean speed of the tongue over that of its middle: of (1 - along^4) (1 - across^4).


def test_the_surge_of_the_demo_nation_is_found_on_its_day(tmp_path):
    config: NationConfig = dataclasses.replace(small(tracks=()), **SIZE)
    nation = simulate_nation(7, config)
    images = simulate_glacier_images(nation)
    for path in nation_files.write_images([images], tmp_path):
        scenes_load(path=path)
    outline = nation_files.write_glacier(nation, tmp_path / "g.geojson")
    context_load(path=outline, kind=ContextKind.GLACIERS, simulated=True)
    pairs_make(baselines_days=[12])
    run_all("model", "offsets")
    search_all()
    assert not Alert.objects.exists()  # that ice flows is no news
    for prediction in glacier_selectors.predictions_unmeasured():
        glacier_services.glaciers_measure(prediction=prediction)
    (stale,) = glacier_selectors.glaciers_stale()
    motion = glacier_services.glacier_follow(motion=stale)

    assert motion.state == GlacierMotion.State.SURGING
    (view,) = motion.views
    (surge,) = view["surges"]
    onset = date.fromisoformat(surge["onset"]["day"])
    begun = images.event_between[0].date()  # between this image and the next the glacier is faster for the first time
    assert abs((onset - begun).days) <= 12
    assert surge["end"] is None
    assert surge["peak"]["day"] > onset.isoformat()
    assert motion.n_pairs == ScenePair.objects.count() == 13

    alert = Alert.objects.get()
    assert (alert.kind, alert.state, alert.onset) == ("glacier-surge", "provisional", onset)
    assert alert.first_motion == onset
    assert alert.speed_m_day == pytest.approx(TONGUE_SHARE * SURGE_M_DAY[-1], rel=0.3)
    assert alert.peak_speed_m_day == pytest.approx(SURGE_M_DAY[-1], rel=0.15)
    assert alert.bearing_deg == pytest.approx(GLACIER.bearing_deg, abs=5)
    assert alert.usual_speed_m_day < 0.6
    assert alert.detections.count() >= 3
    before = Alert.objects.values_list("pk", "updated_at").get()
    GlacierMotion.objects.update(stale=True)
    glacier_services.glacier_follow(motion=glacier_selectors.glaciers_stale().get())
    assert Alert.objects.values_list("pk", "updated_at").get() == before  # measured again, nothing changed
    assert np.isfinite(alert.onset_sigma_days)
