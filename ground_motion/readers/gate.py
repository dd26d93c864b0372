"""The one gate between readers and everything else: it checks and normalises what stands in files, for all formats.

Readers say what a file holds; `admit` wraps their field so that its points come out with longitudes within ±180, inside
the area of the file's reference system, without fill values, without rows that stand twice or far from all others, and
with a line of sight that agrees with the stated direction of flight. `units` compares the stated and the declared unit
and sign. What the gate changes is written into `VelocityField.changes`; what it leaves out, into `PointBatch.refused`.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import starmap
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import ProjError

from ground_motion.core.errors import InputError, Undeclared
from ground_motion.readers.raster import COMPONENT_OF_SIGN, FASTEST_MM_YR, MAX_DISPLACEMENT_MM, MM_PER_UNIT, TOWARD
from ground_motion.readers.records import (
    Component,
    Declaration,
    Direction,
    Float32,
    PointBatch,
    Technique,
    VelocityField,
    join_batches,
)
from ground_motion.readers.slopes import slope_mm_yr

Bools = NDArray[np.bool_]

MAX_LATITUDE = 85.06  # The map ends there (EPSG:3857).
MAX_LONGITUDE = 361.0  # Grids from 0 to 360 end a pixel later.
# Scenes reach into the neighbouring UTM zone, and nations use one zone throughout: Norway reaches 12 degrees out of its
# zone, where degrees are short. Easting and northing that are swapped come out at low latitudes, farther away.
NEIGHBOUR_DEGREES = 6.0
NEIGHBOUR_LATITUDES = 8.0
MAX_STRAY_SHARE = 0.1  # More impossible positions than this are no single errors: the whole file is misread.
# Fill values have either sign. Smaller ones may be measured: they count only where they stand several times.
FILLS = (99.0, 99.9, 99.99, 999.0, 999.9, 999.99, 9999.0, 9999.9, 9999.99, 99999.0, 32767.0, 32768.0)
MIN_LARGE_FILL, MIN_TIMES = 998.0, 3
MIN_HUGE = 1e10  # Nothing measured is as large; NetCDF, GMT and GDAL write such numbers for missing values.
BEYOND_OTHERS = 3.0  # A usual fill value counts as one if it exceeds all other values by this factor.
JUDGED_ROWS = 20_000  # Ordinary values that are enough to judge whether another value is a fill.
MIN_DISTINCT = 50  # Coarsely rounded rates have few distinct values, of which zero is rightly the most frequent.
MANY_TIMES = 10  # A fill exceeds the most frequent ordinary value by this factor in frequency.
MAX_HELD_BYTES = 2**28
HEIGHTS_M = (-900.0, 9000.0)  # All land lies between these heights.
MAX_COHERENCE = 1.01  # Rounding may exceed 1.
FEW_POINTS = 10  # Fewer points, far from all others, are typing errors and not a place.
FAR_CELLS = 5  # degrees
MAX_PID_BYTES = 200
INCIDENCE_DEGREES = (3.0, 80.0)
DIRECTION = re.compile(r"(?i)(?:\b|_|(?<=\d))(?:(a)sc|de?sc)(?:ending)?(?=\b|_|\d)")
NOT_GEOCODED = "its position is 0, 0: it was not geocoded"
FAR = "it lies far from all other points"
TWICE = "it stands in the file twice"
_LENGTHS = {"mm": "mm", "millimeter": "mm", "millimetre": "mm", "cm": "cm", "centimeter": "cm", "centimetre": "cm"}
_TIMES = dict.fromkeys(("y", "yr", "year", "a", "annum", "an"), "yr") | dict.fromkeys(("d", "day"), "day")
_MIXER = np.random.default_rng(7).integers(1, 2**63, 64, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_LENGTHS |= {"m": "m", "meter": "m", "metre": "m", "rad": "radians", "radian": "radians", "deg": "degrees"}
_LENGTHS |= dict.fromkeys(("in", "inch", "inche"), "in") | dict.fromkeys(("ft", "foot", "feet"), "ft") | {"km": "km"}
_LENGTHS |= dict.fromkeys(("°", "degree"), "degrees")
LENGTHS = frozenset(_LENGTHS.values())  # Some units are known only so that a refusal can name them.


class Units(NamedTuple):
    """Unit and sign on which a file and its submitter agree."""

    unit: str
    positive: str

    @property
    def component(self) -> Component:
        """Component of motion that the sign's word names."""
        return COMPONENT_OF_SIGN[self.positive]

    @property
    def factor(self) -> float:
        """Factor from the file's velocities to mm/yr with our sign."""
        return MM_PER_UNIT[self.unit] * TOWARD[self.positive]


