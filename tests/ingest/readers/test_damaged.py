"""Files of every format of velocities, cut off and with bits turned: refused with one line, or sane numbers."""

import pytest

from tests.makers import licsbas, mintpy, opera_disp
from tests.makers.damage import NOISY, flipped, outcome, truncated
from tests.makers.sources import every

MOST_FILES, PLACES, SEEDS = 3, 8, 8  # of a folder, per file; the tests of each format damage at more places
SOURCES = {(source.format, source.series): source for source in every()}.values()


@NOISY
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: f"{source.format}-{source.series}")
def test_a_damaged_file_of_any_format_is_refused_in_one_line_or_read_sanely(tmp_path, source):
    path = source.make(tmp_path)
    assert outcome(path, source.declared) == ""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    refused = 0
    for file in files[:: max(1, len(files) // MOST_FILES)]:
        for damage in (truncated(file, PLACES), flipped(file, SEEDS)):
            for _ in damage:
                refused += outcome(path, source.declared) != ""
    assert refused > 0


@pytest.mark.parametrize(
    "make",
    [mintpy.make, mintpy.make_velocity, mintpy.make_he5, opera_disp.make, licsbas.make],
    ids=lambda make: make.__module__,
)
def test_hdf5_that_is_cut_off_anywhere_is_refused_and_a_flipped_bit_too_or_read_sanely(tmp_path, make):
    path = make(tmp_path)
    assert all(outcome(path) for _ in truncated(path))
    refused = [outcome(path) != "" for _ in flipped(path, 50, bits=1)]
    assert 0 < sum(refused) < 50
