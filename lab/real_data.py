"""The real data: GROUND_MOTION_DATA, else a folder next to the repository, never inside it."""

import os
import re
from datetime import date
from pathlib import Path

from ground_motion.core.errors import InputError

VARIABLE = "GROUND_MOTION_DATA"
CHIPS = "opera_rtc_10sgd"  # the folder of OPERA chips of the benchmarks
OPERA_CHIP = re.compile(r"OPERA_L2_RTC-S1_T\d+-(\d+-IW\d)_(\d{8})T\d+Z_.*_(VV|VH)\.tif$")


def folder(*parts: str) -> Path:
    """Return a folder of real data. Raises InputError if it is missing."""
    at = Path(os.environ.get(VARIABLE, "../shared/data")).joinpath(*parts)
    if not at.is_dir():
        raise InputError(at, "there is no such folder of real data", f"Set {VARIABLE} to where they lie")
    return at


def opera_chips(at: Path) -> dict[tuple[str, str], list[tuple[date, Path]]]:
    """Return the OPERA RTC-S1 chips in a folder, by burst and polarisation, ordered by date. InputError if none."""
    series: dict[tuple[str, str], list[tuple[date, Path]]] = {}
    for path in sorted(at.glob("*.tif")):
        if match := OPERA_CHIP.search(path.name):
            series.setdefault((match[1], match[3]), []).append((date.fromisoformat(match[2]), path))
    if not series:
        raise InputError(at, "no OPERA RTC-S1 chips", "Name a folder with OPERA_L2_RTC-S1_*.tif, or none")
    return {key: sorted(chips) for key, chips in series.items()}
