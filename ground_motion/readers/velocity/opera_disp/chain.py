"""Files of an OPERA DISP-S1 frame: the dates of each, the newest of duplicates, and their chaining to one series.

A file's displacement is relative to the reference date of its ministack, and every ministack has a later one: the
displacement of a file from D to E is added to that of the file that ends on D. NASA/JPL, OPERA DISP-S1 product
specification, JPL D-108772; opera-utils' `rebase_timeseries` does the same.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import h5py

from ground_motion.core.errors import InputError, refusing
from ground_motion.readers import hdf5
from ground_motion.readers.records import Direction
from ground_motion.readers.velocity.stacks import SENTINEL1_WAVELENGTH_M, mm_per_radian

REMEDY = "Give the .nc files as they were downloaded"
# Layer -> metres toward the satellite per unit of it. The first versions hold a phase, which is positive away.
LAYERS = {"displacement": 1.0, "unwrapped_phase": mm_per_radian(SENTINEL1_WAVELENGTH_M) / 1000}
CORRECTIONS = ("corrections/ionospheric_delay", "corrections/solid_earth_tide")
MAX_FILES = 800  # Each stays open while a frame is read; ten years of six days are 600.
FILE_NAME = re.compile(
    r"OPERA_L3_DISP-S1_IW_F(?P<frame>\d{5})_(?P<polarisation>VV|HH)_(?P<reference>\d{8}T\d{6})Z"
    r"_(?P<secondary>\d{8}T\d{6})Z_v(?P<version>[\d.]+)_(?P<processed>\d{8}T\d{6})Z"
)
# file name's part -> where the file states the same: a CF time, and a text
TIMES = {
    "reference": ("reference_time", "identification/reference_datetime"),
    "secondary": ("time", "identification/secondary_datetime"),
}
SAME_PASS = timedelta(hours=1)  # A frame is flown over in half a minute.
_CF_UNIT = re.compile(r"(seconds|minutes|hours|days) since (\S+)[ T]?(\S*)")


@dataclass(frozen=True)
class DispFile:
    """Facts that a file states about itself. reference, secondary: first and last day of its displacement.

    layer: name of the displacement or phase.
    """

    path: Path
    layer: str
    frame: str
    reference: date
    secondary: date
    processed: datetime | None
    version: str
    polarisation: str
    track: int | None
    direction: Direction
    corrections: tuple[str, ...]


def describe(path: Path) -> DispFile:
    """Return the facts in a file's name and content. Raises InputError if these disagree."""
    match = FILE_NAME.match(path.name)
    named = match.groupdict() if match else {}
    with hdf5.open_file(path) as file:
        layer = next((name for name in LAYERS if hdf5.is_dataset(path, file, name)), "")
        if not layer:
            remedy = "Give whole OPERA DISP-S1 files, with more than short_wavelength_displacement"
            raise InputError(path, "dataset 'displacement' is missing", remedy)
        reference, secondary = (_time(path, file, which, named.get(which, "")) for which in TIMES)
        if reference >= secondary:
            raise InputError(path, f"its reference date {reference} is not before {secondary}", REMEDY)
        track = hdf5.words(path, file, "identification/track_number")
        way = hdf5.words(path, file, "identification/orbit_pass_direction")
        stated = named.get("processed") or hdf5.words(path, file, "identification/processing_start_datetime")
        return DispFile(
            path=path,
            layer=layer,
            frame=_frame(path, file, named.get("frame", "")),
            reference=reference,
            secondary=secondary,
            processed=_moment(path, "processing time", stated) if stated else None,
            version=named.get("version") or hdf5.words(path, file, "identification/product_version")[:20],
            polarisation=named.get("polarisation", ""),
            track=int(track) if track.isdigit() and 1 <= int(track) <= 175 else None,
            direction=Direction.from_letter(way),
            corrections=tuple(name for name in CORRECTIONS if hdf5.is_dataset(path, file, name)),
        )


