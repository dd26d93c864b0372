"""Sentinel-1 GRD: the right sigma0 at the right place, whatever the flight; the real product's metadata."""

import zipfile
from datetime import UTC, datetime
from functools import partial

import numpy as np
import pytest
from pyproj import Transformer

from ground_motion.core.errors import InputError
from ground_motion.readers import raster
from ground_motion.readers.formats.registry import open_scenes, recognise
from ground_motion.readers.images.scenes import Placing
from ground_motion.readers.images.sentinel1 import geolocation
from ground_motion.readers.images.sentinel1 import grd as sentinel1_grd
from ground_motion.readers.images.sentinel1.calibration import MIN_POWER, Window, sigma0_amplitude
from ground_motion.readers.images.sentinel1.container import is_safe, open_safe
from ground_motion.readers.images.sentinel1.geolocation import GridPoints, positions_of
from ground_motion.readers.images.sentinel1.safe import annotation_of, annotations_of, calibration_of, noise_of
from ground_motion.readers.records import Declaration, Direction
from tests.makers.damage import zip_of
from tests.makers.simulated_safe import Flight, Recipe, as_cog, as_on_aws, make, random_digital, swath_of, zipped

BOTH_WAYS = pytest.mark.parametrize("descending", [True, False], ids=["descending", "ascending"])


def at_places(scene, longitude, latitude) -> tuple[np.ndarray, np.ndarray]:
    """Fractional row and column, centres whole, of places on an image's map."""
    x, y = Transformer.from_crs(4326, scene.header.epsg, always_xy=True).transform(longitude, latitude)
    col, row = ~scene.header.transform @ (np.asarray(x), np.asarray(y))
    return row - 0.5, col - 0.5


def decibels(power):
    return 10 * np.log10(power)


def test_the_header_says_what_the_image_is(tmp_path):
    vv, vh = open_scenes(make(tmp_path))
    header = vv.header
    assert (header.polarisation, vh.header.polarisation) == ("VV", "VH")
    assert (header.source_format, header.backscatter, header.mode) == ("sentinel1-grd", "sigma0", "IW")
    assert (header.platform, header.track, header.absolute_orbit) == ("S1A", 79, 36201)
    assert header.direction is Direction.DESCENDING
    assert header.acquired_at == datetime(2024, 5, 1, 5, 26, 53, 799379, tzinfo=UTC)
    assert (header.epsg, header.posting_m) == (32632, 10.0)
    assert not header.simulated
    assert header.extras["geolocation"] == "gcp"
    assert header.extras["noise_removed"] == "yes"
    assert header.extras["processor"] == "Sentinel-1 IPF 003.31"
    other = open_scenes(make(tmp_path / "other", track=80))[0].header  # the manifest is believed, not the formula
    assert (other.track, other.extras["track_by_formula"]) == (80, "79")


def test_the_grid_lies_on_whole_multiples_of_the_posting_so_that_passes_share_a_lattice(tmp_path):
    grids = []
    for number, flight in enumerate((Flight(), Flight(longitude=10.5013, latitude=46.0007))):
        grid = open_scenes(make(tmp_path / str(number), flight=flight))[0].header.transform
        assert (grid.c % 10, grid.f % 10) == (0, 0)
        grids.append(grid)
    assert grids[0] != grids[1]


def sigma0_by_hand(recipe: Recipe, digital: np.ndarray, line, pixel) -> np.ndarray:
    """Of one pixel, from the formulas that the tables were filled with: (DN² - range x azimuth noise) / A²."""
    noise = recipe.noise_range(line, pixel) * recipe.noise_azimuth(line, swath_of(recipe, pixel))
    return (digital[line, pixel].astype(float) ** 2 - noise) / recipe.sigma_nought(line, pixel) ** 2


