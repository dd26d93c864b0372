"""Rasters of pairs become patches: what is detected, and what is not."""

import numpy as np
import pytest
from affine import Affine
from django.contrib.gis.geos import MultiPolygon, Polygon
from pyproj import Transformer
from shapely import box

from detection.kinds import Kind
from detection.search.known import known_share
from detection.search.patches import MotionThresholds, bearing, changed_patches, moving_patches
from tests.makers import pairs as made_pairs
from tests.makers.glaciers import FIRST, STEP

GRID = Affine(30, 0, 500_000, 0, -30, 5_200_000)
NODES = Affine(240, 0, 500_000, 0, -240, 5_200_000)
EPSG = 32629


def change(
    drop: float = 0.5, z: float = -8.0, rows: slice = slice(10, 26), cols: slice = slice(10, 26), sigma: float = 0.12
) -> dict:
    bands = {
        "change_sigma": np.zeros((60, 60)),
        "coherence_before": np.full((60, 60), 0.7),
        "coherence_after": np.full((60, 60), 0.7),
        "area_sigma": np.full((60, 60), sigma),
    }
    bands["change_sigma"][rows, cols] = z
    bands["coherence_after"][rows, cols] -= drop
    return {name: band.astype(np.float32) for name, band in bands.items()}


def test_a_lost_coherence_is_reported_with_its_figures():
    (patch,) = changed_patches(change(), GRID, weather=0.0)
    assert patch.kind is Kind.SURFACE_CHANGE
    assert patch.cells == 16 * 16
    assert patch.polygon.area == pytest.approx(16 * 16 * 900)
    assert patch.figures == pytest.approx({"change_sigma": -8.0, "coherence_before": 0.7, "coherence_after": 0.2})
    assert 0.98 < patch.score < 1


def unknown(bands: dict) -> dict:
    return {name: np.full_like(band, np.nan) for name, band in bands.items()}


@pytest.mark.parametrize(
    ("bands", "weather"),
    [
        (change(z=-4.0), 0.0),  # not far enough out of its past
        (change(drop=0.1), 0.0),  # hardly a loss, however steady the past
        (change(rows=slice(10, 19), cols=slice(10, 19)), 0.0),  # one window: a single scatterer that went away
        (change(rows=slice(10, 19), cols=slice(10, 30)), 0.0),  # two windows beside each other
        (change(drop=0.21, sigma=0.15), 0.0),  # a parcel of which the estimate itself is not sure
        (change(z=8.0), 0.0),  # more coherent than before
        (change(drop=0.3), -0.2),  # what the weather took
        (unknown(change()), 0.0),
    ],
)
def test_what_is_weak_small_or_a_gain_is_not_reported(bands, weather):
    assert changed_patches(bands, GRID, weather=weather) == []


def test_what_other_pairs_confirm_is_reported_though_weaker_and_smaller():
    weak = change(z=-3.0, rows=slice(10, 19), cols=slice(10, 19))
    assert changed_patches(weak, GRID, weather=0.0) == []
    confidence = np.where(weak["change_sigma"] < 0, np.float32(0.95), np.float32(np.nan))
    (patch,) = changed_patches(weak | {"confidence": confidence}, GRID, weather=0.0)
    assert patch.cells == 81
    assert patch.score == pytest.approx(0.95)


def offsets(dx: float | np.ndarray = 1.0, dy: float = 0.5, rows: slice = slice(5, 10), noise: float = 0.02) -> dict:
    rng = np.random.default_rng(4)
    bands = {name: rng.normal(0, noise, (24, 24)) for name in ("dx_px", "dy_px")}
    bands["dx_px"][rows, 8:13] += dx
    bands["dy_px"][rows, 8:13] += dy
    bands |= {name: np.full((24, 24), 0.04) for name in ("sigma_dx_px", "sigma_dy_px")}
    return {name: band.astype(np.float32) for name, band in bands.items()}


def moving(bands: dict, **options) -> list:
    return moving_patches(bands, NODES, EPSG, posting_m=30.0, days=12.0, **options)


def test_moving_ground_is_reported_with_speed_and_direction():
    (patch,) = moving(offsets())
    assert patch.kind is Kind.MOVING_GROUND
    assert patch.cells == 25
    assert patch.figures["speed_m_day"] == pytest.approx(np.hypot(1.0, 0.5) * 30 / 12, rel=0.05)
    assert patch.figures["bearing_deg"] == pytest.approx(116.6 - 1.5, abs=4)  # grid north is not true north there
    assert 0 < patch.figures["speed_sigma_m_day"] < 0.3
    assert len(moving(offsets(dx=0.3, dy=0.0))) == 1
    assert moving(offsets(dx=0.3, dy=0.0), thresholds=MotionThresholds(least_px=0.5)) == []


@pytest.mark.parametrize(
    "bands",
    [
        offsets(dx=0.15, dy=0.0),  # below the least that is detected
        offsets(rows=slice(5, 6)),  # narrower than one window
        offsets(noise=0.4),  # the scene scatters as much
        unknown(offsets()),
        offsets(dx=0.0, dy=0.0) | {"dx_px": offsets(dx=0.0)["dx_px"] + 1.5},  # the whole pair is misregistered
        offsets(dx=np.where(np.indices((5, 5)).sum(axis=0) % 2, 1.0, -1.0)),  # it points everywhere
    ],
)
def test_slow_narrow_or_noisy_motion_is_not_reported(bands):
    assert moving(bands) == []


@pytest.mark.parametrize(("dx", "dy", "degrees"), [(0, -1, 0), (1, 0, 90), (0, 1, 180), (-1, 0, 270)])
def test_bearings_are_clockwise_from_true_north(dx, dy, degrees):
    x, y = Transformer.from_crs(4326, EPSG, always_xy=True).transform(-9.0, 47.0)  # the zone's middle meridian
    square = box(x - 100, y - 100, x + 100, y + 100)
    assert bearing(square, EPSG, dx, dy) == pytest.approx(degrees, abs=0.1)


def square(longitude: float, side_deg: float = 0.01) -> MultiPolygon:
    half, latitude = side_deg / 2, made_pairs.LATITUDE
    box = longitude - half, latitude - half, longitude + half, latitude + half
    return MultiPolygon(Polygon.from_bbox(box), srid=4326)


@pytest.mark.django_db
def test_a_pair_shows_what_it_has_values_for():
    change = made_pairs.full(0.0)
    change[:, : made_pairs.COLS // 2] = np.nan  # nothing is known in the west
    pair = made_pairs.make_pair(made_pairs.make_scene(FIRST), made_pairs.make_scene(FIRST + STEP))
    prediction = made_pairs.make_prediction(pair, "coherence-change", {"change_sigma": change})
    middle = made_pairs.LONGITUDE
    shares = [known_share(prediction=prediction, area=square(middle + east)) for east in (-0.02, 0.0, 0.02, 1.0)]
    assert shares[0] == 0.0
    assert shares[1] == pytest.approx(0.5, abs=0.05)
    assert shares[2:] == [1.0, 0.0]