def unit_of(text: str) -> str:
    """Return a unit in our spelling: 'meters / year' and 'm a-1' become 'm/yr'. An unknown one stays as it is."""
    spelled = re.sub(r"(?:\*\*|\^)?-1\b|[()\[\]]", "", text.strip().lower())
    first, slash, second = (part.strip() for part in re.sub(r"\s+per\s+|\s+(?=\w+$)", "/", spelled).partition("/"))
    length, time = (_LENGTHS.get(first, _LENGTHS.get(first.removesuffix("s"))), second.strip(" /"))
    if length is None:
        return text.strip()
    if not slash:
        return length
    spelt = _TIMES.get(time, _TIMES.get(time.removesuffix("s")))
    return f"{length}/{spelt}" if spelt else text.strip()


def agree(path: Path, what: str, stated: Mapping[str, Any]) -> Any:
    """Return the value that sources state, None if none does. InputError if they differ. stated: source -> value."""
    values = {source: value for source, value in stated.items() if value not in {None, ""}}
    if len(set(values.values())) > 1:
        problem = f"its {what} is " + ", but ".join(f"{value} by {source}" for source, value in values.items())
        raise InputError(path, problem, "Correct the wrong one")
    return next(iter(values.values()), None)


def units(
    path: Path,
    declared: Declaration,
    *,
    unit: Mapping[str, str | None] | None = None,
    sign: Mapping[str, str | None] | None = None,
    dates_known: bool = True,
    otherwise: str = "",
    of_series: bool = False,
) -> Units:
    """Return the unit and sign of velocities. Raises Undeclared with all that is missing, InputError if sources differ.

    Args:
        path: the file, for errors
        declared: what the submitter states
        unit: source in the file -> unit as it spells it, None or empty if it states none
        sign: source in the file -> word of TOWARD
        dates_known: whether the file states its dates; else the period is asked for where it is needed
        otherwise: another remedy, such as an option for files of another kind
        of_series: whether the file's units are those of displacements, from which velocities will be derived
    """
    spelled = {source: unit_of(text) for source, text in (unit or {}).items() if text}
    if of_series:
        spelled = {source: f"{text}/yr" if f"{text}/yr" in MM_PER_UNIT else text for source, text in spelled.items()}
    signs = {source: word for source, word in (sign or {}).items() if word}
    by_option = {} if declared.for_lacking and spelled else {"--unit": declared.unit}
    stated = agree(path, "unit", by_option | spelled)
    by_option = {} if declared.for_lacking and signs else {"--positive": declared.positive}
    positive = agree(path, "positive direction", by_option | signs)
    if stated in {"mm", "cm", "m"}:
        problem = f"its values are {stated} by {next(iter(spelled), '--unit')}: a displacement, not a velocity"
        raise InputError(path, problem, "Divide it by its years (gdal_calc), or give the velocity of the whole series")
    if stated is not None and stated not in MM_PER_UNIT:
        problem = f"its values are {stated!r:.40} by {next(iter(spelled), '--unit')}, which is no unit of velocity"
        raise InputError(path, problem, f"Give {', '.join(MM_PER_UNIT)}")
    if positive is not None and positive not in TOWARD:
        raise InputError(path, f"its sign {positive!r:.40} is none", f"Give {', '.join(TOWARD)}")
    missing = {"unit": stated is None, "positive": positive is None}
    missing["period"] = not dates_known and declared.needs_period and declared.period is None
    if any(missing.values()):
        raise Undeclared(path, tuple(name for name, is_missing in missing.items() if is_missing), otherwise)
    return Units(str(stated), str(positive))


