"""Swaths are resampled to one map by their control points: what they show then stands where it does on the ground."""

import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.transform import from_origin

from ground_motion.cli.program import main
from ground_motion.core.errors import InputError
from ground_motion.core.projections import transformer
from ground_motion.rasters import control_points
from ground_motion.rasters.control_points import has_control_points, resampled_to_one_grid, store_in_pieces
from ground_motion.rasters.pieces import Pieces
from ground_motion.rasters.windows import Window
from lab.simulation.sar.recipes import constant_shift
from lab.simulation.seeds import Purpose, generator
from tests.makers.geotiff import write

EPSG, POSTING_M, SIZE = 32633, 20.0, 256
WEST, NORTH = 500_000.0, 5_000_000.0


def written(path, power, upside_down: bool, points: int = 25, east_m: float = 0.0):
    """An image of the map's square, rows from the south if upside down, placed by its control points alone."""
    at = np.linspace(0, SIZE, 5)
    cells = [(row, col) for row in at for col in at][:points]
    to_degrees = transformer(EPSG, 4326).transform
    held = []
    for row, col in cells:
        x, y = to_degrees(WEST + east_m + POSTING_M * col, NORTH - POSTING_M * row)
        held.append(GroundControlPoint(SIZE - row if upside_down else row, col, x, y))
    return write(path, power[::-1] if upside_down else power, CRS.from_epsg(4326), None, gcps=held)


@pytest.fixture
def swaths(tmp_path):
    """Reference in its swath from the south, secondary from the north, and the pair itself."""
    pair = constant_shift(generator(Purpose.TEST, "control-points", 0), 0.9, SIZE)
    paths = [written(tmp_path / f"{k}.tif", pair.power[k], upside_down=k == 0) for k in range(2)]
    return paths, pair


def test_what_is_resampled_stands_where_it_does_on_the_map(swaths):
    paths, pair = swaths
    resampled = resampled_to_one_grid(*paths, "power")
    assert resampled.epsg == EPSG
    assert resampled.transform.a == -resampled.transform.e == POSTING_M
    assert (resampled.transform.c, resampled.transform.f) == (pytest.approx(WEST, abs=1), pytest.approx(NORTH, abs=1))
    for image, truth in zip(resampled.read(Window(0, 0, *resampled.shape)), pair.power, strict=True):
        inner = slice(10, -10)
        held, wanted = (np.log(part[: image.shape[0], : image.shape[1]])[inner, inner] for part in (image, truth))
        known = np.isfinite(held)
        assert known.mean() > 0.99
        assert np.corrcoef(held[known], wanted[known])[0, 1] > 0.98


@pytest.mark.parametrize("turn", [0.0, 360.0])
def test_swaths_across_180_are_placed_as_anywhere_else(tmp_path, monkeypatch, turn):
    """Control points on both sides of 180 degrees, also where their longitudes count on beyond it."""
    place = {"EPSG": 32660, "WEST": transformer(4326, 32660).transform(180.0, 45.13)[0] - POSTING_M * SIZE / 2}
    for name, value in place.items():
        monkeypatch.setattr(f"{__name__}.{name}", value)
    pair = constant_shift(generator(Purpose.TEST, "control-points", 0), 0.9, SIZE)
    paths = [written(tmp_path / f"{k}.tif", pair.power[k], upside_down=k == 0) for k in range(2)]
    for path in paths:
        with rasterio.open(path, "r+") as raster:
            points, crs = raster.gcps
            assert np.ptp([point.x for point in points]) > 300
            for point in points:
                point.x += turn if point.x < 0 else 0.0
            raster.gcps = points, crs
    resampled = resampled_to_one_grid(*paths, "power")
    assert resampled.epsg in (32660, 32601)
    held = np.log(resampled.read(Window(0, 0, *resampled.shape))[0])
    assert np.isfinite(held[10:-10, 10:-10]).mean() > (0.99 if resampled.epsg == 32660 else 0.9)
    assert resampled.shape[0] * resampled.shape[1] < 1.2 * SIZE**2


def test_a_part_of_what_is_resampled_is_the_same_as_in_the_whole(swaths, monkeypatch):
    paths, _ = swaths
    resampled = resampled_to_one_grid(*paths, "power")
    whole, at = resampled.read(Window(0, 0, *resampled.shape)), Window(50, 60, 90, 100)
    monkeypatch.setattr(control_points, "PIECE_PX", 64)
    for source in (resampled, store_in_pieces(resampled, Pieces())):
        np.testing.assert_allclose(source.read(at), whole[:, 50:140, 60:160], rtol=1e-3)


def test_the_command_lays_both_says_so_and_tracks_them(swaths, tmp_path, capsys):
    paths, pair = swaths
    assert main(["offsets", *map(str, paths), "--out", str(tmp_path / "o.tif"), "--search", "6"]) == 0
    said = "both were laid on one grid of 20 m, EPSG:32633, by their ground control points."
    assert capsys.readouterr().out.count(said) == 1
    with rasterio.open(tmp_path / "o.tif") as raster:
        assert raster.crs.to_epsg() == EPSG
        dx, dy = raster.read([1, 2])
    for band, truth in ((dx, pair.dx_px), (dy, pair.dy_px)):
        assert np.isfinite(band).mean() > 0.8
        assert np.nanmedian(band) == pytest.approx(float(truth.mean()), abs=0.05)


def test_images_on_a_map_are_left_as_they_are(tmp_path, swaths):
    place = from_origin(WEST, NORTH, POSTING_M, POSTING_M)
    on_map = write(tmp_path / "map.tif", np.ones((4, 4), dtype=np.float32), f"EPSG:{EPSG}", place)
    placed = [has_control_points(path) for path in (on_map, tmp_path / "none.tif", *swaths[0])]
    assert placed == [False, False, True, True]


@pytest.mark.parametrize(
    ("change", "words"),
    [({"points": 4}, "4 ground control points"), ({"east_m": 50_000.0}, "shows nothing of first.tif")],
)
def test_what_cannot_be_resampled_is_said(tmp_path, change, words):
    power = np.ones((SIZE, SIZE), dtype=np.float32)
    first = written(tmp_path / "first.tif", power, upside_down=False)
    second = written(tmp_path / "second.tif", power, upside_down=False, **change)
    with pytest.raises(InputError, match=words) as raised:
        resampled_to_one_grid(first, second, "power")
    assert raised.value.path == str(second)
