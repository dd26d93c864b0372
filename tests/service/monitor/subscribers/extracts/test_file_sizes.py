"""Sizes of files of areas: what is reserved is enough, and a file that would exceed it is cut off."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from ingest.foundation.failures import Cause, cause_of
from monitor.subscribers.extracts.formats import KINDS, Layer, TooLarge, reserved_bytes
from monitor.subscribers.extracts.layers import VALUES
from tests.fixtures.storage import small_file_system

# Points, dates of a series. A GeoPackage takes most, so that it alone meets them all.
CASES = [("gpkg", case) for case in ((3, 0), (2000, 0), (1500, 100), (800, 230), (800, 445), (100, 1980))]
CASES += [(name, case) for name in KINDS.keys() - {"gpkg"} for case in ((3, 0), (800, 230))]


def layer(n_points: int, n_dates: int) -> Layer:
    """Points with noise, which compresses worst, in tables of 500 points."""
    rng = np.random.default_rng(1)
    days = [f"d{date(2015, 1, 1) + timedelta(days=6 * n):%Y%m%d}" for n in range(n_dates)]
    schema = pa.schema(
        [("pid", pa.string()), ("longitude", pa.float64()), ("latitude", pa.float64())]
        + [(name, pa.float32()) for name in (*VALUES, *days)]
    )

    def tables():
        for start in range(0, n_points, 500):
            n = min(500, n_points - start)
            numbers = rng.normal(0, 1000, (n, len(schema) - 3)).astype(np.float32)
            columns = [pa.array([f"burst-0123456789-{start + i}" for i in range(n)]), *rng.uniform(-90, 90, (2, n))]
            yield pa.table([*columns, *numbers.T], schema=schema)

    return Layer("d1_made", {"layer": "d1_made", "units": "mm"}, schema, tables)


@pytest.mark.parametrize(("name", "case"), sorted(CASES))
def test_a_file_takes_no_more_than_what_is_reserved_for_it(name, case, tmp_path):
    path, reserved = tmp_path / "file", reserved_bytes([case])
    KINDS[name].write(path, [layer(*case)], reserved)
    assert 0 < path.stat().st_size <= reserved


@pytest.mark.parametrize("name", KINDS)
def test_a_file_that_would_exceed_what_is_reserved_is_cut_off_and_given_up(name, tmp_path):
    path, reserved = tmp_path / "file", 400_000
    with pytest.raises(TooLarge) as fault:
        KINDS[name].write(path, [layer(2000, 100)], reserved)
    assert cause_of(fault.value) is Cause.INPUT  # trying again would not help
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= reserved


@pytest.mark.parametrize("name", KINDS)
def test_a_disk_that_fills_up_under_a_file_is_another_cause_and_it_is_tried_again(name, tmp_path):
    small = small_file_system(tmp_path / "small", "size=1m")
    with small as folder, pytest.raises(OSError, match="No space left") as fault:
        KINDS[name].write(folder / "file", [layer(2000, 200)], 2**30)
    assert cause_of(fault.value) is Cause.DISK
