"""Map-projected images: every scale becomes power, places are kept, pieces are the whole, nonsense is refused."""

from functools import partial

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer
from rasterio.warp import Resampling, reproject
from scipy.ndimage import binary_erosion

from ground_motion.readers.formats.registry import open_scenes
from ground_motion.readers.images import raster as scene_raster
from ground_motion.readers.images.placement import resample
from ground_motion.readers.images.raster import SCALES
from ground_motion.readers.records import Declaration
from tests.makers import rtc as made_rtc
from tests.makers.rtc import declared, degrees_grid, plain, read

SIGMA0 = 10**-1.25  # -12.5 dB
SHAPE = (40, 48)
DARK = np.full(SHAPE, SIGMA0, np.float32)
TAGGED = {"crs": "EPSG:32633", "transform": made_rtc.UTM, "scale": 0.01, "offset": 2.0}
SOURCES = {
    **{f"hyp3 {scale}": (partial(made_rtc.hyp3, power=DARK, scale=scale), None) for scale in SCALES},
    **{f"plain {scale}": (partial(plain, power=DARK, scale=scale), declared(scale)) for scale in SCALES},
    "earth engine db": (partial(made_rtc.earth_engine, power=DARK), None),
    "earth engine db declared": (partial(made_rtc.earth_engine, power=DARK), Declaration(scale="db")),
    "earth engine power": (partial(made_rtc.earth_engine, power=DARK, scale="power"), Declaration(scale="power")),
    "earth engine float": (
        partial(made_rtc.earth_engine, power=DARK, scale="power", name=f"S1_GRD_FLOAT_{made_rtc.GRANULE}.tif"),
        None,
    ),
    "tags of scale and offset": (
        lambda folder: made_rtc.write(folder / "a_20210119T031653_VV.tif", np.full(SHAPE, -1450, np.int16), **TAGGED),
        declared("db"),
    ),
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_known_backscatter_comes_out_whatever_the_scale(tmp_path, source):
    make, declaration = SOURCES[source]
    header, power = read(make(tmp_path), declaration)
    known = power[np.isfinite(power)]
    assert known.size > 800
    assert known == pytest.approx(0.0562341, rel=1e-5)
    assert power.dtype == np.float32
    assert header.transform.a == -header.transform.e


def test_what_was_never_seen_is_nan_and_0_db_is_a_value(tmp_path):
    power = made_rtc.speckle()
    power[0, :6] = [np.nan, 0, 1, np.inf, 0.5, -1]
    _, values = read(plain(tmp_path, power), declared("power"))
    assert np.isnan(values[0, :6]).tolist() == [True, True, False, True, False, True]
    decibels = 10 * np.log10(made_rtc.speckle())
    decibels[0, :5] = [np.nan, 0, -np.inf, -9999, np.inf]
    path = made_rtc.write(
        tmp_path / "db_20210119T031653_VV.tif",
        decibels.astype(np.float32),
        crs="EPSG:32633",
        transform=made_rtc.UTM,
        nodata=-9999,
    )
    _, values = read(path, declared("db"))
    assert np.isnan(values[0, :5]).tolist() == [True, False, True, True, True]
    assert values[0, 1] == 1


def test_a_grid_in_utm_is_kept_to_the_last_bit(tmp_path):
    power, grid = made_rtc.speckle(), Affine(20, 0, 620048.241204, 0, -20, 4830114.70107)
    header, values = read(plain(tmp_path, power, transform=grid), declared())
    assert header.transform == grid
    assert header.epsg == 32633
    assert "resampled" not in header.extras
    np.testing.assert_array_equal(values, power)


@pytest.mark.parametrize(
    ("crs", "grid", "posting"),
    [
        ("EPSG:4326", degrees_grid(15.2, 60.0), 10),
        ("EPSG:4326", degrees_grid(-119.5, 34.2), 10),
        ("EPSG:4326", degrees_grid(166.4, -45.1, 20), 20),
        ("EPSG:4326", degrees_grid(240.5, 34.2), 10),  # 0 to 360
        ("EPSG:4326", degrees_grid(179.98, 51.9), 10),  # across the antimeridian
        ("EPSG:3035", Affine(20, 0, 4_600_000, 0, -20, 1_740_000), 20),
        ("EPSG:3413", Affine(40, 0, 400_000, 0, -40, -1_200_000), 40),
        ("EPSG:25833", Affine(20, 0, 400_007, 0, -20, 6_000_013), 20),
    ],
)
def test_a_bright_target_stays_at_its_place(tmp_path, crs, grid, posting):
    power = np.full((500, 600), 0.05, np.float32)
    power[231, 377] = 100.0
    header, values = read(plain(tmp_path, power, crs=crs, transform=grid), declared())
    assert header.posting_m == posting
    assert 32601 <= header.epsg <= 32760
    assert header.transform.c % posting == 0
    assert header.transform.f % posting == 0
    assert header.extras["resampled"] == f"bilinear, of power, from {crs}"
    rows, cols = np.nonzero(values > 0.5)
    weight = values[rows, cols] - 0.05
    at = header.transform @ (np.average(cols + 0.5, weights=weight), np.average(rows + 0.5, weights=weight))
    place = Transformer.from_crs(crs, header.epsg, always_xy=True).transform(*(grid @ (377.5, 231.5)))
    assert np.hypot(at[0] - place[0], at[1] - place[1]) <= 0.25 * posting
    assert np.isfinite(values).sum() * posting**2 == pytest.approx(_area_m2(crs, grid, header.epsg), rel=0.02)
    assert np.nanmin(values) == pytest.approx(0.05, rel=1e-5)


def test_two_cuts_of_one_image_lie_on_one_lattice_and_agree(tmp_path):
    power, grid = made_rtc.speckle((400, 500)), degrees_grid(14.0, 45.0)
    first, a = read(plain(tmp_path, power[:300, :400], crs="EPSG:4326", transform=grid), declared())
    cut = plain(tmp_path, power[60:, 80:], crs="EPSG:4326", transform=grid @ Affine.translation(80, 60))
    second, b = read(cut, declared())
    col, row = ~first.transform @ (second.transform.c, second.transform.f)
    assert (col, row) == pytest.approx((round(col), round(row)), abs=1e-6)
    rows, cols = min(a.shape[0] - round(row), b.shape[0]), min(a.shape[1] - round(col), b.shape[1])
    a, b = a[round(row) :, round(col) :][:rows, :cols], b[:rows, :cols]
    both = binary_erosion(np.isfinite(a) & np.isfinite(b), iterations=4)  # at an edge part of the kernel is unknown
    assert both.sum() > 50_000
    np.testing.assert_allclose(a[both], b[both], rtol=1e-3)  # places are within millimetres


def test_it_agrees_with_gdals_own_bilinear_warp(tmp_path):
    y, x = np.mgrid[:300, :400]
    power = (0.2 + 0.1 * np.sin(x / 15) * np.cos(y / 20)).astype(np.float32)
    grid = degrees_grid(14.0, 5.0)
    header, ours = read(plain(tmp_path, power, crs="EPSG:4326", transform=grid), declared())
    theirs = np.full_like(ours, np.nan)
    source = {"src_transform": grid, "src_crs": "EPSG:4326", "src_nodata": np.nan}
    target = {"dst_transform": header.transform, "dst_crs": f"EPSG:{header.epsg}", "dst_nodata": np.nan}
    reproject(power, theirs, **source, **target, tolerance=0, resampling=Resampling.bilinear)
    inside = np.isfinite(ours) & np.isfinite(theirs)
    inside[:3] = inside[-3:] = inside[:, :3] = inside[:, -3:] = False
    assert inside.sum() > 100_000
    assert np.abs(ours - theirs)[inside].max() < 1e-4  # a step between two pixels is up to 7e-3


def _area_m2(crs, grid, epsg):
    """Of 500 x 600 pixels, by the corners."""
    corners = np.array([(0, 0), (600, 0), (600, 500), (0, 500)]).T
    x, y = Transformer.from_crs(crs, epsg, always_xy=True).transform(
        grid.a * corners[0] + grid.c, grid.e * corners[1] + grid.f
    )
    return 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))