def admit(path: Path, field: VelocityField, declared: Declaration | None = None) -> VelocityField:
    """Return a field whose points pass the gate as they are read. Raises InputError for what its header shows."""
    if field.stated.picture:
        raise InputError(path, "its values are 8-bit numbers, as of a picture", "Give the velocities themselves")
    agree(path, "direction", {source: way.value for source, way in field.stated.direction.items()})
    named, seen = DIRECTION.search(path.name.partition(".")[0]), field.header.direction
    way = Direction.ASCENDING if named and named[1] else Direction.DESCENDING
    if named and seen and way != seen and "the mapping" not in field.stated.direction:
        if declared and declared.needs_period:  # Files that are not loaded go by their line of sight.
            problem = f"its line of sight says {seen}, and its name says {way}"
            raise InputError(path, problem, "Rename it, or state its direction in a mapping")
        note = f"The line of sight says {seen} and is used; the name says {way}."
        field = replace(field, changes=[*field.changes, note])
    changes = list(field.changes)
    return replace(field, batches=lambda: _Gate(path, field, changes).batches(), changes=changes)


def check_loadable(path: Path, batch: PointBatch, sides: set[bool]) -> None:
    """Raise InputError for points that the database does not take: of two tracks, or with unusable ids.

    Args:
        path: the file, for errors
        batch: some of its points
        sides: sides of the satellites in all batches so far, True for the east; this batch's side is added
    """
    sides.update((batch.los_east[np.abs(batch.los_east) > 0.1] > 0).tolist())
    if len(sides) > 1:
        raise InputError(path, "it holds points of an ascending and of a descending track", "Give one file per track")
    lengths = np.char.str_len(batch.pid)
    if (lengths == 0).any():
        raise InputError(path, "a point has no id", "Fill the column of point ids")
    if (lengths > MAX_PID_BYTES).any():
        raise InputError(path, f"a point id has {lengths.max()} characters", f"Use ids of at most {MAX_PID_BYTES}")


@lru_cache(maxsize=64)
def area_of_use(crs: int | str) -> tuple[float, float, float, float] | None:
    """Return (west, south, east, north) of a projected system, degrees, west > east over 180; None: the whole Earth."""
    try:
        system = CRS.from_user_input(crs)
    except ProjError:
        return None
    area = system.area_of_use
    return None if area is None or system.is_geographic else (area.west, area.south, area.east, area.north)


