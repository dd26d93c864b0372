"""Terrain: with an elevation raster, every pixel of a Sentinel-1 GRD lies where it is, mountain or plain."""

from importlib.util import find_spec

import numpy as np
import pytest
import rasterio
from affine import Affine

from ground_motion.core.errors import InputError
from ground_motion.core.projections import transformer
from ground_motion.readers.formats.registry import open_scenes
from ground_motion.readers.images.scenes import Placing
from ground_motion.readers.images.sentinel1 import terrain as sentinel1_terrain
from ground_motion.readers.images.sentinel1.container import open_safe
from ground_motion.readers.images.sentinel1.safe import annotation_of, annotations_of
from tests.makers.simulated_safe import Flight, Recipe, make

BOTH_WAYS = pytest.mark.parametrize("descending", [True, False], ids=["descending", "ascending"])
needs_sarsen = pytest.mark.skipif(find_spec("sarsen") is None, reason="the extra terrain is not installed")
TARGET = (200, 250)
FLAT_M = 300.0


@pytest.fixture
def flight() -> Flight:
    return Flight(lines=400, pixels=500)


def spot(flight: Flight, line: int, pixel: int) -> np.ndarray:
    digital = np.full((flight.lines, flight.pixels), 30, dtype=np.uint16)
    spread = np.exp(-(np.hypot(*np.mgrid[-4:5, -4:5]) ** 2) / 2 / 1.2**2)
    digital[line - 4 : line + 5, pixel - 4 : pixel + 5] = 30 + (6000 * spread).astype(np.uint16)
    return digital


def scene_of(folder, flight: Flight):
    """Open an image with one bright target."""
    recipe = Recipe(flight=flight, digital={"VV": spot(flight, *TARGET)}, polarisations=("VV",), height_m=FLAT_M)
    (scene,) = open_scenes(make(folder, recipe))
    return scene


def elevation(path, flight: Flight, height, epsg: int = 4326, geoid_m: float = 0.0):
    """Heights above the sea (ellipsoid less geoid_m) around a flight. height: of longitude and latitude, metres."""
    step = 0.0002
    longitude, latitude = flight.place(flight.lines / 2, flight.pixels / 2)
    grid = Affine(step, 0, float(longitude) - 0.12, 0, -step, float(latitude) + 0.09)
    col, row = np.meshgrid(np.arange(1200), np.arange(900))
    longitude, latitude = grid @ (col + 0.5, row + 0.5)
    values = (height(longitude, latitude) - geoid_m).astype(np.float32)
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "width": 1200, "height": 900}
    with rasterio.open(path, "w", crs=f"EPSG:{epsg}", transform=grid, nodata=-9999, **profile) as raster:
        raster.write(values, 1)
    return path


def brightest(scene, near: np.ndarray | None = None) -> tuple[float, float]:
    """x and y of the one bright target, by its centre of mass; near: that of several that lies about there."""
    power = np.nan_to_num(scene.power())
    if near is None:
        top, left = np.array(np.unravel_index(power.argmax(), power.shape)) - 6
    else:
        left, top = np.round(~scene.header.transform @ near).astype(int) - 6
    part = power[top : top + 13, left : left + 13]
    rows, cols = np.mgrid[top : top + 13, left : left + 13]
    col, row = (cols * part).sum() / part.sum(), (rows * part).sum() / part.sum()
    return scene.header.transform @ (col + 0.5, row + 0.5)


def on_map(scene, longitude, latitude) -> np.ndarray:
    return np.array(transformer(4326, scene.header.epsg).transform(longitude, latitude))


def flat(longitude, latitude):
    return np.full(np.shape(longitude), FLAT_M)


@needs_sarsen
@BOTH_WAYS
def test_flat_ground_at_the_grids_height_lies_where_the_points_say(tmp_path, descending):
    flight = Flight(lines=400, pixels=500, descending=descending)
    scene = scene_of(tmp_path, flight)
    corrected = scene.projected(Placing(scene.header.epsg, elevation(tmp_path / "flat.tif", flight, flat)))
    assert corrected.header.extras["geolocation"] == "terrain"
    position = np.array(brightest(corrected))
    assert np.hypot(*(position - brightest(scene))) < 1.0  # metres: a tenth of a pixel
    assert np.hypot(*(position - on_map(scene, *flight.place(*TARGET, FLAT_M)))) < 1.0


