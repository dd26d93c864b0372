"""Files of every format, cut off and with bits turned: refused with one line that names them, or sane numbers."""

from functools import partial
from itertools import chain

import pytest

from tests.makers import (
    egms,
    generic,
    geotiff,
    gmt,
    hyp3,
    insar_norway,
    its_live,
    licsar,
    licsbas,
    mintpy,
    opera_disp,
)
from tests.makers.damage import NOISY, flipped, outcome, truncated
from tests.makers.sources import every

MAX_FILES, PLACES, SEEDS = 3, 4, 5  # These limit files of a folder, cuts of a file, and seeds.
SOURCES = {
    f"{source.format}-{source.series}-{getattr(source.make, '__name__', 'make')}": (source.make, source.declared)
    for source in every()
}
SOURCES |= {
    "packed geotiff": (partial(geotiff.make, compress="deflate"), geotiff.SOURCES[0].declared),
    "packed hyp3": (partial(hyp3.make, compress="deflate"), None),
    "packed licsar": (partial(licsar.make, compress="deflate"), None),
}


@NOISY
@pytest.mark.parametrize("name", SOURCES)
def test_a_damaged_file_of_any_format_is_refused_in_one_line_or_read_sanely(tmp_path, name):
    make, declared = SOURCES[name]
    path = make(tmp_path)
    assert outcome(path, declared) == ""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    refused = 0
    for file in files[:: max(1, len(files) // MAX_FILES)]:
        for _ in chain(truncated(file, PLACES), flipped(file, SEEDS)):
            refused += outcome(path, declared) != ""
    assert refused > 0
    assert outcome(path, declared) == ""


TABLES = ("csv", "zip", "gpkg", "parquet", "shp", "shp.zip", "fgb", "gdb.zip")
NOTICED = {f"table as {kind}": (partial(generic.make, kind=kind, n=60), generic.TOWARD) for kind in TABLES}
NOTICED |= {
    "egms as csv": (egms.table("EGMS_L2b_117_0227_IW2_VV_2020_2024_1.csv"), None),
    "egms as zip": (egms.zipped, None),
    "insar norway": (insar_norway.make, None),
    "hyp3 as zip": (partial(hyp3.make, kind="zip"), None),
    "its live": (its_live.make, None),
    "licsbas": (licsbas.make, None),
    "grid of gmt": (lambda folder: gmt.grid(folder / "a.grd", -20, unit="mm/yr"), gmt.TOWARD),
    "series of xarray": (gmt.make_series, gmt.TOWARD),
    "mintpy series": (mintpy.make, None),
    "mintpy velocity": (mintpy.make_velocity, None),
    "mintpy he5": (mintpy.make_he5, None),
    "opera disp": (opera_disp.make, None),
}


@NOISY
@pytest.mark.parametrize("name", NOTICED)
def test_a_file_that_is_cut_off_anywhere_is_refused_and_a_flipped_bit_too_or_read_sanely(tmp_path, name):
    make, declared = NOTICED[name]
    path = make(tmp_path)
    for _ in truncated(path):
        content = path.read_bytes()
        whole_lines = path.suffix == ".csv" and content.endswith(b"\n") and content.count(b"\n") > 1
        assert outcome(path, declared) or whole_lines  # nothing in a CSV says that more lines came
    refused = [outcome(path, declared) for _ in flipped(path, 30, bits=2)]
    assert any(refused)
    assert all(line.startswith(f"{path}: ") for line in refused if line)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.h5", b"pid,easting\n", "of another format"),
        ("a.csv", b"PK\x03\x04 something", "the zip holds no file"),
        ("a.csv", b"\n", "the table is empty"),
        ("a.parquet", b"pid,lon,lat,vel\n", "of another format"),
        ("a.gpkg", b"pid,lon,lat,vel\n", "of another format"),
        ("a.tif", b"<VRTDataset/>", "of another format"),
    ],
)
def test_what_is_of_no_format_is_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    assert message in outcome(path)