@pytest.mark.parametrize("latitude", [5.0, 45.0, 68.0])
@pytest.mark.parametrize("looks", [1, 4])
def test_the_mean_power_of_speckle_is_kept(tmp_path, latitude, looks):
    power = made_rtc.speckle((900, 1000), 0.1, looks)
    header, values = read(plain(tmp_path, power, crs="EPSG:4326", transform=degrees_grid(14.0, latitude)), declared())
    assert np.nanmean(values, dtype=np.float64) == pytest.approx(power.mean(dtype=np.float64), rel=0.01)
    assert np.nanmin(values) > 0


def test_unknown_pixels_stay_unknown_and_do_not_grow_or_darken_their_neighbours(tmp_path):
    power = np.full((300, 300), 0.2, np.float32)
    power[100:150, 100:150] = np.nan
    header, values = read(plain(tmp_path, power, crs="EPSG:4326", transform=degrees_grid(14.0, 45.0)), declared())
    assert values[np.isfinite(values)] == pytest.approx(0.2, rel=1e-5)
    pixel_m2 = np.cos(np.radians(45)) * 10 * 10
    assert np.isfinite(values).sum() * 100 == pytest.approx((300 * 300 - 50 * 50) * pixel_m2, rel=0.02)


@pytest.mark.parametrize("grid", ["utm", "degrees"])
@pytest.mark.parametrize("options", [{}, {"tiled": True, "blockxsize": 64, "blockysize": 32, "compress": "deflate"}])
def test_pieces_are_the_whole(tmp_path, monkeypatch, grid, options):
    power = made_rtc.speckle((300, 410))
    power[20:60, 200:300] = np.nan
    if grid == "degrees":
        options = options | {"crs": "EPSG:4326", "transform": degrees_grid()}
    path = plain(tmp_path, power, **options)
    _, whole = read(path, declared())
    monkeypatch.setattr(scene_raster, "BLOCK_PIXELS", 5000)
    monkeypatch.setattr(scene_raster, "PIECE_PIXELS", 80)
    (scene,) = open_scenes(path, declared=declared())
    blocks = list(scene.blocks())
    assert len(blocks) > 6
    covered = np.zeros(whole.shape, int)
    for row, col, piece in blocks:
        covered[row : row + piece.shape[0], col : col + piece.shape[1]] += 1
        if grid == "utm":
            assert piece.size <= 64 * 410
    assert covered.max() == 1
    np.testing.assert_allclose(scene.power(), whole, rtol=1e-5)