def test_every_sample_gets_the_sigma0_that_is_worked_out_by_hand(tmp_path):
    flight = Flight()
    digital = random_digital(flight.lines, flight.pixels)
    recipe = Recipe(flight=flight, digital={"VV": digital})
    safe = open_safe(make(tmp_path, recipe))
    annotation = annotation_of(safe, "VV", annotations_of(safe)["VV"])
    window = Window(37, 61, 120, 150)
    part = digital[37:157, 61:211]
    noise, calibration = (
        noise_of(safe, annotation).interpolate(window),
        calibration_of(safe, annotation).interpolate(window),
    )
    amplitude, seen = sigma0_amplitude(part, calibration, noise)
    line, pixel = np.mgrid[37:157, 61:211]
    by_hand = sigma0_by_hand(recipe, digital, line, pixel)
    bright = by_hand > MIN_POWER
    assert bright.mean() > 0.95
    assert np.abs(decibels(amplitude[bright] ** 2) - decibels(by_hand[bright])).max() < 0.01
    np.testing.assert_allclose(amplitude[~bright] ** 2, MIN_POWER, rtol=1e-4)
    assert seen.all()


@BOTH_WAYS
def test_even_ground_has_its_sigma0_on_the_map_to_a_hundredth_of_a_decibel(tmp_path, descending):
    flight = Flight(descending=descending)
    digital = np.full((flight.lines, flight.pixels), 150, dtype=np.uint16)
    digital[:, flight.pixels // 2 :] = 220
    recipe = Recipe(
        flight=flight, digital={"VV": digital}, polarisations=("VV",), noise_azimuth=lambda line, swath: 1.1
    )
    (scene,) = open_scenes(make(tmp_path, recipe))
    line, pixel = (a.ravel() for a in np.meshgrid(np.arange(20, 180, 7), [20, 60, 100, 150, 190, 220], indexing="ij"))
    row, col = at_places(scene, *flight.place(line, pixel))
    near_row, near_col = np.round(row).astype(int), np.round(col).astype(int)
    measured = scene.power()[near_row, near_col]
    assert np.abs(decibels(measured) - decibels(sigma0_by_hand(recipe, digital, line, pixel))).max() < 0.01


@BOTH_WAYS
@pytest.mark.parametrize("height_m", [0.0, 800.0])
def test_a_bright_target_lies_at_its_place_to_a_tenth_of_a_pixel(tmp_path, descending, height_m):
    flight = Flight(descending=descending, lines=400, pixels=500)
    digital = np.full((400, 500), 30, dtype=np.uint16)
    targets = [(40, 60), (57, 430), (200, 251), (333, 77), (361, 455)]  # none is a point of the geolocation grid
    spread = np.exp(-(np.hypot(*np.mgrid[-4:5, -4:5]) ** 2) / 2 / 1.2**2)
    for line, pixel in targets:
        digital[line - 4 : line + 5, pixel - 4 : pixel + 5] = 30 + (6000 * spread).astype(np.uint16)
    recipe = Recipe(flight=flight, digital={"VV": digital}, polarisations=("VV",), height_m=height_m)
    (scene,) = open_scenes(make(tmp_path, recipe))
    power = np.nan_to_num(scene.power())
    for line, pixel in targets:
        row, col = at_places(scene, *flight.place(line, pixel, height_m))
        top, left = int(row) - 5, int(col) - 5
        part = power[top : top + 12, left : left + 12]
        rows, cols = np.mgrid[top : top + 12, left : left + 12]
        assert abs((rows * part).sum() / part.sum() - row) < 0.1
        assert abs((cols * part).sum() / part.sum() - col) < 0.1


def test_the_shortcuts_of_the_map_cost_less_than_a_twentieth_of_a_pixel(tmp_path):
    flight = Flight(lines=3000, pixels=4000)

    def hills(line, pixel):
        return 400 + 300 * np.sin(line / 500) + 200 * np.cos(pixel / 700)

    recipe = Recipe(flight=flight, height_m=hills, polarisations=("VV",), grid=(8, 9))
    safe = open_safe(make(tmp_path, recipe, leave_out=("measurement",)))
    annotation = annotation_of(safe, "VV", annotations_of(safe)["VV"])
    positions = positions_of(annotation.points, 32632)
    grid = sentinel1_grd.grid_over(positions, flight.lines, flight.pixels, 32632, 10.0)
    piece = geolocation.Piece(1024, 1024, 1024, 1024)
    sighting = geolocation.ByPoints(grid, positions)(piece)
    row, col = np.mgrid[1024:2048:37, 1024:2048:41].astype(float)
    line, pixel = positions.image_of(*raster.centres(grid.transform, row, col))  # every one by itself
    located = sighting.at[:, ::37, ::41] + np.array([sighting.line, sighting.pixel])[:, None, None]
    assert np.abs(located - np.stack([line, pixel])).max() < 0.05
    at_points = positions.image_of(
        *Transformer.from_crs(4326, 32632, always_xy=True).transform(
            annotation.points.longitude, annotation.points.latitude
        )
    )
    assert np.abs(at_points[0] - annotation.points.line[:, None]).max() < 0.05
    assert np.abs(at_points[1] - annotation.points.pixel).max() < 0.05


def test_two_passes_over_mountains_lie_alike_where_both_take_the_heights_of_one(tmp_path):
    """One orbit, but grids that met other heights: more than 200 m apart by themselves, half a pixel together."""
    points = []
    for later in (0, 370):  # lines by which the second grid looked elsewhere
        flight = Flight(lines=3000, pixels=4000)
        recipe = Recipe(
            flight=flight,
            polarisations=("VV",),
            grid=(8, 9),
            height_m=lambda line, pixel, later=later: 900 + 800 * np.sin((line + later) / 300) * np.cos(pixel / 400),
        )
        safe = open_safe(make(tmp_path / str(later), recipe, leave_out=("measurement",)))
        points.append(annotation_of(safe, "VV", annotations_of(safe)["VV"]).points)
    first, second = points
    lifted = positions_of(first, 32632)
    line, pixel = np.mgrid[500:2500:50, 500:3500:50].astype(float)
    x, y = lifted.place_of(line, pixel)
    assert np.hypot(*np.subtract(positions_of(second, 32632).place_of(line, pixel), (x, y))).max() > 200
    alike = positions_of(second, 32632, GridPoints.from_text(first.as_text()))
    assert np.hypot(*np.subtract(alike.place_of(line, pixel), (x, y))).max() < 5


def test_noise_is_taken_off_once_and_not_where_the_processor_did(tmp_path):
    flat = np.full((200, 240), 60, dtype=np.uint16)
    common = {"digital": {"VV": flat}, "polarisations": ("VV",), "sigma_nought": lambda line, pixel: 500.0 + 0 * pixel}
    means, noise_removed = [], []
    empty, even = {"noise_range": lambda line, pixel: 0.0}, {"noise_azimuth": lambda line, swath: 1.0}
    for number, changes in enumerate((empty, {"denoised": True}, even, {"old_noise": True})):
        made = {"noise_range": lambda line, pixel: 900.0} | common | changes
        (scene,) = open_scenes(make(tmp_path / str(number), Recipe(**made)))
        means.append(float(np.nanmean(scene.power())))
        noise_removed.append(scene.header.extras["noise_removed"])
    np.testing.assert_allclose(means, np.array([3600, 3600, 2700, 2700]) / 500**2, rtol=1e-3)
    assert noise_removed == ["no, its table is empty", "by the processor", "yes", "yes"]


def test_noise_that_takes_everything_leaves_a_floor_and_no_hole(tmp_path):
    digital = np.full((200, 240), 10, dtype=np.uint16)
    (scene,) = open_scenes(make(tmp_path, digital={"VV": digital}, polarisations=("VV",)))
    known = scene.power()[np.isfinite(scene.power())]
    assert known.size > 40_000
    np.testing.assert_allclose(known, MIN_POWER, rtol=1e-5)


def test_zeros_are_the_border_and_become_nan(tmp_path):
    flight = Flight()
    digital = random_digital(flight.lines, flight.pixels)
    digital[:, :50] = 0
    (scene,) = open_scenes(make(tmp_path, digital={"VV": digital}, polarisations=("VV",)))
    power = scene.power()
    row, col = (np.round(a).astype(int) for a in at_places(scene, *flight.place([100, 100], [40, 60])))
    assert np.isnan(power[row[0], col[0]])
    assert np.isfinite(power[row[1], col[1]])
    assert abs(np.isfinite(power).sum() / (200 * 190) - 1) < 0.02
    assert np.nanmax(power) < 2 * (digital.max() / 400) ** 2  # no swing at the border


def test_resampling_keeps_the_mean_power_of_speckle(tmp_path):
    rng = np.random.default_rng(3)  # amplitude of 4 looks resolved to two pixels, as GRD of IW has it
    frequency = np.abs(np.fft.fftfreq(700)) <= 0.25
    signals = (rng.normal(size=(700, 700)) + 1j * rng.normal(size=(700, 700)) for _ in range(4))
    looks = [np.abs(np.fft.ifft2(np.fft.fft2(one) * frequency[:, None] * frequency)) ** 2 for one in signals]
    amplitude = np.sqrt(np.mean(looks, axis=0)).astype(np.float32)
    row, col = np.mgrid[0:400, 0:400].astype(np.float32)
    at = np.stack([100 + 0.978 * row + 0.208 * col, 150 - 0.208 * row + 0.978 * col])
    window, seen = Window(0, 0, 700, 700), np.ones((700, 700), dtype=bool)
    power = geolocation.resample(
        amplitude, seen, window, geolocation.Sighting(0, 0, at), np.ones((400, 400), dtype=bool)
    )
    inside = amplitude[100:570, 70:540] ** 2
    assert abs(decibels(power.mean()) - decibels(inside.mean())) < 0.05
    assert abs(power.std() / power.mean() / (inside.std() / inside.mean()) - 1) < 0.05


def test_pieces_cover_every_pixel_once_and_make_the_same_image_however_they_are_cut(tmp_path, monkeypatch):
    digital = random_digital(200, 240)
    digital[:, :21] = 0
    path = make(tmp_path, digital={"VV": digital}, polarisations=("VV",))
    whole = open_scenes(path)[0].power()
    monkeypatch.setattr(geolocation, "PIECE", 64)
    (scene,) = open_scenes(path)
    times, blocks = np.zeros(whole.shape, dtype=int), list(scene.blocks())
    for row, col, power in blocks:
        times[row : row + power.shape[0], col : col + power.shape[1]] += 1
        assert power.dtype == np.float32
    assert len(blocks) > 6
    assert times.max() == 1
    assert (times[np.isfinite(whole)] == 1).all()
    np.testing.assert_allclose(scene.power(), whole, rtol=1e-3)
    assert len(blocks) < np.ceil(np.array(whole.shape) / 64).prod()  # those beside the swath are left out


def test_the_same_image_in_another_zone_shows_the_same_ground(tmp_path):
    flight = Flight(longitude=11.98)
    (scene,) = open_scenes(make(tmp_path, flight=flight, polarisations=("VV",)))
    other = scene.projected(Placing(32633))
    assert (scene.header.epsg, other.header.epsg) == (32632, 32633)
    line, pixel = (a.ravel() for a in np.meshgrid(np.arange(30, 170, 20), np.arange(30, 210, 20)))
    means = []
    for one in (scene, other):
        row, col = (np.round(a).astype(int) for a in at_places(one, *flight.place(line, pixel)))
        power = one.power()
        means.append([power[r - 2 : r + 3, c - 2 : c + 3].mean() for r, c in zip(row, col, strict=True)])
    assert np.corrcoef(*np.log(means))[0, 1] > 0.9


LAYOUTS = {
    "as it was unpacked": lambda product: product,
    "as it was downloaded": lambda product: zipped(product, product.name),
    "AWS, a folder": as_on_aws,
    "AWS, a zip of its files": partial(as_on_aws, inside="."),
    "AWS, a zip two folders deep": partial(as_on_aws, inside="GRD/2024"),
    "no suffix": lambda product: product.rename(product.with_suffix("")),
    "a name of one's own": lambda product: product.rename(product.with_name("my image")),
    "a zip one folder deeper": lambda product: zipped(product, f"download/{product.name}"),
    "a zip without the suffix": lambda product: zipped(product, product.stem),
    "COG": as_cog,
}


@pytest.mark.parametrize("change", LAYOUTS.values(), ids=LAYOUTS)
def test_a_product_is_known_and_read_alike_in_every_layout_that_is_handed_out(tmp_path, change):
    (tmp_path / "plain").mkdir()
    (tmp_path / "changed" / "around" / "it").mkdir(parents=True)
    recipe = Recipe(flight=Flight(lines=48, pixels=64), grid=(3, 4))
    tiled = {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate"} if change is as_cog else {}
    plain = make(tmp_path / "plain", recipe)
    changed = change(make(tmp_path / "changed" / "around" / "it", recipe, tiff=tiled))
    paths = [changed] if changed.suffix == ".zip" else [changed, changed.parent, tmp_path / "changed"]
    for path in paths:
        assert recognise(path) == "sentinel1-grd"
        for scene, expected in zip(open_scenes(path), open_scenes(plain), strict=True):
            assert scene.header.polarisation == expected.header.polarisation
            np.testing.assert_array_equal(scene.power(), expected.power())


def test_a_manifest_of_another_satellite_is_no_product_of_this_one(tmp_path):
    path = as_on_aws(make(tmp_path, Recipe(flight=Flight(lines=48, pixels=64), grid=(3, 4))), "S2A")
    with zipfile.ZipFile(path) as archive:
        text = archive.read("S2A/manifest.safe").replace(b"safe/sentinel-1", b"safe/sentinel-2")
    assert not is_safe(zip_of(tmp_path / "other.zip", {"S2A/manifest.safe": text}))


def test_what_is_unpacked_is_cleaned_up_even_when_reading_ends_in_the_middle(tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    monkeypatch.setattr(geolocation, "PIECE", 64)
    pieces = open_scenes(make(tmp_path, packed=True))[0].blocks()
    next(pieces)
    assert list(scratch.iterdir())
    pieces.close()
    assert not list(scratch.iterdir())


def test_one_polarisation_can_be_asked_for(tmp_path):
    path = make(tmp_path)
    assert [scene.header.polarisation for scene in open_scenes(path, declared=Declaration(polarisation="VH"))] == ["VH"]
    with pytest.raises(InputError, match="holds no HH, only VH and VV"):
        open_scenes(path, declared=Declaration(polarisation="HH"))


@pytest.mark.parametrize(
    ("mode", "spacing", "posting"), [("IW", 10.0, 10), ("EW", 40.0, 40), ("SM", 10.0, 10), ("EW", 25.0, 25)]
)
def test_the_posting_is_the_products_own_spacing(tmp_path, mode, spacing, posting):
    scene = open_scenes(make(tmp_path, mode=mode, flight=Flight(spacing_m=spacing)))[0]
    assert (scene.header.mode, scene.header.posting_m) == (mode, posting)
    assert np.isfinite(scene.power()).sum() == pytest.approx(200 * 240, rel=0.03)


def test_a_scene_across_the_date_line_is_whole(tmp_path):
    (scene,) = open_scenes(make(tmp_path, flight=Flight(longitude=179.999), polarisations=("VV",)))
    assert scene.header.epsg in {32601, 32660}
    assert np.isfinite(scene.power()).sum() == pytest.approx(200 * 240, rel=0.02)