@needs_sarsen
@BOTH_WAYS
def test_a_summit_lies_at_its_place_and_without_terrain_too_near_the_satellite(tmp_path, descending):
    flight, top_m = Flight(lines=400, pixels=500, descending=descending), 1200.0
    at = flight.place(*TARGET, FLAT_M + top_m)

    def mountain(longitude, latitude):
        far_km = np.hypot((longitude - at[0]) * 77, (latitude - at[1]) * 111)
        return FLAT_M + top_m * np.clip(1.6 - far_km / 0.8, 0, 1)  # a plateau of 500 m around the target

    scene = scene_of(tmp_path, flight)
    corrected = scene.projected(Placing(scene.header.epsg, elevation(tmp_path / "mountain.tif", flight, mountain)))
    truth = on_map(scene, *at)
    # layover: the foot of the mountain lies as far from the satellite, and shows the same target once more
    assert np.hypot(*(np.array(brightest(corrected, near=truth)) - truth)) < 1.0
    shift = np.array(brightest(scene)) - truth
    incidence = np.radians(flight.incidence_deg(*map(np.array, TARGET), np.array(FLAT_M)))
    assert np.hypot(*shift) == pytest.approx(top_m / np.tan(incidence), rel=0.02)
    to_satellite = on_map(scene, *flight.place(TARGET[0], TARGET[1] - 50)) - on_map(scene, *flight.place(*TARGET))
    assert shift @ to_satellite / np.hypot(*shift) / np.hypot(*to_satellite) > 0.99


@needs_sarsen
def test_heights_above_the_sea_are_lifted_to_the_ellipsoid_by_the_products_own_points(tmp_path, flight):
    scene = scene_of(tmp_path, flight)
    corrected = scene.projected(Placing(scene.header.epsg, elevation(tmp_path / "sea.tif", flight, flat, geoid_m=48.5)))
    assert corrected.header.extras["elevation_offset_m"] == "48.5"
    assert np.hypot(*(np.array(brightest(corrected)) - brightest(scene))) < 1.0


@needs_sarsen
def test_the_parabola_in_height_is_true_to_a_hundredth_of_a_pixel(tmp_path, flight):
    safe = open_safe(make(tmp_path, flight=flight))
    image_of = sentinel1_terrain.image_of_orbit(annotation_of(safe, "VV", annotations_of(safe)["VV"]))
    line, pixel = np.meshgrid([10.0, 200.0, 390.0], [10.0, 250.0, 490.0], indexing="ij")
    for height in (0.0, 1000.0, 3000.0):
        located = image_of(*flight.place(line, pixel, height), np.full(line.shape, height))
        assert np.abs(np.array(located) - [line, pixel]).max() < 0.01
    place = flight.place(line, pixel, 1500.0)
    low, mid, high = (np.array(image_of(*place, np.full(line.shape, height))) for height in (0.0, 1500.0, 3000.0))
    share = -0.5  # 750 m
    between = mid + share * ((high - low) / 2 + share * ((high + low) / 2 - mid))
    assert np.abs(between - image_of(*place, np.full(line.shape, 750.0))).max() < 0.01


def test_without_the_extra_the_points_place_the_image_and_it_says_so(tmp_path, flight, monkeypatch):
    monkeypatch.setattr(sentinel1_terrain, "find_spec", lambda name: None)
    (scene,) = open_scenes(make(tmp_path, flight=flight, polarisations=("VV",)))
    other = scene.projected(Placing(scene.header.epsg, elevation(tmp_path / "flat.tif", flight, flat)))
    assert other.header.extras["terrain"] == "ellipsoid, the extra terrain is not installed"
    assert other.header.extras["geolocation"] == "gcp"
    np.testing.assert_array_equal(other.power(), scene.power())


def test_an_elevation_raster_of_no_use_is_refused(tmp_path, flight):
    (scene,) = open_scenes(make(tmp_path, flight=flight, polarisations=("VV",)))
    path = tmp_path / "heights.tif"
    path.write_text("no raster")
    with pytest.raises(InputError, match="elevation raster cannot be read"):
        scene.projected(Placing(scene.header.epsg, path))
