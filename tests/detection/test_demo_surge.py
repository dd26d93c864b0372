"""The demo nation's glacier, at small size: its images are tracked, its series is made, its surge is found in time."""

import dataclasses
from datetime import date

import numpy as np
import pytest

from detection.alerts import glaciers as glacier_services
from detection.glaciers import selectors as glacier_selectors
from detection.models import Alert, GlacierMotion
from ingest.context.services import context_load
from ingest.models import ScenePair
from ingest.readers.context.records import ContextKind
from ingest.scenes.pairs import pairs_make
from ingest.scenes.services import scenes_load
from ml.simulation.files import nation as nation_files
from ml.simulation.nation import GLACIER, NationConfig, simulate_nation
from ml.simulation.nation_scenes import SURGE_M_DAY, simulate_glacier_images
from tests.makers.small_nation import small
from tests.makers.watching import run_all, search_all

pytestmark = pytest.mark.django_db
SIZE = {"pixels": 128, "sparse_pairs": 6, "dense_dates": 8}


@pytest.fixture(scope="module")
def glacier_files(tmp_path_factory):
    """Images of the glacier alone, and its outline: [paths], outline, days of the surge's pairs."""
    config: NationConfig = dataclasses.replace(small(tracks=()), **SIZE)
    nation, folder = simulate_nation(7, config), tmp_path_factory.mktemp("glacier")
    images = simulate_glacier_images(nation)
    return nation_files.write_images([images], folder), nation_files.write_glacier(nation, folder / "g.geojson"), images


@pytest.mark.parametrize("tracker", ["model", "multi-kernel"])
def test_the_surge_of_the_demo_nation_is_found_on_its_day(glacier_files, tracker):
    paths, outline, images = glacier_files
    for path in paths:
        scenes_load(path=path)
    context_load(path=outline, kind=ContextKind.GLACIERS, simulated=True)
    pairs_make(baselines_days=[12])
    run_all(tracker, "offsets")
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
    assert alert.speed_m_day == pytest.approx(SURGE_M_DAY[-1], rel=0.35)  # the mean across the tongue
    assert alert.peak_speed_m_day == pytest.approx(SURGE_M_DAY[-1], rel=0.15)
    assert alert.bearing_deg == pytest.approx(GLACIER.bearing_deg, abs=5)
    assert alert.usual_speed_m_day < 0.6
    assert alert.detections.count() >= 3
    before = Alert.objects.values_list("pk", "updated_at").get()
    GlacierMotion.objects.update(stale=True)
    glacier_services.glacier_follow(motion=glacier_selectors.glaciers_stale().get())
    assert Alert.objects.values_list("pk", "updated_at").get() == before  # measured again, nothing changed
    assert np.isfinite(alert.onset_sigma_days)