class _Gate:
    """The points of one field, on their way through."""

    def __init__(self, path: Path, field: VelocityField, changes: list[str]) -> None:
        self.path, self.field, self.stated, self.changes = path, field, field.stated, changes
        self.rows = 0  # Refused rows are counted, too.
        self.admitted = self.views = 0  # The first counts points, the second batches whose line of sight was seen.
        self.last_reason = ""  # The reason is that of the last row that was left out.
        self.unknown: Counter[str] = Counter()
        self.zero_dates: set[int] = set()  # The dates at which 0 stands for a missing displacement.
        self.turned: dict[str, float] = {}
        self.fills = _Fills(path, field)
        self.places = _Places()
        self.ids = None if field.stated.unique_ids else _Ids(path)
        self.changes[:] = field.changes

    def batches(self) -> Iterator[PointBatch]:
        """Yield the points that are good; rows in cells without neighbours come with the last batch."""
        last: list[PointBatch] = []
        for batch in self._drop_fill_values():
            placed = self._unique(self.places.sift(batch))
            self.admitted += placed.pid.size
            self.last_reason = placed.refused[-1].reason if placed.refused else self.last_reason
            if placed.pid.size or placed.refused:
                yield from last
                last = [placed]
        late = self._unique(self.places.rest())
        self.admitted += late.pid.size
        rest = join_batches([*last, late])
        self.last_reason = rest.refused[-1].reason if rest.refused else self.last_reason
        if rest.pid.size or rest.refused:
            yield rest
        self.fills.refuse_another()
        self._report_changes()

    def _drop_fill_values(self) -> Iterator[PointBatch]:
        """Yield batches without fill values; the first ones wait until enough is seen to judge what is one."""
        waiting: list[tuple[PointBatch, Float32, Bools]] = []
        held_bytes = 0
        for batch in self.field.batches():
            self.rows += batch.pid.size + len(batch.refused)
            sound = self._sound(batch)
            waiting.append((sound, *self.fills.note(sound)))
            held_bytes += sum(column.nbytes for column in batch.columns().values())
            if self.fills.n_ordinary >= JUDGED_ROWS or held_bytes > MAX_HELD_BYTES:
                yield from starmap(self._sift_and_check, waiting)
                waiting = []
        yield from starmap(self._sift_and_check, waiting)

    def _sift_and_check(self, batch: PointBatch, raw: Float32, doubtful: Bools) -> PointBatch:
        batch = self.fills.sift(batch, raw, doubtful)
        # Who states metres states the motion of ice or of a landslide.
        in_metres = abs(self.stated.velocity_scale) >= MM_PER_UNIT["m/yr"]
        technique = Technique.TRACKING if in_metres else self.field.header.technique
        _check_size(self.path, "velocity", "mm/yr", batch.velocity_mm_yr, FASTEST_MM_YR[technique])
        return batch

    def _unique(self, batch: PointBatch) -> PointBatch:
        return self.ids.sift(batch) if self.ids else batch

    def _sound(self, batch: PointBatch) -> PointBatch:
        """Return a batch with its longitudes wrapped and its fills unknown; refuse rows outside the area."""
        if not batch.pid.size:
            return batch
        batch = self._blank_series_fills(self._known_qualities(batch))
        batch = self._drop_off_earth(batch)
        batch = self._drop_outside_area(batch)
        if batch.pid.size and self.field.header.component is Component.LOS:
            self._check_line_of_sight(batch)
        return batch

    def _drop_off_earth(self, batch: PointBatch) -> PointBatch:
        longitude, latitude = batch.longitude, batch.latitude
        impossible = (np.abs(latitude) > 90) | (np.abs(longitude) > MAX_LONGITUDE)
        if impossible.mean() > MAX_STRAY_SHARE:
            place = f"latitude {latitude[impossible][0]:.6g} and longitude {longitude[impossible][0]:.6g}"
            remedy = "Check whether the two are swapped, or are metres (name their epsg in a mapping)"
            raise InputError(self.path, f"{place} is no place on the Earth", remedy)
        batch = batch.only(~impossible, "its position is not on the Earth")
        batch = batch.only((batch.longitude != 0) | (batch.latitude != 0), NOT_GEOCODED)
        batch = batch.only(np.abs(batch.latitude) <= MAX_LATITUDE, f"it lies beyond {MAX_LATITUDE:g} degrees")
        longitude = batch.longitude
        if not longitude.size or np.abs(longitude).max() <= 180:
            return batch
        for turn, beyond in ((-360.0, longitude > 180), (360.0, longitude < -180)):
            if beyond.any():
                self.turned.setdefault(f"{turn:+g}", float(longitude[beyond][0]))
        return replace(batch, longitude=longitude - 360 * np.round(longitude / 360))

    def _drop_outside_area(self, batch: PointBatch) -> PointBatch:
        area = None if self.stated.crs is None else area_of_use(self.stated.crs)
        if area is None or not batch.pid.size:
            return batch
        west, south, east, north = area
        half = ((east - west) % 360 or 360.0) / 2
        from_middle = np.abs(np.mod(batch.longitude - west - half + 180, 360) - 180)
        inside = from_middle <= half + NEIGHBOUR_DEGREES / np.cos(np.radians(batch.latitude))
        inside &= (batch.latitude >= south - NEIGHBOUR_LATITUDES) & (batch.latitude <= north + NEIGHBOUR_LATITUDES)
        named = f"EPSG:{self.stated.crs}" if isinstance(self.stated.crs, int) else "its reference system"
        if (~inside).mean() > MAX_STRAY_SHARE:
            place = f"{batch.longitude[~inside][0]:.2f} E {batch.latitude[~inside][0]:.2f} N"
            problem = f"{place} is outside the area of {named} ({west:g} to {east:g} E, {south:g} to {north:g} N)"
            raise InputError(self.path, problem, "Check whether x and y are swapped, and the reference system")
        return batch.only(inside, f"it lies outside the area of {named}")

    def _blank_series_fills(self, batch: PointBatch) -> PointBatch:
        """Return a batch whose displacements are NaN where the file has a fill value."""
        scale = abs(self.stated.series_scale)
        series = batch.displacement_mm
        if not series.size:
            return batch
        n_fills = 0
        while _is_fill(np.array([largest := _largest(series) / scale], dtype=np.float32))[0]:
            found = np.abs(series) >= scale * (MIN_HUGE if largest >= MIN_HUGE else (1 - 1e-6) * largest)
            without = np.where(found, np.float32(np.nan), series)
            enough = largest >= MIN_LARGE_FILL or found.sum() >= MIN_TIMES
            if not enough or scale * largest <= BEYOND_OTHERS * _largest(without):
                break
            n_fills, series = n_fills + int(found.sum()), without
        n_zero = len(series) - np.count_nonzero(series, axis=0)
        suspicious = (n_zero > max(MIN_DISTINCT, len(series) / 20)) & (n_zero < len(series))
        suspicious[0] = False  # Displacements count from a first date.
        for date in {*np.flatnonzero(suspicious)} - self.zero_dates if self.fills.with_zero else ():
            values = series[:, date]
            counts = np.unique(values[np.isfinite(values) & (values != 0)], return_counts=True)[1]
            if counts.size >= MIN_DISTINCT and n_zero[date] > MANY_TIMES * counts.max():
                self.zero_dates.add(date)
        if self.zero_dates:
            dates = sorted(self.zero_dates)
            n_fills += int(n_zero[dates].sum())
            series = series.copy()
            series[:, dates] = np.where(series[:, dates] == 0, np.float32(np.nan), series[:, dates])
        _check_size(self.path, "displacement", "mm", series, MAX_DISPLACEMENT_MM)
        if not n_fills:
            return batch
        self.fills.n_series += n_fills
        if not self.stated.velocity_is_slope:
            return replace(batch, displacement_mm=series)
        slope = slope_mm_yr(series, self.field.header.dates)
        slope[np.isfinite(series).sum(axis=1) < 3] = np.nan
        changed = replace(batch, displacement_mm=series, velocity_mm_yr=slope.astype(np.float32))
        return changed.only(np.isfinite(slope), "too few of its displacements are known")

    def _known_qualities(self, batch: PointBatch) -> PointBatch:
        """Return a batch whose heights and measures of quality are NaN where they are impossible or fill values."""
        std = batch.velocity_std_mm_yr
        bad = {
            "height_m": (batch.height_m < HEIGHTS_M[0]) | (batch.height_m > HEIGHTS_M[1]),
            "velocity_std_mm_yr": (std < 0) | _is_fill(std / np.float32(self.stated.velocity_scale), MIN_LARGE_FILL),
            "temporal_coherence": (batch.temporal_coherence < 0) | (batch.temporal_coherence > MAX_COHERENCE),
            "rmse_mm": (batch.rmse_mm < 0)
            | _is_fill(batch.rmse_mm / np.float32(self.stated.series_scale), MIN_LARGE_FILL),
        }
        changed: dict[str, Any] = {}
        for name, unknown in bad.items():
            if unknown.any():
                self.unknown[name] += int(unknown.sum())
                changed[name] = np.where(unknown, np.float32(np.nan), getattr(batch, name))
        return replace(batch, **changed) if changed else batch

    def _check_line_of_sight(self, batch: PointBatch) -> None:
        up = batch.los_up[np.isfinite(batch.los_up)]
        if not up.size:
            return
        incidence = float(np.degrees(np.arccos(np.clip(np.median(up), -1, 1))))
        if not INCIDENCE_DEGREES[0] <= incidence <= INCIDENCE_DEGREES[1]:
            problem = f"its line of sight stands {incidence:.2g} degrees from the vertical"
            raise InputError(self.path, problem, "Give angles in degrees, and vectors from the ground to the satellite")
        if (batch.los_east > 0.1).any() and (batch.los_east < -0.1).any():
            return  # A table of two tracks: methods separate the tracks; the database takes one.
        east = float(np.nanmedian(batch.los_east))
        seen = Direction.from_los_east(np.array([east * self.stated.look], dtype=np.float32))
        stated = {source: way for source, way in self.stated.direction.items() if way}
        if not stated and self.field.header.direction and not self.views:  # A later row may belong to another track.
            stated = {"the file": self.field.header.direction}
        self.views += 1
        wrong = next((source for source, way in stated.items() if seen and way != seen), None)
        if wrong is not None and abs(east) > 0.1:
            side = "right" if self.stated.look > 0 else "left"
            by_view = f"{seen} by its line of sight (los_east {east:+.2f}, looking {side})"
            problem = f"its direction is {stated[wrong]} by {wrong}, but {by_view}"
            raise InputError(self.path, problem, "Correct the wrong one")

    def _report_changes(self) -> None:
        """Write down what was changed. Raises InputError if nothing is left."""
        if not self.admitted:
            if not self.last_reason:
                raise InputError(self.path, "all of its values are missing", "Check its nodata value")
            problem = f"none of its {self.rows:,} rows can be used: {self.last_reason}"
            raise InputError(self.path, problem, "Correct that, or name other columns in a mapping")
        for turn, example in self.turned.items():
            self.changes.append(f"Longitudes beyond ±180 (such as {example:.2f}) were turned by {turn} degrees.")
        self.changes += self.fills.sentences()
        for name, number in self.unknown.items():
            self.changes.append(
                f"{number:,} values of {name} are impossible or fill values, and were taken as unknown."
            )


