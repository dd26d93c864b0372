"""What names an area as a whole: core and rim apart, by coefficients that belong to one set of weights."""

import json
import shutil

import numpy as np
import pytest
from affine import Affine
from shapely import Point

from ground_motion.core.projections import local_system
from ground_motion.methods.deformation.places.causes import (
    FEATURES,
    NAME,
    WEIGHTS,
    Causes,
    core_and_rim,
    features_of,
    load_causes,
    name_cause,
)
from ground_motion.methods.deformation.places.context import capped
from ground_motion.methods.deformation.places.sideways import slope_of
from ground_motion.rasters.areas import KINDS, SURE_SHARE, Area, PeakRate, Place, SortedPoints
from lab.deformation.causes import Sample, fit_all, samples_of

AT = Point(5_000, 5_000)
TRANSFORM, EPSG = Affine(100, 0, 0, 0, -100, 10_000), 3857


def area() -> Area:
    """A core of 500 m in a motion of 2 km."""
    place = Place(AT.buffer(2000), AT.buffer(500), AT.buffer(300), PeakRate(-30, -26, -33))
    return Area(AT.buffer(2000), "groundwater_subsidence", 1.0, -6, -30, np.pi * 4e6, {"uplift": 1.0}, (place,))


def bands() -> dict[str, np.ndarray]:
    """Mining in the core, groundwater in the rim."""
    col, row = np.meshgrid(np.arange(100) + 0.5, np.arange(100) + 0.5)
    core = np.hypot(col * 100 - AT.x, 10_000 - row * 100 - AT.y) < 500
    planes = {kind: np.zeros((100, 100), dtype=np.float32) for kind in KINDS}
    planes["mining_subsidence"][core] = 1
    planes["groundwater_subsidence"][~core] = 1
    return planes


def points(slope: float = 0.0) -> SortedPoints:
    rng = np.random.default_rng(1)
    x, y = rng.uniform(3000, 7000, (2, 3000))
    height = (100 + slope * (x - 5000)).astype(np.float32)
    return SortedPoints(x, y, np.full(x.size, -5.0, dtype=np.float32), height)


def value(features: np.ndarray, name: str) -> float:
    return float(features[FEATURES.index(name)])


def test_core_and_rim_are_named_apart():
    core, rim = core_and_rim(area(), bands(), TRANSFORM)
    assert core["mining_subsidence"] > 0.95
    assert rim["groundwater_subsidence"] > 0.95


def test_features_are_what_their_names_say():
    core, rim = core_and_rim(area(), bands(), TRANSFORM)
    features = features_of(area(), core, rim, [points(0.2)])
    assert features.shape == (len(FEATURES),)
    assert value(features, "slope") == pytest.approx(0.2, rel=0.01)
    assert value(features, "sign") == -1
    assert value(features, "log peak") == pytest.approx(np.log(30))
    assert value(features, "elongation") == pytest.approx(0, abs=0.05)
    assert value(features, "log size of the half outline over the motion") == pytest.approx(np.log(1 / 16), rel=0.01)
    assert value(features, "other track's rate over this one's") == 0
    slower = points()
    slower.velocity_mm_yr[:] = 2.5
    both = features_of(area(), core, rim, [points(), slower])
    assert value(both, "other track's rate over this one's") == pytest.approx(-0.5)


