"""Inputs of others that were misread once: each is right now, or refused in one sentence that helps.

The folders `cases` and `cases_2` beside the project name in their README what is right for each; `RIGHT` and `SECOND`
say the same as checks.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from shapely.geometry import shape

from ground_motion import offsets, open_pair
from ground_motion.cli.program import main
from ground_motion.core.areas import area_of
from ground_motion.core.errors import InputError
from ground_motion.readers.formats.registry import open_scenes, open_stations, open_velocity_fields
from ground_motion.readers.gate import join_batches
from ground_motion.readers.records import Component, Declaration, Direction, FieldHeader, PointBatch

pytestmark = pytest.mark.realdata
TOWARD = Declaration(positive="toward")
T = Declaration(unit="mm/yr", positive="toward")
M_YR = Declaration(unit="m/yr", positive="toward")
NOT_GEOCODED = "its position is 0, 0: it was not geocoded"
MAX_SENTENCE = 200


@dataclass(frozen=True)
class Read:
    """What was read of an input: header and points of each component, what the gate changed, and the refusal if any."""

    headers: list[FieldHeader]
    points: list[PointBatch]
    changes: list[str]
    refusal: str = ""

    @property
    def one(self) -> PointBatch:
        """The points of the only component."""
        (points,) = self.points
        return points

    def lowest_at(self) -> tuple[float, float, float]:
        """Return longitude, latitude (degrees) and velocity (mm/yr) of the fastest sinking point."""
        at = int(self.one.velocity_mm_yr.argmin())
        return float(self.one.longitude[at]), float(self.one.latitude[at]), float(self.one.velocity_mm_yr[at])


def read(path: Path, declared: Declaration) -> Read:
    try:
        fields = open_velocity_fields(path, declared=declared)
        points = [join_batches(list(field.batches())) for field in fields]
    except InputError as fault:
        # The place of the file on this machine is no part of the sentence.
        return Read([], [], [], f"{path.name}: {fault.problem}. {fault.remedy}.")
    return Read([field.header for field in fields], points, [line for field in fields for line in field.changes])


def approx(*values: float, within: float = 0.01) -> object:
    return pytest.approx(values, abs=within)


def has(
    n: int | range,
    lowest: float | None = None,
    highest: float | None = None,
    *,
    at: tuple[float, float] | None = None,
    extent: tuple[float, ...] = (),
    median: float | None = None,
    middle: tuple[float, float] | None = None,
    n_dates: int | None = None,
    n_refused: int | None = None,
    reasons: set[str] | None = None,
    changed: str | None = None,
    **facts: object,
) -> Callable[[Read], None]:
    """Return a check: number of points, velocities (mm/yr), place of the lowest, least and greatest x and y, middle
    (degrees), dates, refused rows and why, words of the first line about changes, and values of the header.
    """

    def check(got: Read) -> None:
        assert not got.refusal
        velocity, x, y, header = got.one.velocity_mm_yr, got.one.longitude, got.one.latitude, got.headers[0]
        assert velocity.size in (n if isinstance(n, range) else (n,))
        rates = {"lowest": velocity.min(), "highest": velocity.max(), "median": np.median(velocity)}
        stated = {"lowest": lowest, "highest": highest, "median": median}
        known = {name: value for name, value in stated.items() if value is not None}
        assert {name: rates[name] for name in known} == pytest.approx(known, abs=0.06)
        assert at is None or got.lowest_at()[:2] == approx(*at, within=0.003)
        assert (x.min(), x.max(), y.min(), y.max())[: len(extent)] == approx(*extent, within=0.0002)
        assert middle is None or (np.median(x), np.median(y)) == approx(*middle, within=0.01)
        assert n_dates in (None, len(header.dates))
        assert {name: getattr(header, name) for name in facts} == facts
        assert n_refused in (None, len(got.one.refused))
        assert reasons is None or {row.reason for row in got.one.refused} == reasons
        assert changed is None or changed in got.changes[0]

    return check


def refused(*words: str) -> Callable[[Read], None]:
    """Return a check that an input is refused in one short sentence with these words."""

    def check(got: Read) -> None:
        assert got.refusal, f"it was read: {[points.pid.size for points in got.points]}"
        assert len(got.refusal) <= MAX_SENTENCE, got.refusal
        assert not [word for word in words if word not in got.refusal], got.refusal

    return check


def antimeridian(got: Read) -> None:
    has(1296, -24.85)(got)
    assert set(np.sign(got.one.longitude)) == {-1.0, 1.0}
    assert abs(abs(got.lowest_at()[0]) - 180) < 0.002
    assert got.lowest_at()[1] == pytest.approx(-16.8, abs=0.002)


def its_live(got: Read) -> None:
    assert not got.refusal
    assert [header.component for header in got.headers] == [Component.EAST, Component.NORTH]
    assert [points.pid.size for points in got.points] == [2700, 2700]
    assert got.headers[0].grid_epsg == 32607
    assert got.headers[0].dates == (date(2018, 3, 4), date(2018, 4, 5))
    east, north = (np.median(points.velocity_mm_yr) / 1000 for points in got.points)
    assert np.hypot(east, north) == pytest.approx(np.hypot(100, 40), abs=0.1)


def with_dates(got: Read) -> None:
    has(900)(got)
    dates = got.headers[0].dates
    assert (len(dates), dates[0], dates[-1]) == (24, date(2019, 1, 4), date(2020, 7, 9))
    years = np.array([(day - dates[0]).days for day in dates]) / 365.25
    slopes = np.polyfit(years, got.one.displacement_mm.T, 1)[0]
    assert np.corrcoef(slopes, got.one.velocity_mm_yr)[0, 1] > 0.99


def two_components(got: Read) -> None:
    assert not got.refusal
    ways = {header.component: points for header, points in zip(got.headers, got.points, strict=True)}
    up, east = ways[Component.UP].velocity_mm_yr, ways[Component.EAST].velocity_mm_yr
    assert (up.min(), up.max()) == approx(-49.9, 3.7, within=0.06)
    assert (east.min(), east.max()) == approx(-4.5, 6.2, within=0.06)


RIGHT: dict[str, tuple[str, Declaration, Callable[[Read], None]]] = {
    "gmtsar_lon_minus339": ("vel_ll.tif", T, has(1600, -25.16, 1.21, extent=(20.7948, 20.8143, 26.0928, 26.1123))),
    "csv_lon_281": ("points.csv", TOWARD, has(900, -24.71, 1.83, extent=(-78.8073, -78.7927), changed="")),
    "csv_antimeridian": ("points.csv", TOWARD, antimeridian),
    "csv_zero_zero": ("points.csv", T, has(882, middle=(12.5, 41.9), n_refused=18, reasons={NOT_GEOCODED})),
    "csv_utm_swapped": ("points.csv", T, refused("EPSG:32654", "swapped")),
    "licsbas_mask_in_h5": ("cum_filt.h5", Declaration(), has(1040, -24.99, 1.06)),
    "licsbas_filt_mskd_maps": ("087D_04904_121313", Declaration(), has(1600, track=87, direction=Direction.DESCENDING)),
    "mintpy_gdal_zero_masked": ("geo_velocity.tif", M_YR, has(1707, -64.9, median=-6.1, changed="missing value")),
    "geotiff_9999_untagged": ("vel.tif", T, has(1707, -64.9, median=-6.1, at=(15.018, 41.898), changed="-9999")),
    "dolphin_velocity_units": ("velocity.tif", T, refused("mm/yr", "--unit", "m/yr")),
    "mintpy_azimuth_opposite": ("geo", Declaration(), refused("ascending", "descending", "ORBIT_DIRECTION")),
    "hyp3_burst": ("", Declaration(), has(1600, -25.7, n_dates=3, direction=Direction.ASCENDING)),
    "itslive_v1_utm_projection": ("*.nc", Declaration(), its_live),
    "egms_excel_decimal_comma": ("*.csv", Declaration(), has(160, median=-0.9, middle=(13.171, 38.691), n_dates=69)),
    "csv_dates_dmy": ("points.csv", T, with_dates),
    "csv_dates_yyyyddd": ("points.csv", T, with_dates),
    "csv_missing_None": ("points.csv", T, has(range(800, 901))),
    "csv_latin1": ("points.csv", T, has(900, -24.81)),
    "csv_comment_lines": ("points.csv", T, has(900)),
    "csv_utf16": ("points.csv", T, has(400, -19.33)),
    "csv_gz": ("points.csv.gz", T, has(900)),
    "zip_of_geotiff": ("vel.zip", T, has(range(10**6))),
    "gmtsar_grd_folder": ("", T, has(1600, -25.61, at=(20.804, 26.1095))),
    "csv_duplicates": ("points.csv", T, has(900, n_refused=300)),
    "tre_2d_geopackage": ("insar-test.gpkg", Declaration(unit="mm/yr"), two_components),
}
IMAGES = {"sentinel1_stripmap"}
DAYS = (date(2019, 1, 4), date(2020, 7, 9))


def series_of_24(got: Read) -> None:
    has(1600, n_dates=24)(got)
    dates = got.headers[0].dates
    assert (dates[0], dates[-1]) == DAYS


SECOND: dict[str, tuple[str, Declaration, Callable[[Read], None]]] = {
    "csv_inches": ("points.csv", T, refused("mm/yr by --unit", "in/yr by column 'Velocity (in/yr)'")),
    "csv_los_called_up": (
        "points.csv",
        Declaration(unit="mm/yr", positive="up"),
        refused("'vel_los_mm_yr' says line of sight", "--positive says up"),
    ),
    "csv_gbk": ("points.csv", Declaration(), has(900, extent=(12.4912, 12.5089), changed="gb18030")),
    "csv_gee_geo": ("points.csv", T, refused("'.geo' holds shapes as text", "longitude and latitude")),
    "csv_increments": ("points.csv", T, refused("increments", "since the first date")),
    "csv_long_no_id": ("points.csv", T, has(100, -25.04, n_dates=24, changed="2,400 rows are 100 points")),
    "xy_ten_columns": ("ref.csv", T, refused("no header: 10 columns", "mapping")),
    "gdb_folder": ("insar.gdb", T, has(900, middle=(12.5, 41.9))),
    "licsbas_cum2flt": ("*.tif", T, refused("the displacement from 2019-01-04 to 2020-07-09")),
    "nc_packed": ("velocity.nc", T, has(1440, -25.18)),
    "zarr_velocity": ("velocity.zarr", T, refused("Zarr", 'open_zarr("velocity.zarr").to_netcdf("velocity.nc")')),
    "envi_binary": ("S1_geo_velocity", T, refused("ENVI", "gdal_translate S1_geo_velocity S1_geo_velocity.tif")),
    "tiff_without_suffix": ("*", T, refused("this is a TIFF", "Add .tif to its name")),
    "mintpy_dates_with_time": ("geo_timeseries.h5", Declaration(), series_of_24),
    "mintpy_save_explorer": ("explorer", T, series_of_24),
}


@pytest.fixture(scope="module")
def cases(real_data) -> Path:
    return folder_of(real_data, "cases")


@pytest.fixture(scope="module")
def cases_2(real_data) -> Path:
    return folder_of(real_data, "cases_2")


def folder_of(real_data: Path, name: str) -> Path:
    if not (real_data / name).is_dir():
        pytest.skip(f"{real_data / name} is not here")
    return real_data / name


def test_every_row_of_the_readme_is_tried_here(cases):
    rows = re.findall(r"^\| `([^`/]+)[`/]", (cases / "README.md").read_text("utf-8"), re.MULTILINE)
    assert set(rows) == RIGHT.keys() | IMAGES


@pytest.mark.parametrize("name", [*RIGHT, *SECOND])
def test_a_case_is_right_or_refused_as_its_row_says(request, name):
    inside, declared, right = (RIGHT | SECOND)[name]
    folder = request.getfixturevalue("cases" if name in RIGHT else "cases_2") / name
    given = next(folder.glob(inside)) if "*" in inside else folder / inside
    mapping = folder / "m.toml"
    if mapping.exists():
        declared = Declaration(unit=declared.unit, positive=declared.positive, mapping=mapping)
    right(read(given, declared))


def test_a_station_of_unavco_is_read(cases_2):
    (station,) = open_stations(cases_2 / "gnss_unavco_csv" / "P123.cwu.igs14.csv")
    assert (station.code, station.frame, len(station.dates)) == ("P123", "IGS14", 24)
    assert (station.longitude, station.latitude) == approx(-105.911, 36.635, within=0.001)


def test_areas_on_a_web_map_are_those_of_the_ground(cases_2, tmp_path):
    areas = tmp_path / "areas.geojson"
    given = [str(cases_2 / "tif_mercator_60n" / "vel.tif"), "--unit", "mm/yr", "--positive", "toward"]
    assert main(["deformation", *given, "--out", str(tmp_path / "a.tif"), "--areas", str(areas)]) == 0
    (area,) = json.loads(areas.read_text())["features"]
    assert area["properties"]["area_m2"] == pytest.approx(410_000, rel=0.03)
    assert area["properties"]["area_m2"] == pytest.approx(area_of(shape(area["geometry"])), abs=1)
    assert area["properties"]["class"] == "mining_subsidence"


def test_offsets_of_grids_half_a_pixel_apart_are_those_of_the_ground(cases_2):
    found = offsets(open_pair(*sorted((cases_2 / "pair_half_pixel").glob("*.tif")))).dataset
    assert (float(found.dx_px.median()), float(found.dy_px.median())) == approx(3.5, 5.5, within=0.03)


def test_a_stripmap_image_is_read(cases):
    (given,) = (cases / "sentinel1_stripmap").iterdir()
    (image,) = open_scenes(given)
    assert image.header.mode == "SM"
