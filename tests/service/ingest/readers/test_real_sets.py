"""The real sets of velocity_real: read as they are or with a mapping of docs/examples: counts, dates, units, places."""

import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command

from ground_motion.readers.records import Declaration, Direction
from ingest.models import Product
from tests.makers.damage import points

EXAMPLES = Path(__file__).resolve().parents[4] / "docs/examples"
pytestmark = [pytest.mark.realdata, pytest.mark.django_db]
ROWS = """
    # file, mapping or sign, points, dates, first, last, median, fastest, where: longitude, latitude, direction, posting
    # the line of sight that the files state makes "Asc" a descending pass, and so do its dates: those of track 154
    donana_psbas/Sentinel_Asc.shp - 573 134 2015-03-09 2020-01-06 -3.655 -12.26 -6.6104 37.3437 descending 92.5
    donana_psbas/Sentinel_Desc.shp - 914 146 2014-10-27 2020-01-05 -1.132 -10.03 -6.6179 37.3471 ascending 92.5
    maoxian_slope/Maoxian_SBAS.csv - 608 38 2014-11-25 2017-06-18 -0.364 -28.53 103.6635 32.0802 - 0
    maoxian_slope/Maoxian_PS.csv - 97 41 2014-11-25 2017-06-18 -0.403 -26.34 103.662 32.0804 - 0
    offida_slope/clusters_offida.shp columns_in_metres 197 260 2018-01-02 2022-12-20 -8.136 -27.17 13.7022 42.9401 - 0
    amsterdam_stm/example.csv - 2500 11 2016-03-27 2016-07-15 -0.29 -16.75 4.91148 52.34575 - 0
    # the velocity whose reference stands still: in the unfiltered one the edge sinks, because the middle rises
    campi_flegrei_licsbas - 15598 2 2016-09-09 2019-12-29 -2.264 71.14 14.1399 40.8167 - 111.32
    kirishima_alos2 - 291655 2 2015-02-09 2017-09-18 0.312 -55.68 130.8841 31.9115 descending 20.61
    cyprus_egms_l2a/egms_benchmark_point_overlay_sample_v1.csv toward 17340 0 - - -0.2 14.7 34.06376 34.99516 - 0
"""


def named_by_number(path: Path, folder: Path) -> Path:
    """Copy a shapefile under a name that states no direction of flight."""
    for part in path.parent.glob(f"{path.stem}.*"):
        shutil.copy(part, folder / f"{len(path.stem)}{part.suffix}")
    return folder / f"{len(path.stem)}.shp"


SETS = [row.split() for row in ROWS.strip().splitlines() if "#" not in row]


@pytest.mark.parametrize("row", SETS, ids=lambda row: Path(row[0]).stem)
def test_a_real_set_is_read_with_its_dates_units_and_places_and_loaded_by_the_command(real_data, row, tmp_path, capsys):
    name, how, n, n_dates, first, last, median, fastest, x, y, direction, posting_m = row
    path, mapping = real_data / "velocity_real" / name, None if how in ("-", "toward") else EXAMPLES / f"{how}.toml"
    declared = Declaration(mapping=mapping, positive="toward" if how == "toward" else None)
    header, _, columns = points(path, declared)
    assert columns.pid.size == int(n)
    assert len(header.dates) == int(n_dates)
    assert not header.dates or (f"{header.dates[0]}", f"{header.dates[-1]}") == (first, last)
    velocity = columns.velocity_mm_yr
    at = np.abs(velocity).argmax()
    assert np.median(velocity) == pytest.approx(float(median), abs=0.002)
    assert velocity[at] == pytest.approx(float(fastest), abs=0.01)
    assert (columns.longitude[at], columns.latitude[at]) == pytest.approx((float(x), float(y)), abs=1e-4)
    spacing = pytest.approx(float(posting_m), abs=0.01) if float(posting_m) else None
    assert (header.direction, header.posting_m) == (Direction(direction.strip("-")), spacing)
    if len(header.dates) > 30:  # Series and velocities are of one unit.
        years = np.array([(day - header.dates[0]).days / 365.25 for day in header.dates])
        slope = np.polyfit(years, columns.displacement_mm.T, 1)[0]
        assert 0.75 < (slope * velocity).sum() / (velocity**2).sum() < 1.25
    if how == "toward":  # Cyprus hardly moves.
        assert (np.abs(velocity) > 8).mean() < 0.001
        assert np.nanmedian(columns.temporal_coherence) > 0.7
    if "donana" in name:  # The names contradict the line of sight.
        with pytest.raises(SystemExit):
            call_command("ingest", str(path))
        assert f"its line of sight says {direction}, and its name says" in capsys.readouterr().err
        path = named_by_number(path, tmp_path)
    period = None if header.dates else (date(2019, 1, 1), date(2023, 12, 31))
    call_command("ingest", str(path), mapping=mapping, positive=declared.positive, period=period)
    product = Product.objects.get()
    assert (product.n_points, product.n_refused, product.posting_m) == (int(n), 0, spacing)