@pytest.fixture
def folder(tmp_path):
    """Coefficients that call an area by the network's share in its core, beside the shipped card."""
    rng = np.random.default_rng(3)
    samples, usual = [], features_of(area(), *core_and_rim(area(), bands(), TRANSFORM), [points()])
    for tile in range(400):
        kind, features = tile % len(KINDS), usual + rng.normal(size=len(FEATURES))
        features[: len(KINDS)] = np.where(np.arange(len(KINDS)) == kind, 0.0, -7.0)
        samples.append(Sample(tile, 1 + tile // 200, kind, features, tile // 100 % 2 == 0))
    shutil.copy(WEIGHTS / "deformation.json", tmp_path)
    card = json.loads((tmp_path / "deformation.json").read_text())
    (tmp_path / NAME).write_text(json.dumps(fit_all(samples, card["weights_sha256"], "made")))
    return tmp_path


def test_an_area_gets_the_kind_of_its_core_with_shares_that_add_up(folder):
    one = name_cause(area(), bands(), TRANSFORM, [points()], load_causes(folder), EPSG)
    assert one.kind == "mining_subsidence"
    assert sum(one.kinds.values()) == pytest.approx(1)
    assert one.kinds["mining_subsidence"] == max(one.kinds.values())
    assert one.rim_kinds["groundwater_subsidence"] > 0.95


def test_ground_of_unknown_height_is_not_taken_for_flat():
    """Areas that differ in nothing are named by a table of their own where no heights are known."""
    tables = {name: np.zeros((len(KINDS), len(FEATURES) + 1)) for name in ("1", "1 without heights")}
    tables["1"][KINDS.index("fill_or_quarry"), -1] = tables["1 without heights"][KINDS.index("landslide"), -1] = 5.0
    causes = Causes(np.zeros(len(FEATURES)), np.full(len(FEATURES), 10.0), tables, "")
    blind = points()
    blind.height_m = np.full_like(blind.height_m, np.nan)
    assert name_cause(area(), bands(), TRANSFORM, [points()], causes, EPSG).kind == "fill_or_quarry"
    assert name_cause(area(), bands(), TRANSFORM, [blind], causes, EPSG).kind == "landslide"
    del tables["1 without heights"]
    assert name_cause(area(), bands(), TRANSFORM, [blind], causes, EPSG).kind == "fill_or_quarry"
    assert slope_of([blind], AT.buffer(500)) is None
    assert slope_of([points()], AT.buffer(500)) is not None


def judged_by_shape(kind: str, share: float, of: Area, planes: dict[str, np.ndarray]) -> Area:
    """Name an area whose shape alone gives a kind a share."""
    return name_cause(of, planes, TRANSFORM, [points()], causes_by_shape(kind, share), EPSG)


def causes_by_shape(kind: str, share: float) -> Causes:
    """Return coefficients that give a kind a share, with sizes and rates of those that are shipped."""
    shipped, table = load_causes(), np.zeros((len(KINDS), len(FEATURES) + 1))
    table[KINDS.index(kind), -1] = np.log(share / (1 - share) * (len(KINDS) - 1))
    return shipped._replace(coefficients={"1": table})


AT_KIRISHIMA = local_system(130.83, 31.90)


@pytest.mark.parametrize(
    ("cell_m", "peak_mm_yr", "size", "epsg", "kind"),
    [
        (100.0, -30.0, 1.0, EPSG, "mining_subsidence"),
        (200.0, -290.0, 1.0, EPSG, "mining_subsidence"),
        (450.0, -30.0, 1.0, EPSG, "subsidence"),  # These are cells of a sinking city.
        (100.0, -900.0, 1.0, EPSG, "subsidence"),
        (100.0, -30.0, 10.0, EPSG, "subsidence"),
        (100.0, -30.0, 0.01, EPSG, "subsidence"),
        (100.0, 30.0, 1.0, AT_KIRISHIMA, "uplift"),  # A crater has the shape of neither a mine nor a landslide.
    ],
)
def test_no_kind_is_named_where_none_was_fitted(cell_m, peak_mm_yr, size, epsg, kind):
    (place,) = area().places
    place = place._replace(half=AT.buffer(500 * size), peak=PeakRate(peak_mm_yr, peak_mm_yr, peak_mm_yr))
    seen = area()._replace(places=(place,), moving=AT.buffer(2_000 * size))
    causes = causes_by_shape("mining_subsidence", 0.9)
    named = name_cause(seen, bands(), Affine(cell_m, 0, 0, 0, -cell_m, 100 * cell_m), [points()], causes, epsg)
    assert (named.kind, bool(named.kinds)) == (kind, kind in KINDS[:1])


def test_a_kind_is_sure_only_if_the_core_shows_it_too():
    agrees = judged_by_shape("mining_subsidence", 0.9, area(), bands())
    assert agrees.kinds["mining_subsidence"] == pytest.approx(0.9)
    contradicts = judged_by_shape("fill_or_quarry", 0.9, area(), bands())
    assert contradicts.kind == "fill_or_quarry"
    assert contradicts.kinds["fill_or_quarry"] < SURE_SHARE
    assert sum(contradicts.kinds.values()) == pytest.approx(1)


def test_a_small_core_far_faster_than_its_rim_is_no_pumped_ground_whatever_the_network_says():
    (place,) = area().places
    mine = area()._replace(places=(place._replace(half=AT.buffer(300)),), rate_mm_yr=-4.0)
    pumped = {kind: np.ones((100, 100), dtype=np.float32) * (kind == "groundwater_subsidence") for kind in KINDS}
    wide = judged_by_shape("groundwater_subsidence", 0.75, area(), pumped)
    assert wide.kinds["groundwater_subsidence"] == pytest.approx(0.75)
    assert judged_by_shape("groundwater_subsidence", 0.75, mine, pumped).kinds["groundwater_subsidence"] < 0.2
    assert judged_by_shape("mining_subsidence", 0.8, mine, pumped).kinds["mining_subsidence"] >= SURE_SHARE


def test_a_contradicted_share_is_lowered_and_the_shares_sum_to_one():
    assert capped({"landslide": 0.9, "uplift": 0.1}, 0.6) == pytest.approx({"landslide": 0.6, "uplift": 0.4})
    assert capped({"landslide": 3.0, "uplift": 3.0}, 0.6) == pytest.approx({"landslide": 0.5, "uplift": 0.5})


def test_coefficients_of_other_weights_are_not_used(folder):
    card = json.loads((folder / "deformation.json").read_text())
    (folder / "deformation.json").write_text(json.dumps(card | {"weights_sha256": "0" * 64}))
    load_causes.cache_clear()
    assert load_causes(folder) is None
    assert name_cause(area(), bands(), TRANSFORM, [points()], None, EPSG) == area()


def test_a_method_that_names_no_kinds_keeps_its_signs(folder):
    signs = {"subsidence": np.ones((100, 100), dtype=np.float32)}
    assert name_cause(area(), signs, TRANSFORM, [points()], load_causes(folder), EPSG) == area()


def test_the_shipped_coefficients_were_fitted_to_the_shipped_weights():
    """Else `python -m lab.deformation.causes` is to be run again."""
    load_causes.cache_clear()
    assert load_causes() is not None


def test_samples_are_the_areas_that_are_drawn_on_something_that_moves():
    samples = samples_of(WEIGHTS, 0)
    assert {(sample.n_tracks, sample.heights) for sample in samples} == {(1, True), (1, False), (2, True), (2, False)}
    assert all(np.isfinite(sample.features).all() and sample.kind in range(len(KINDS)) for sample in samples)
