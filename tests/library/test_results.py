"""What others import: results as xarray, the same figures as the command line's, written and drawn."""

import json
import mmap
import struct
import sys
import warnings

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning

import ground_motion
from ground_motion import InputError, Result, coherence, deformation, offsets, open_pair, open_velocity
from ground_motion.cli.program import main
from ground_motion.readers.formats.registry import open_velocity_fields
from tests.makers.geotiff import write

UTM = Affine(10.0, 0, 500_000.0, 0, -10.0, 6_000_000.0)
ROWS, COLS = 192, 256
SHIFT_PX = (1, 2)  # rows, columns, from the reference to the secondary


def speckle(rng, shape):
    field = rng.normal(size=(2, *shape)).astype(np.float32)
    return (field**2).sum(axis=0) + 1e-3


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Two files of one speckle: the ground of the reference lies SHIFT_PX further in the secondary."""
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(3)
    ground = speckle(rng, (ROWS + 8, COLS + 8))
    row, col = SHIFT_PX
    views = {"reference": ground[4 : 4 + ROWS, 4 : 4 + COLS], "secondary": ground[4 - row :, 4 - col :][:ROWS, :COLS]}
    return [write(folder / f"{name}.tif", view, "EPSG:32632", UTM) for name, view in views.items()]


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    """A table of 2,500 points 50 m apart of which a tenth sinks by 20 mm/yr, in the middle."""
    path, rng = tmp_path_factory.mktemp("points") / "points.csv", np.random.default_rng(5)
    lines = ["id,longitude,latitude,velocity"]
    for number in range(2500):
        north, east = divmod(number, 50)
        inside = (north - 25) ** 2 + (east - 25) ** 2 < 80
        rate = rng.normal(-20.0 if inside else 0.0, 0.5)
        lines.append(f"P{number},{10 + east * 0.00066:.6f},{47 + north * 0.00045:.6f},{rate:.2f}")
    path.write_text("\n".join([*lines, ""]))
    return path


TABLE = {"unit": "mm/yr", "positive": "toward"}


def is_png(path) -> bool:
    content = path.read_bytes()
    return content[:8] == b"\x89PNG\r\n\x1a\n" and min(struct.unpack(">II", content[16:24])) > 300


def bands_and_tags(path):
    with rasterio.open(path) as raster:
        units = [raster.tags(band)["units"] for band in raster.indexes]
        return raster.read(), raster.descriptions, units, raster.tags(), raster.transform, raster.crs


def assert_same_rasters(path, other):
    ours, theirs = bands_and_tags(path), bands_and_tags(other)
    np.testing.assert_array_equal(ours[0], theirs[0])
    assert ours[1:] == theirs[1:]


def test_names_are_listed_and_known():
    assert all(getattr(ground_motion, name) for name in dir(ground_motion))
    with pytest.raises(AttributeError, match="no attribute 'speckle'"):
        ground_motion.speckle  # noqa: B018


def test_identical_images_cohere_and_move_by_nothing(images):
    pair = open_pair(images[0], images[0])
    found = coherence(pair, method="guarnieri-prati", looks=1.0).dataset
    assert float(found.coherence.median()) > 0.9
    assert found.coherence_sigma.dims == ("y", "x")
    moved = offsets(pair, method="ncc", search_px=8).dataset
    assert float(abs(moved.dx_px).max()) < 0.05


def test_offsets_are_positive_to_the_right_and_downward(images):
    found = offsets(open_pair(*images), method="ncc", search_px=8).dataset
    assert float(found.dy_px.median()) == pytest.approx(SHIFT_PX[0], abs=0.05)
    assert float(found.dx_px.median()) == pytest.approx(SHIFT_PX[1], abs=0.05)
    assert (found.dx_px.attrs["units"], found.sigma_dx_px.attrs["units"]) == ("px", "px")
    assert "positive to the right" in found.dx_px.attrs["sign"]


@pytest.mark.parametrize("apart_px", [(0.5, 0.5), (1 / 3, -0.25), (0.0004, 0)])
def test_offsets_between_grids_that_lie_apart_by_part_of_a_pixel_are_those_of_the_ground(images, tmp_path, apart_px):
    with rasterio.open(images[1]) as secondary:
        moved = write(tmp_path / "moved.tif", secondary.read(1), "EPSG:32632", UTM @ Affine.translation(*apart_px))
    found = offsets(open_pair(images[0], moved), method="ncc", search_px=8)
    assert float(found.dataset.dx_px.median()) == pytest.approx(SHIFT_PX[1] + apart_px[0], abs=0.05)
    assert float(found.dataset.dy_px.median()) == pytest.approx(SHIFT_PX[0] + apart_px[1], abs=0.05)
    assert found.dataset.attrs["median_dx_px"] == pytest.approx(SHIFT_PX[1] + apart_px[0], abs=0.05)
    assert ("grids_apart_px" in found.dataset.attrs) == (apart_px[0] > 0.001)


@pytest.mark.parametrize(("task", "options"), [("coherence", {"method": "pearson"}), ("offsets", {"method": "ncc"})])
def test_a_result_is_that_of_the_command_line_to_the_digit(images, tmp_path, task, options):
    ours, theirs, picture = (tmp_path / name for name in ("ours.tif", "theirs.tif", "theirs.png"))
    result = getattr(ground_motion, task)(open_pair(*images), **options)
    result.to_geotiff(ours)
    command = [task, *map(str, images), "--method", options["method"], "--out", str(theirs)]
    assert main([*command, "--quicklook", str(picture)]) == 0
    assert_same_rasters(ours, theirs)
    result.quicklook(tmp_path / "ours.png")
    assert is_png(tmp_path / "ours.png")
    assert is_png(picture)


def test_a_raster_has_coordinates_of_pixel_centres_and_its_system(images):
    pair = open_pair(*images)
    dataset = pair.dataset
    assert (float(dataset.x[0]), float(dataset.y[0])) == (500_005.0, 5_999_995.0)
    assert dataset.spatial_ref.attrs["epsg"] == 32632
    assert "UTM zone 32N" in dataset.spatial_ref.attrs["crs_wkt"]
    assert dataset.reference.attrs["long_name"]


def test_a_part_of_a_result_is_written_where_it_lies(images, tmp_path):
    whole = Result(open_pair(*images).dataset)
    part = Result(whole.dataset.isel(y=slice(20, 60), x=slice(30, None)))
    part.to_geotiff(tmp_path / "part.tif")
    with rasterio.open(tmp_path / "part.tif") as raster:
        assert raster.transform == UTM @ Affine.translation(30, 20)
        assert raster.shape == (40, COLS - 30)
        assert raster.crs.to_epsg() == 32632


def test_what_was_made_of_a_result_is_drawn_and_written_under_its_name(images, tmp_path):
    dataset = open_pair(*images).dataset
    bright = Result((dataset[["reference"]] > 4).rename(reference="bright"))
    bright.quicklook(tmp_path / "bright.png")
    bright.to_geotiff(tmp_path / "bright.tif")
    assert is_png(tmp_path / "bright.png")
    with rasterio.open(tmp_path / "bright.tif") as raster:
        assert raster.descriptions == ("bright",)
        assert set(np.unique(raster.read(1))) == {0.0, 1.0}


def test_images_without_a_place_are_a_grid_of_pixels(tmp_path):
    images = speckle(np.random.default_rng(1), (64, 64)), speckle(np.random.default_rng(2), (64, 64))
    with warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning):
        paths = [write(tmp_path / f"{n}.tif", image, crs=None, transform=None) for n, image in enumerate(images)]
    pair = open_pair(*paths)
    result = coherence(pair, method="pearson")
    assert result.epsg is None
    assert result.dataset.x.attrs["units"] == "px"
    pair.quicklook(tmp_path / "pair.png")
    assert is_png(tmp_path / "pair.png")


def test_points_have_places_units_and_signs(points, tmp_path):
    field = open_velocity(points, **TABLE)
    assert dict(field.sizes) == {"point": 2500}
    assert (field.rate_mm_yr.attrs["units"], field.longitude.attrs["crs"]) == ("mm/yr", "EPSG:4326")
    assert float(field.longitude.min()) == pytest.approx(10.0, abs=1e-6)
    assert float(field.rate_mm_yr.min()) < -18
    field.ground_motion.quicklook(tmp_path / "points.png")
    assert is_png(tmp_path / "points.png")
    with pytest.raises(InputError, match="ends with"):
        field.ground_motion.to_geoparquet(tmp_path / "points.txt")


def test_a_field_has_its_series_its_dates_and_its_zero_and_is_the_same_in_every_format(make_egms, tmp_path):
    path = make_egms()
    (read,), field = open_velocity_fields(path), open_velocity(path)
    expected = np.concatenate([batch.displacement_mm for batch in read.batches()])
    np.testing.assert_array_equal(field.displacement_mm, expected)
    assert field.displacement_mm.dims == ("point", "time")
    assert field.time.values.astype("datetime64[D]").tolist() == [*read.header.dates]
    assert isinstance(field.displacement_mm.values.base, np.memmap | mmap.mmap)  # it is not in memory
    assert field.attrs["datum_from"] == "the file's: GNSS stations"
    assert (field.attrs["component"], field.attrs["track"], field.attrs["direction"]) == ("los", 117, "ascending")
    field.ground_motion.to_geoparquet(tmp_path / "points.parquet")
    again = open_velocity(tmp_path / "points.parquet", **TABLE)
    folder = tmp_path / "points.zarr"
    pytest.importorskip("zarr")
    field.to_zarr(folder, consolidated=False)
    for other in (again, xr.open_zarr(folder, consolidated=False, chunks=None)):
        for name in ("pid", "longitude", "time", "rate_mm_yr", "rate_sigma_mm_yr", "los_east", "displacement_mm"):
            np.testing.assert_array_equal(other[name], field[name], name)
    assert again.rate_mm_yr.attrs == field.rate_mm_yr.attrs


def test_ground_that_moves_is_that_of_the_command_line(points, tmp_path):
    found = deformation(points, **TABLE, method="matched-filter")
    assert [area["properties"]["class"] for area in found.areas if area["properties"]["extent"] == "local"] == [
        "subsidence"
    ]
    assert found.dataset.rate_mm_yr.attrs["sigma"] > 0
    assert found.elsewhere == ()
    found.to_geotiff(tmp_path / "ours.tif")
    found.to_geojson(tmp_path / "ours.geojson")
    found.quicklook(tmp_path / "ours.png")
    command = ["deformation", str(points), "--unit", "mm/yr", "--positive", "toward", "--method", "matched-filter"]
    command += ["--out", str(tmp_path / "theirs.tif"), "--areas", str(tmp_path / "theirs.geojson")]
    assert main([*command, "--quicklook", str(tmp_path / "theirs.png")]) == 0
    assert_same_rasters(tmp_path / "ours.tif", tmp_path / "theirs.tif")
    ours, theirs = (json.loads((tmp_path / f"{name}.geojson").read_text()) for name in ("ours", "theirs"))
    assert ours == theirs
    assert is_png(tmp_path / "ours.png")
    assert is_png(tmp_path / "theirs.png")


def test_places_far_apart_are_results_of_their_own(tmp_path):
    rows = [f"{number},{10 + number * 0.001},{47},0.1" for number in range(30)]
    rows += [f"{number},{10 + number * 0.001},{-47},0.2" for number in range(30, 50)]
    path = tmp_path / "two.csv"
    path.write_text("\n".join(["id,longitude,latitude,velocity", *rows, ""]))
    found = deformation(path, **TABLE, method="threshold")
    assert [part.epsg for part in (found, *found.elsewhere)] == [32632, 32732]
    assert open_velocity(path, **TABLE).sizes["point"] == 50


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda pair, folder: open_pair(folder / "none.tif", folder / "none.tif"), "no such file"),
        (lambda pair, folder: coherence(pair, method="none"), "no method 'none'"),
        (lambda pair, folder: coherence(pair, looks=0.0), r"looks 0 is not between 0\.5 and 1000"),
        (lambda pair, folder: coherence(pair, window=(4, 4)), "is no window"),
        (lambda pair, folder: offsets(pair, posting_px=0), "posting_px 0 is not between 1 and 512"),
        (lambda pair, folder: pair.quicklook(folder / "none" / "a.png"), "its folder does not exist"),
        (lambda pair, folder: pair.quicklook(folder / "a.tif"), "it is written as PNG"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_remedy(images, tmp_path, call, said):
    with pytest.raises(ValueError, match=said):
        call(open_pair(*images), tmp_path)
    assert issubclass(InputError, ValueError)


def test_a_rotated_grid_is_refused(images, tmp_path):
    turned = UTM @ Affine.rotation(10)
    paths = []
    for path in images:
        with rasterio.open(path) as raster:
            paths.append(write(tmp_path / path.name, raster.read(1), "EPSG:32632", turned))
    with pytest.raises(ValueError, match="rotated"):
        coherence(open_pair(*paths), method="pearson")


class Terminal:
    """A stream that says it is a terminal, or not, and keeps what is written to it."""

    def __init__(self, is_terminal: bool) -> None:
        self.is_terminal, self.text = is_terminal, ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None: ...

    def isatty(self) -> bool:
        return self.is_terminal


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_bar_is_shown_on_a_terminal_only(images, monkeypatch, is_terminal):
    stream = Terminal(is_terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("ground_motion.runtime.progress.BAR_AFTER_SECONDS", 0.0)
    offsets(open_pair(*images), method="ncc", search_px=8)
    assert ("offsets:" in stream.text and "%" in stream.text) == is_terminal
    assert is_terminal or not stream.text
