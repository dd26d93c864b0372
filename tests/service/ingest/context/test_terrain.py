"""A plane of known slope and aspect comes back, in whatever reference system it lies."""

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS, Geod, Transformer

from ground_motion.core.errors import InputError
from ground_motion.readers.context.elevation import footprint, read
from ingest.context.terrain import mean_bearing, slope_and_aspect

GRIDS = {
    "degrees at 78 N": (4326, Affine(0.001, 0, 16, 0, -0.001, 78)),
    "UTM far from its meridian": (32633, Affine(30, 0, 630_000, 0, -30, 8_700_000)),
    "UTM in the south": (32718, Affine(30, 0, 700_000, 0, -30, 6_000_000)),
    "polar stereographic": (3413, Affine(30, 0, -300_000, 0, -30, -2_000_000)),
}


def plane(epsg: int, grid: Affine, slope_deg: float, aspect_deg: float) -> np.ndarray:
    """Heights of a plane through the middle that falls toward aspect_deg, clockwise from true north."""
    row, col = np.mgrid[:60, :60] + 0.5
    longitude, latitude = Transformer.from_crs(epsg, 4326, always_xy=True).transform(*(grid @ (col, row)))
    middle = np.full(row.shape, longitude[30, 30]), np.full(row.shape, latitude[30, 30])
    bearing, _, distance = Geod(ellps="WGS84").inv(*middle, longitude, latitude)
    fall = np.tan(np.radians(slope_deg)) * distance * np.cos(np.radians(bearing - aspect_deg))
    return (1000 - fall).astype(np.float32)


@pytest.mark.filterwarnings("ignore:Use `@` matmul")
@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("aspect_deg", [0.0, 90.0, 200.0])
def test_a_plane_has_its_slope_and_falls_where_it_falls(name, aspect_deg):
    epsg, grid = GRIDS[name]
    slope, aspect = slope_and_aspect(plane(epsg, grid, 10.0, aspect_deg), grid, CRS.from_epsg(epsg))
    for row, col in ((30, 30), (0, 0), (59, 59), (20, 41)):
        assert slope[row, col] == pytest.approx(10.0, abs=0.05)
        assert (aspect[row, col] - aspect_deg + 180) % 360 - 180 == pytest.approx(0.0, abs=0.1)


def test_the_flat_has_no_aspect_the_unknown_no_slope_and_directions_are_averaged_around_north():
    height = np.full((20, 20), 7.0, dtype=np.float32)
    height[10, 10] = np.nan
    slope, aspect = slope_and_aspect(height, Affine(30, 0, 500_000, 0, -30, 5_200_000), CRS.from_epsg(32632))
    assert np.isnan(aspect).all()
    assert np.isnan(slope[9:12, 9:12]).all()
    assert (slope[:8] == 0).all()
    assert mean_bearing(np.array([350.0, 10.0], dtype=np.float32)) % 360 == pytest.approx(0.0, abs=1e-3)
    assert np.isnan([mean_bearing(np.array(values, dtype=np.float32)) for values in ([0.0, 180.0], [np.nan])]).all()


def test_blocks_of_rows_leave_no_seam():
    rng = np.random.default_rng(3)
    height = rng.normal(500, 20, size=(600, 12)).astype(np.float32)
    grid, crs = Affine(30, 0, 500_000, 0, -30, 5_200_000), CRS.from_epsg(32632)
    whole = slope_and_aspect(height, grid, crs).slope_deg
    part = slope_and_aspect(height[200:400], grid, crs).slope_deg
    np.testing.assert_allclose(whole[201:399], part[1:-1], atol=0.05)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crs": None}, "no reference system"),
        ({"count": 2}, "2 bands"),
        ({"unit": "ft"}, "'ft'"),
        ({"transform": Affine(30, 5, 500_000, 5, -30, 5_200_000)}, "not north-up"),
        ({"crs": "EPSG:4326"}, "not on the earth"),
        ({"height": np.full((10, 10), 30_000.0)}, "cannot be metres"),
        ({"height": np.full((10, 10), -9999.0)}, "no pixel has a height"),
        ({"height": np.full((2, 10), 1.0)}, "needs three"),
    ],
)
def test_a_dem_that_cannot_be_used_says_why(make_dem, change, message):
    height = change.get("height")
    path = make_dem(height, **{key: value for key, value in change.items() if key != "height"})
    with pytest.raises(InputError, match=message):
        read(path)


def test_a_dem_is_read_with_nan_for_its_nodata_and_refused_if_it_is_too_large_or_cut_off(make_dem, monkeypatch):
    height = np.random.default_rng(1).normal(500, 10, (200, 200))
    height[0, 0] = -9999
    path = make_dem(height)
    grid = read(path)
    assert np.isnan(grid.height_m[0, 0])
    assert grid.epsg == 32632
    west, _, _, north = footprint(path).bounds
    assert (west, north) == pytest.approx((9.0, 46.95), abs=0.01)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(InputError, match="Download or make it again"):
        read(path)
    monkeypatch.setattr("ground_motion.readers.context.elevation.MAX_PIXELS", 100)
    with pytest.raises(InputError, match="declares 50 x 40 pixels"):
        read(make_dem())