def _largest(values: Float32) -> float:
    """Return the largest absolute value; NaN if none is known."""
    if not values.size:
        return float("nan")
    return float(max(-np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None)))


def _check_size(path: Path, what: str, unit: str, values: Float32, most: float) -> None:
    if (size := _largest(values)) > most:
        raise InputError(path, f"a {what} of {size:.3g} {unit} is impossible", "Check the unit and the nodata value")


def _is_fill(raw: Float32, least: float = 0.99 * FILLS[0]) -> Bools:
    """Return which raw numbers of the file are usual fill values of either sign from `least`, (n,)."""
    large = np.abs(raw) >= least
    found = np.abs(raw) >= MIN_HUGE
    if large.any():
        found[large] |= np.isclose(np.abs(raw[large, None]), FILLS, rtol=1e-6, atol=0).any(axis=1)
    return found


class _Fills:
    """Velocities that mean missing values, although the file does not say so: usual constants, and zero."""

    def __init__(self, path: Path, field: VelocityField) -> None:
        self.path, self.stated, self.is_table = path, field.stated, not field.stated.unique_ids
        # Feature tracking rounds to parts of a pixel, so that still ground is exactly zero there.
        self.with_zero = field.header.technique is not Technique.TRACKING
        self.sample = np.empty(0, dtype=np.float32)  # Ordinary values are kept as in the file.
        self.n_ordinary = self.n_series = 0
        self.n_distinct = self.n_most = 0  # Distinct values of the sample, and rows of the most frequent one
        self.largest = 0.0
        self.counts: dict[float, int] = {}
        self.fills: set[float] = set()

    def note(self, batch: PointBatch) -> tuple[Float32, Bools]:
        """Count the values of a batch; return them as in the file, and which may be fill values, (n,) each."""
        raw, doubtful = self._raw(batch)
        ordinary = raw[~doubtful]
        self.n_ordinary += ordinary.size
        if ordinary.size:
            self.largest = max(self.largest, float(np.abs(ordinary).max()))
        if ordinary.size and self.sample.size < JUDGED_ROWS:
            self.sample = np.concatenate([self.sample, ordinary[: JUDGED_ROWS - self.sample.size]])
            counts = np.unique(self.sample, return_counts=True)[1]
            self.n_distinct, self.n_most = counts.size, int(counts.max())
        for value, count in zip(*np.unique(raw[doubtful], return_counts=True), strict=True):
            self.counts[float(value)] = self.counts.get(float(value), 0) + int(count)
        return raw, doubtful

    def sift(self, batch: PointBatch, raw: Float32, doubtful: Bools) -> PointBatch:
        """Return the rows whose velocity is no fill value; a table's others are refused. raw, doubtful: from `note`."""
        for value in map(float, np.unique(raw[doubtful])):
            if value not in self.fills and not self._is_one(value):
                continue
            self.fills.add(value)
            good = raw != np.float32(value)
            # Unknown pixels of a grid are no refused rows.
            reason = f"its velocity is {value:g}, a missing value" if self.is_table else ""
            batch = batch.only(good, reason) if reason else replace(batch.rows(good), refused=batch.refused)
            raw = raw[good]
        return batch

    def _raw(self, batch: PointBatch) -> tuple[Float32, Bools]:
        """Return the file's raw velocities, and which of them may be fill values, (n,) each."""
        raw = batch.velocity_mm_yr / np.float32(self.stated.velocity_scale)
        if self.stated.packing != (1.0, 0.0):
            scale, offset = map(np.float32, self.stated.packing)
            raw = (raw - offset) / scale
        return raw, ((raw == 0) & self.with_zero) | _is_fill(raw)

    def sentences(self) -> list[str]:
        """Return a sentence for each value that was taken as missing."""
        lines = [
            f"{self.counts[value]:,} rows hold {value:g}, which was taken for a missing value."
            for value in sorted(self.fills)
        ]
        return lines + ([f"{self.n_series:,} displacements hold a fill value."] if self.n_series else [])

    def _is_one(self, value: float) -> bool:
        """Return whether a value means "missing", by the counts so far."""
        repeated = abs(value) >= MIN_LARGE_FILL or self.counts[value] >= MIN_TIMES
        if abs(value) >= MIN_HUGE or (repeated and abs(value) > BEYOND_OTHERS * self.largest > 0):
            return True
        if self.n_distinct < MIN_DISTINCT:
            return False
        usual = max(1.0, self.n_most * self.n_ordinary / self.sample.size)
        return bool(self.counts[value] > MANY_TIMES * usual)

    def refuse_another(self) -> None:
        """Raise InputError if all velocities are 0, or one undeclared value that may mean "missing" fills too many."""
        enough = MIN_DISTINCT * MANY_TIMES
        if not self.n_ordinary and [*self.counts] == [0] and self.counts[0] >= enough:
            raise InputError(self.path, "all of its velocities are 0", "Give the values that were measured")
        distinct, counts = np.unique(self.sample, return_counts=True)
        if self.sample.size < enough or distinct.size < MIN_DISTINCT:
            return
        second, first = np.sort(counts)[-2:]
        if first <= max(MANY_TIMES * second, self.sample.size / 20):
            return
        value, share = float(distinct[counts.argmax()]), first / self.sample.size
        problem = f"{share:.0%} of its values are exactly {value:g}"
        remedy = f"If that is nodata, declare it (gdal_edit.py -a_nodata {value:g}, or nodata in a table's mapping)"
        raise InputError(self.path, problem, remedy)


