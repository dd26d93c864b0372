"""Interferograms made by GAMMA and converted by PyRate: a folder of `*_unw.tif` (rad) and `*_cc.tif`, with tags.

Source: PyRate (Geoscience Australia), GeoTIFF metadata of `conv2tif`: FIRST_DATE, SECOND_DATE, DATA_UNITS,
WAVELENGTH_METRES, INSAR_PROCESSOR, INCIDENCE_DEGREES. GAMMA's phase is positive away from the satellite: Mexico City,
which subsides, and a series made by other code show this (tests/library/readers/velocity/test_pyrate.py).
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path

import numpy as np

from ground_motion.core.errors import InputError, refusing
from ground_motion.core.files import names_in
from ground_motion.core.text import number_of
from ground_motion.readers import raster
from ground_motion.readers.records import Declaration, VelocityField
from ground_motion.readers.velocity import stacks

NAME = "pyrate"
TITLE = "GAMMA/PyRate"
ORDER = 140
SUFFIXES: frozenset[str] = frozenset()  # A product is a folder.
PHASE = re.compile(r".*unw\.tiff?", re.IGNORECASE)
COHERENCE = re.compile(r".*(cc|coh)\.tiff?", re.IGNORECASE)
NEEDED = ("FIRST_DATE", "SECOND_DATE", "DATA_UNITS", "WAVELENGTH_METRES")
PLUS_IS_AWAY = {"GAMMA"}
WAVELENGTHS_M = (0.01, 1.5)  # X band to P band
LOOKED_INSIDE = 3


def recognises(path: Path) -> bool:
    """Return whether a folder holds such interferograms, by the tags of the first ones. Never raises."""
    return path.is_dir() and any(_is_ours(file) for file in _matching(path, PHASE)[:LOOKED_INSIDE])


def read(path: Path, declared: Declaration) -> tuple[VelocityField, ...]:
    """Read the headers of all interferograms; series are inverted later, in batches. Raises InputError."""
    stack, tags = _stack(path, declared)
    grid = stacks.check(stack)
    stated = {name.lower(): tags[name] for name in ("INSAR_PROCESSOR", "INCIDENCE_DEGREES") if name in tags}
    extras = {"wavelength_m": f"{stack.wavelength_m:.8f}"} | stated
    attribution = "Interferograms by GAMMA; their source is not stated in the files"
    header = stacks.header_of(stack, grid, extras, source_format=NAME, track=declared.track, attribution=attribution)
    return (stacks.field(stack, grid, header),)


def _matching(path: Path, pattern: re.Pattern[str]) -> list[Path]:
    return [path / name for name in names_in(path) if pattern.fullmatch(name)]


def _is_ours(file: Path) -> bool:
    with suppress(InputError):
        if raster.is_geotiff(file):
            with raster.open_geotiff(file) as dataset:
                return not {"FIRST_DATE", "SECOND_DATE"}.isdisjoint(dataset.tags())
    return False


def _stack(path: Path, declared: Declaration) -> tuple[stacks.Stack, Mapping[str, str]]:
    coherence = {_days(file, _tags(file)): file for file in _matching(path, COHERENCE) if _is_ours(file)}
    pairs, wavelengths, processors = [], set(), set()
    for file in _matching(path, PHASE):
        tags = _tags(file)
        days = _days(file, tags)
        pairs.append(stacks.Pair(first=days[0], second=days[1], phase=file, coherence=coherence.get(days)))
        wavelengths.add(wavelength := number_of(tags["WAVELENGTH_METRES"]) or 0.0)
        if not WAVELENGTHS_M[0] < wavelength < WAVELENGTHS_M[1]:
            raise InputError(file, f"its wavelength is {tags['WAVELENGTH_METRES']!r}", "Give it in metres, as 0.0555")
        processors.add(tags.get("INSAR_PROCESSOR", "").upper())
    if not pairs:
        raise InputError(path, "it holds no *_unw.tif", "Give the folder with the interferograms")
    if len(processors) > 1 or np.ptp(sorted(wavelengths)) > 1e-4:
        problem = f"its interferograms come from {len(processors)} processors and {len(wavelengths)} wavelengths"
        raise InputError(path, problem, "Give one stack per folder")
    wavelength = float(np.median(sorted(wavelengths)))
    # file: rad, plus is away (GAMMA) or as declared; ours: mm, plus is toward
    mm = stacks.mm_per_radian(wavelength) * _away(path, processors.pop(), declared)
    return stacks.Stack(folder=path, pairs=tuple(pairs), mm=mm, wavelength_m=wavelength), tags


def _away(path: Path, processor: str, declared: Declaration) -> float:
    """Return 1 if positive phase means motion away from the satellite, -1 if toward. InputError if unknown."""
    if processor in PLUS_IS_AWAY:
        return 1.0
    if declared.positive not in {"away", "toward"}:
        problem = f"which way a positive phase of processor {processor or '(none)'!r} points is not known"
        raise InputError(path, problem, "Add --positive away or --positive toward")
    return 1.0 if declared.positive == "away" else -1.0


def _tags(file: Path) -> dict[str, str]:
    with raster.open_geotiff(file) as dataset:
        tags: dict[str, str] = dataset.tags()
    missing = [name for name in NEEDED if name not in tags]
    if missing:
        raise InputError(file, f"its tag {missing[0]} is missing", "Convert it again with PyRate's conv2tif")
    if tags["DATA_UNITS"].upper() != "RADIANS":
        raise InputError(file, f"its unit is {tags['DATA_UNITS']!r}, not RADIANS", "Give unwrapped phases in radians")
    return tags


def _days(file: Path, tags: Mapping[str, str]) -> tuple[date, date]:
    with refusing(file, "its tags hold an invalid date ({})", "Write dates as YYYY-MM-DD", ValueError):
        return date.fromisoformat(tags["FIRST_DATE"]), date.fromisoformat(tags["SECOND_DATE"])