def test_a_wider_kernel_sees_every_pixel_equally():
    """Every second column is sampled; a target in between is not lost."""
    power = np.zeros((9, 41), np.float32) + 1e-9
    power[:, 21] = 1.0
    rows, cols = np.meshgrid(np.arange(1.0, 8), np.arange(2.0, 39, 2), indexing="ij")
    assert resample(power, rows, cols, (1.0, 2.0))[3].sum() == pytest.approx(0.5, rel=1e-5)


SPOT = np.full((700, 700), 0.1)
SPOT[100, 100] = 1e6


@pytest.mark.parametrize(
    ("values", "scale", "options", "message"),
    [
        (np.full(SHAPE, -12.5), "power", {}, "not linear power: most are negative"),
        (np.full(SHAPE, -12.5), "amplitude", {}, "not linear amplitude: most are negative"),
        (SPOT, "power", {}, "not linear power"),  # the sample that is looked at first does not hold it
        (np.full(SHAPE, 500.0), "power", {}, "too bright"),
        (np.full(SHAPE, 200.0), "amplitude", {}, "too bright"),
        (np.full(SHAPE, 0.1), "db", {}, "not decibels"),
        (made_rtc.speckle(), "db", {}, "not decibels"),
        (np.where(np.arange(48) < 9, 0.0, -12.5) * np.ones(SHAPE), "db", {}, "19% of its values are exactly 0 dB"),
        (np.where(np.arange(48) < 9, -9999, -12.5) * np.ones(SHAPE), "db", {"nodata": None}, "not backscatter"),
        (np.full(SHAPE, np.nan), "power", {}, "no pixel has a value"),
        (np.zeros(SHAPE), "power", {"nodata": None}, "no pixel has a value"),
        (np.full(SHAPE, -np.inf), "db", {}, "no pixel has a value"),
        (np.full(SHAPE, 0.1), "power", {"crs": None}, "it has no reference system"),
        (np.full(SHAPE, 0.1), "power", {"crs": "EPSG:4978"}, "not a projected one"),
        (np.full(SHAPE, 0.1), "power", {"crs": "+proj=tmerc +lon_0=14.2 +x_0=1 +ellps=bessel"}, "no EPSG number"),
        (np.full(SHAPE, 0.1), "power", {"transform": Affine(30, 0, 3e5, 0, -20, 4e6)}, "square pixels"),
        (np.full(SHAPE, 0.1), "power", {"transform": Affine(30, 0, 3e5, 0, 30, 4e6)}, "not north-up"),
        (np.full(SHAPE, 0.1), "power", {"transform": Affine(30, 5, 3e5, 5, -30, 4e6)}, "not north-up"),
        (np.full(SHAPE, 0.1), "power", {"transform": Affine(3e4, 0, 3e5, 0, -3e4, 4e6)}, "pixels measure 3"),
        (np.full(SHAPE, 0.1), "power", {"transform": Affine(30, 0, 1e30, 0, -30, 4e6)}, "nowhere on earth"),
        (np.full(SHAPE, 0.1), "power", {"crs": "EPSG:4326", "transform": degrees_grid(45, 117)}, "swapped"),
        (np.full(SHAPE, 0.1), "power", {"crs": "EPSG:4326", "transform": Affine(1, 0, 5, 0, -1, 60)}, "pixels measure"),
        (np.full(SHAPE, 0.1 + 0j), "power", {}, "complex"),
        (np.full((2, *SHAPE), 0.1), "power", {}, "it holds 2 bands, one image is expected: band 1, band 2"),
    ],
)
def test_what_cannot_be_an_image_of_that_scale_is_refused(tmp_path, values, scale, options, message):
    dtype = "complex64" if np.iscomplexobj(values) else "float32"
    options = {"crs": "EPSG:32633", "transform": made_rtc.UTM, "nodata": np.nan} | options
    if dtype == "complex64":
        options.pop("nodata")
    path = made_rtc.write(tmp_path / "a_20210119T031653_VV.tif", values.astype(dtype), **options)
    assert message in made_rtc.outcome(path, declared(scale))


def test_declared_sizes_are_looked_at_before_reading(tmp_path, monkeypatch):
    tiled = {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate", "SPARSE_OK": True}
    path = tmp_path / "a_20210119T031653_VV.tif"
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "crs": "EPSG:32633", "transform": made_rtc.UTM}
    with rasterio.open(path, "w", width=30_000, height=30_000, **profile, **tiled):
        pass
    assert "holds next to nothing" in made_rtc.outcome(path, declared())
    with rasterio.open(path, "w", width=40_000, height=40_000, **profile, **tiled):
        pass
    assert "declares 40000 x 40000 pixels" in made_rtc.outcome(path, declared())
    monkeypatch.setattr(scene_raster, "MAX_TILE_BYTES", 1000)
    assert "its tiles are of 48 x 40 pixels" in made_rtc.outcome(plain(tmp_path), declared())
