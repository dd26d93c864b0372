"""The real sets of velocity_real: read as they are or with a mapping of docs/examples: counts, dates, units, places."""

from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from django.core.management import call_command

from ground_motion.readers.records import Declaration, Direction
from ingest.models import Product
from tests.makers.damage import Points, points

EXAMPLES = Path(__file__).resolve().parents[4] / "docs/examples"
pytestmark = pytest.mark.realdata


def mapped(name: str) -> Declaration:
    return Declaration() if name == "-" else Declaration(mapping=EXAMPLES / f"{name}.toml")


class Expected(NamedTuple):
    """n: points; dates: number, first and last; median and fastest, mm/yr; at: degrees, where the fastest is."""

    path: str
    declared: Declaration
    n: int
    dates: tuple[int, date | None, date | None]
    median: float
    fastest: float
    at: tuple[float, float]
    direction: Direction = Direction.UNKNOWN
    posting_m: float | None = None


ROWS = """
    # file, mapping, points, dates, first, last, median, fastest, where: longitude, latitude, direction, posting
    # the line of sight that the files state makes "Asc" a descending pass, and so do its dates: those of track 154
    donana_psbas/Sentinel_Asc.shp - 573 134 2015-03-09 2020-01-06 -3.655 -12.26 -6.6104 37.3437 descending 92.5
    donana_psbas/Sentinel_Desc.shp - 914 146 2014-10-27 2020-01-05 -1.132 -10.03 -6.6179 37.3471 ascending 92.5
    maoxian_slope/Maoxian_SBAS.csv - 608 38 2014-11-25 2017-06-18 -0.364 -28.53 103.6635 32.0802
    maoxian_slope/Maoxian_PS.csv - 97 41 2014-11-25 2017-06-18 -0.403 -26.34 103.662 32.0804
    offida_slope/clusters_offida.shp columns_in_metres 197 260 2018-01-02 2022-12-20 -8.136 -27.17 13.7022 42.9401
    amsterdam_stm/example.csv - 2500 11 2016-03-27 2016-07-15 -0.29 -16.75 4.91148 52.34575
"""


def expected(row: str) -> Expected:
    path, mapping, n, count, first, last, median, fastest, x, y, *rest = row.split()
    days = int(count), date.fromisoformat(first), date.fromisoformat(last)
    pass_and_posting = (Direction(rest[0]), float(rest[1])) if rest else ()
    place = float(x), float(y)
    return Expected(path, mapped(mapping), int(n), days, float(median), float(fastest), place, *pass_and_posting)


NO_SERIES = (0, None, None)
SETS = [expected(row) for row in ROWS.strip().splitlines() if "#" not in row]
# The velocity whose reference stands still: in the unfiltered one the caldera's edge sinks, because the middle rises.
SETS.append(
    Expected(
        "campi_flegrei_licsbas",
        Declaration(),
        15_598,
        (2, date(2016, 9, 9), date(2019, 12, 29)),
        -2.264,
        71.14,
        (14.1399, 40.8167),
        posting_m=pytest.approx(111.32, abs=0.01),
    )
)
SETS.append(
    Expected(
        "kirishima_alos2",
        Declaration(),
        291_655,
        (2, date(2015, 2, 9), date(2017, 9, 18)),
        0.312,
        -55.68,
        (130.8841, 31.9115),
        Direction.DESCENDING,
        posting_m=pytest.approx(20.61, abs=0.01),
    )
)
CYPRUS = "cyprus_egms_l2a/egms_benchmark_point_overlay_sample_v1.csv"
SETS.append(Expected(CYPRUS, Declaration(positive="toward"), 17_340, NO_SERIES, -0.2, 14.7, (34.06376, 34.99516)))


def read(real_data: Path, wanted: Expected) -> Points:
    return points(real_data / "velocity_real" / wanted.path, wanted.declared)


@pytest.mark.parametrize("wanted", SETS, ids=lambda wanted: Path(wanted.path).stem)
def test_a_real_set_is_read_with_its_dates_units_and_places(real_data, wanted):
    header, _, columns = read(real_data, wanted)
    assert columns.pid.size == wanted.n
    ends = (header.dates[0], header.dates[-1]) if header.dates else (None, None)
    assert (len(header.dates), *ends) == wanted.dates
    velocity = columns.velocity_mm_yr
    fastest = np.abs(velocity).argmax()
    assert np.median(velocity) == pytest.approx(wanted.median, abs=0.002)
    assert velocity[fastest] == pytest.approx(wanted.fastest, abs=0.01)
    assert (columns.longitude[fastest], columns.latitude[fastest]) == pytest.approx(wanted.at, abs=1e-4)
    assert (header.direction, header.posting_m) == (wanted.direction, wanted.posting_m)


@pytest.mark.parametrize("wanted", SETS[:5], ids=lambda wanted: Path(wanted.path).stem)
def test_series_and_velocities_of_a_real_set_are_of_one_unit(real_data, wanted):
    header, _, columns = read(real_data, wanted)
    years = np.array([(day - header.dates[0]).days / 365.25 for day in header.dates])
    slope = np.polyfit(years, columns.displacement_mm.T, 1)[0]
    ratio = (slope * columns.velocity_mm_yr).sum() / (columns.velocity_mm_yr**2).sum()
    assert 0.75 < ratio < 1.25


def test_cyprus_hardly_moves(real_data):
    _, _, columns = read(real_data, SETS[-1])
    assert (np.abs(columns.velocity_mm_yr) > 8).mean() < 0.001
    assert np.nanmedian(columns.temporal_coherence) > 0.7


@pytest.mark.django_db
@pytest.mark.parametrize("wanted", SETS, ids=lambda wanted: Path(wanted.path).stem)
def test_the_command_loads_a_real_set(real_data, wanted):
    options = {"mapping": wanted.declared.mapping, "positive": wanted.declared.positive}
    if wanted.dates == NO_SERIES:
        options["period"] = (date(2019, 1, 1), date(2023, 12, 31))
    call_command("ingest", str(real_data / "velocity_real" / wanted.path), **options)
    product = Product.objects.get()
    assert (product.n_points, product.n_refused, product.posting_m) == (wanted.n, 0, wanted.posting_m)