class _Places:
    """Positions far from all others. Rows in cells of one degree without neighbours wait until others come."""

    def __init__(self) -> None:
        self.counts = np.zeros((180, 360), dtype=np.int64)
        self.near = np.zeros((180, 360), dtype=bool)
        self.n_full = 0
        self.held: list[PointBatch] = []

    def sift(self, batch: PointBatch) -> PointBatch:
        """Return the rows near a cell with enough points, and those that have waited for such a cell."""
        if not batch.pid.size:
            return batch
        row, col = _cells(batch)
        self.counts += np.bincount(row * 360 + col, minlength=180 * 360).reshape(180, 360)
        full = self.counts >= FEW_POINTS
        if full.sum() > self.n_full:
            self.n_full = int(full.sum())
            self.near = _widen(full)
            batch, self.held = join_batches([*self.held, batch]), []
            row, col = _cells(batch)
        good = self.near[row, col]
        if good.all():
            return batch
        self.held.append(batch.rows(~good))
        return replace(batch.rows(good), refused=batch.refused)

    def rest(self) -> PointBatch:
        """Return the waiting rows; a few points far from all others are refused."""
        held = join_batches(self.held)
        if not held.pid.size:
            return held
        groups, _ = scipy.ndimage.label(_widen(self.counts > 0))
        sizes = np.bincount(groups.ravel(), self.counts.ravel())
        own = sizes[groups[_cells(held)]]
        return held.only((own >= FEW_POINTS) | (own * 20 > sizes.max()), FAR)