def _frame(path: Path, file: h5py.File, named: str) -> str:
    inside = hdf5.words(path, file, "identification/frame_id")
    inside = inside.zfill(5) if inside.isdigit() else ""
    if named and inside and named != inside:
        raise InputError(path, f"its name states frame {named} and its content {inside}", REMEDY)
    if not (named or inside):
        raise InputError(path, "it does not state its frame", "Keep the published name, OPERA_L3_DISP-S1_IW_F…")
    return named or inside


def _time(path: Path, file: h5py.File, which: str, named: str) -> date:
    """Return the day of an acquisition, by name and content. Raises InputError if these disagree."""
    variable, words = TIMES[which]
    times = {"name": _moment(path, which, named)} if named else {}
    if hdf5.is_dataset(path, file, variable):
        times[variable] = _cf_time(path, file, variable)
    if hdf5.is_dataset(path, file, words):
        times[words] = _moment(path, words, hdf5.words(path, file, words))
    if not times:
        raise InputError(path, f"it does not state its {which} date", "Keep the published name, OPERA_L3_DISP-S1_IW_F…")
    stated = list(times.values())
    if max(stated) - min(stated) > SAME_PASS:
        sentence = ", ".join(f"{source} {moment:%Y-%m-%d %H:%M}" for source, moment in times.items())
        raise InputError(path, f"it disagrees about its {which} date: {sentence}", REMEDY)
    return stated[0].date()


def _moment(path: Path, what: str, stated: str) -> datetime:
    """Parse a time as these files write it; the result is in UTC, without a time zone."""
    with refusing(path, f"its {what} is {stated[:40]!r}, which is not a time", REMEDY, ValueError):
        return datetime.fromisoformat(stated.strip().replace("Z", "")).replace(tzinfo=None)


def _cf_time(path: Path, file: h5py.File, name: str) -> datetime:
    unit = hdf5.attributes(path, file, name).get("units", "")
    parts = _CF_UNIT.fullmatch(unit.strip())
    if parts is None:
        raise InputError(path, f"the unit of {name} is {unit[:60]!r}", REMEDY)
    start = _moment(path, f"unit of {name}", f"{parts[2]} {parts[3]}")
    with refusing(path, f"{name} lies beyond all calendars", REMEDY, OverflowError):
        return start + timedelta(**{parts[1]: hdf5.scalar(path, file, name)})


def newest(path: Path, files: Sequence[DispFile]) -> tuple[list[DispFile], int]:
    """Return (the newest file for each second date, in order; number of superseded files). Raises InputError."""
    if len(files) > MAX_FILES:
        raise InputError(path, f"it holds {len(files)} files", f"Give at most {MAX_FILES}, of a shorter time")
    chosen: dict[date, DispFile] = {}
    for file in files:
        other = chosen.get(file.secondary)
        if other is None:
            chosen[file.secondary] = file
            continue
        if other.reference != file.reference:
            problem = f"{other.path.name} and {file.path.name} end on {file.secondary} and begin on different dates"
            raise InputError(path, problem, "Leave one of them")
        if file.processed is None or other.processed is None or file.processed == other.processed:
            problem = f"{other.path.name} and {file.path.name} are of the same dates, and neither is marked as newer"
            raise InputError(path, problem, "Leave one of them")
        if file.processed > other.processed:
            chosen[file.secondary] = file
    return [chosen[day] for day in sorted(chosen)], len(files) - len(chosen)


def chain_dates(path: Path, files: Sequence[DispFile]) -> tuple[date, ...]:
    """Return the dates of the series, the first reference date first. InputError if a file needs a missing date."""
    dates = [files[0].reference]
    for file in files:
        if file.reference not in dates:
            problem = f"{file.path.name} builds on {file.reference}, and no file before it reaches that date"
            remedy = f"Add the file whose second date is {file.reference}, or leave out all files before it"
            raise InputError(path, problem, remedy)
        dates.append(file.secondary)
    return tuple(dates)