def _cells(batch: PointBatch) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    row = np.clip(np.floor(batch.latitude + 90), 0, 179).astype(np.int64)
    return row, np.mod(np.floor(batch.longitude + 180), 360).astype(np.int64)


def _widen(cells: Bools) -> Bools:
    side = 2 * FAR_CELLS + 1
    return np.asarray(scipy.ndimage.maximum_filter(cells, side, mode=("nearest", "wrap")), dtype=bool)


class _Ids:
    """Ids that come from a file: a repeated row is kept once, one id on two different rows is an error."""

    BITS = 28
    MAX_CHUNKS = 16

    def __init__(self, path: Path) -> None:
        self.path = path
        # Each hash has a bit, which shows that most new ids are new.
        self.bits = np.zeros(2 ** (self.BITS - 3), dtype=np.uint8)
        self.chunks: list[tuple[NDArray[np.uint64], NDArray[np.uint64]]] = []  # (sorted hashes of ids, of contents)

    def sift(self, batch: PointBatch) -> PointBatch:
        """Return the rows that have not been seen before. Raises InputError for an id on two different rows."""
        if not batch.pid.size:
            return batch
        ids, content = _hashes(batch.pid), _content(batch)
        order = np.argsort(ids, kind="stable")
        ids, content = ids[order], content[order]
        again = np.zeros(ids.size, dtype=bool)
        again[1:] = ids[1:] == ids[:-1]
        self._compare(batch, order[1:][again[1:]], content[1:][again[1:]], content[:-1][again[1:]])
        place = (ids >> np.uint64(64 - self.BITS)).astype(np.int64)
        word, bit = place >> 3, np.left_shift(1, place & 7).astype(np.uint8)
        doubtful = np.flatnonzero(self.bits[word] & bit)
        for known, contents in self.chunks:
            at = np.minimum(np.searchsorted(known, ids[doubtful]), known.size - 1)
            same = known[at] == ids[doubtful]
            self._compare(batch, order[doubtful[same]], content[doubtful[same]], contents[at[same]])
            again[doubtful[same]] = True
        starts = np.flatnonzero(np.diff(word, prepend=-1))
        self.bits[word[starts]] |= np.bitwise_or.reduceat(bit, starts)
        self.chunks.append((ids, content))
        if len(self.chunks) > self.MAX_CHUNKS:
            ids, content = (np.concatenate(columns) for columns in zip(*self.chunks, strict=True))
            order_of_all = np.argsort(ids)
            self.chunks = [(ids[order_of_all], content[order_of_all])]
        good = np.ones(again.size, dtype=bool)
        good[order[again]] = False
        return batch.only(good, TWICE)

    def _compare(
        self, batch: PointBatch, rows: NDArray[np.int64], content: NDArray[np.uint64], before: NDArray[np.uint64]
    ) -> None:
        """Raise InputError if rows (numbers in the batch) have the id of an earlier row with another content."""
        differs = rows[content != before]
        if differs.size:
            problem = f"id {batch.pid[differs[0]].decode('utf-8', 'replace')!r:.60} stands on two different rows"
            raise InputError(self.path, problem, "Remove one of them, or number the rows anew")


def _hashes(pid: NDArray[np.bytes_]) -> NDArray[np.uint64]:
    """Return a hash of each id, (n,), the same whatever the width of the array's items."""
    words = -(-max(pid.dtype.itemsize, 1) // 8)
    letters = np.ascontiguousarray(pid.astype(f"S{words * 8}")).view(np.uint64).reshape(pid.size, words)
    mixed = np.zeros(pid.size, dtype=np.uint64)
    for number in range(words - 1, -1, -1):  # Hashing from the end, zero bytes behind an id change nothing.
        mixed = _mix((mixed ^ letters[:, number]) * _MIXER[0])
    return mixed


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return values with all their bits mixed (the finaliser of MurmurHash3); zero stays zero."""
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return values ^ (values >> np.uint64(33))


def _content(batch: PointBatch) -> NDArray[np.uint64]:
    place = batch.longitude.view(np.uint64) * _MIXER[1] ^ batch.latitude.view(np.uint64) * _MIXER[2]
    return _mix(place ^ batch.velocity_mm_yr.astype(np.float32).view(np.uint32).astype(np.uint64) * _MIXER[3])
