"""Roles and dates of a table's columns, from the aliases of common exports or from a mapping file (TOML).

The aliases cover commercial point exports (VEL, V_STDEV, COHERENCE, DYYYYMMDD) and the names that open tools and
services write (P-SBAS: Vel, Coer, Topo, cosN, cosE, cosU). Units and signs are never guessed: a mapping, an option or
the column's own name states them.
"""

import math
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any

from ingest.errors import InputError
from ingest.readers.gate import agreed
from ingest.readers.raster import COMPONENT_OF_SIGN, MM_PER_UNIT, TOWARD
from ingest.readers.records import Declaration, Direction, Reference
from ingest.readers.tables import text_table
from ingest.readers.tables.columns import FEW_ROWS, PLACE, ROLES, Plan, Source, transformer

DATE_NAME = re.compile(r"(?:d|x|t|dt|ts|disp|date)?_?[12]\d{3}([-_/.]?)\d{2}\1\d{2}", re.IGNORECASE)
MATLAB_DAYS_BEFORE_YEAR_1 = 366  # its day 1 is the first of January of the year 0
YEARS = range(1970, 2101)
_FORMAT_PARTS = {"%Y": r"\d{4}", "%m": r"\d{2}", "%d": r"\d{2}"}
NOTATIONS: dict[str, Callable[[float], date]] = {  # of days in a first row
    "matlab": lambda number: date.fromordinal(math.floor(number) - MATLAB_DAYS_BEFORE_YEAR_1),
    "yyyymmdd": lambda number: text_table.day_of(f"{number:.0f}"),
}


def dates_by_name(path: Path, names: Sequence[str], pattern: str | None = None) -> dict[str, date]:
    """Return column -> day for columns named by a date: by a pattern, or as DYYYYMMDD, YYYY-MM-DD and the like."""
    if pattern is None:
        return text_table.date_columns(path, names, DATE_NAME)
    parts = re.split(r"(%.)", pattern)
    if sorted(parts[1::2]) != ["%Y", "%d", "%m"]:
        raise InputError(path, f"the date pattern {pattern!r} is none", "Use %Y, %m and %d once each, as in D%Y%m%d")
    shape = re.compile("".join(_FORMAT_PARTS.get(part, re.escape(part)) for part in parts))
    columns = text_table.date_columns(path, names, shape, lambda name: datetime.strptime(name, pattern).date())  # noqa: DTZ007
    if not columns:
        raise InputError(path, f"no column is called like {pattern!r}", "Correct dates in the mapping")
    return columns


def columns_between(path: Path, names: Sequence[str], ends: Sequence[str]) -> list[str]:
    """Return the columns between two named ones, both included. Raises InputError."""
    text_table.require(path, names, ends, "Correct date_columns: it names what the file has not")
    first, last = (names.index(end) for end in ends)
    return list(names[first : last + 1])


def dates_in_first_row(path: Path, source: Source, names: Sequence[str], notation: str) -> list[date]:
    """Return the days in these columns of the first row. notation: a key of NOTATIONS. Raises InputError."""
    first = next(source.batches(dict.fromkeys(names, PLACE), FEW_ROWS), None)
    if first is None or not first.num_rows:
        raise InputError(path, "the table has a header and no rows", "Export it again")
    days = []
    for name in names:
        number = first.column(first.schema.get_field_index(name))[0].as_py()
        try:
            day = NOTATIONS[notation](float("nan") if number is None else number)
        except (ValueError, OverflowError):
            day = None
        if day is None or day.year not in YEARS:
            problem = f"the first row holds {number} in column {name!r}, which is no day ({notation})"
            raise InputError(path, problem, "Name the first and the last date column in date_columns")
        days.append(day)
    return days


def dates_by_order(path: Path, names: Sequence[str], days: Sequence[date]) -> dict[str, date]:
    """Return column -> day, paired in order. Raises InputError for unequal numbers or unordered days."""
    if len(names) != len(days):
        problem = f"{len(days)} days are listed for {len(names)} columns"
        raise InputError(path, problem, "Name the first and the last date column in date_columns")
    text_table.refuse_disorder(path, days)
    return dict(zip(names, days, strict=True))


MAX_MAPPING_BYTES = 2**20
MM_PER_LENGTH = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
EXAMPLE = "See docs/examples/mapping.toml"
LOOKS = {"right": 1.0, "left": -1.0}
# role -> names as `plain` gives them, the particular before the general; shapefiles cut names to ten letters
ALIASES = {
    "pid": ("pid", "code", "pointid", "psid", "pntid", "uid", "id", "fid"),
    "longitude": ("longitude", "lon", "long", "lng", "pntlon", "x"),
    "latitude": ("latitude", "lat", "pntlat", "y"),
    "easting": ("easting", "east"),
    "northing": ("northing", "north"),
    "height": ("height", "heightm", "elevation", "elev", "altitude", "topo", "dem", "pntheight", "h", "z"),
    "velocity_std": (
        "vstdev",
        "velstd",
        "velstdev",
        "velocitystd",
        "velocitystdev",
        "meanvelocitystd",
        "stdev",
        "vstd",
        "velsd",
    ),
    "temporal_coherence": (
        "temporalcoherence",
        "temporalc",
        "tempcoh",
        "coherence",
        "coer",
        "pntenscoh",
        "coh",
        "tcoh",
    ),
    "rmse": ("rmse", "rmsets"),
    "los_east": ("loseast", "lose", "cose", "easgeo"),
    "los_north": ("losnorth", "losn", "cosn"),
    "los_up": ("losup", "losu", "cosu"),
    "incidence_angle": ("incidenceangle", "incidence", "incangle", "inc"),
    "track_angle": ("trackangle", "trackangl", "headingangle", "heading"),
}
VELOCITY = re.compile(
    r"(?:ps)?(?:los|mean|avg)?(?:velocity|veloc|velo|vel|v|rate)(?:los|mean|avg)?"
    r"(?P<way>up|east|toward)?(?P<unit>(?:mm|cm|m)(?=(?:per)?(?:yr|year)$))?(?(unit)(?:per)?(?:yr|year))"
    r"|velocitym"  # what ten letters leave of velocity_mm_yr and of velocity_m_yr
)
_TEXT_LIMITS = {"attribution": 300, "licence": 300, "tile": 80, "release": 30, "dates": 80}
LONGEST_WAVE_M = 1.5  # P band


@dataclass(frozen=True)
class Mapping:
    """Content of a mapping file. columns: our role -> the file's column; constants: role -> one value for all rows.

    unit: mm/yr, cm/yr or m/yr; series: mm, cm or m; positive: toward, away, up, down, east or west; dates: pattern of
    the date columns' names, with %Y, %m and %d, or a list of days in column order; date_row: notation of the days in
    the first row ("matlab" or "yyyymmdd"), which then is no point; date_columns: names of the first and the last, by
    default all columns not in [columns]; first_day, last_day: period of velocities without a series; epsg: of easting
    and northing, or of a geometry without one; posting_m: spacing of cells, if positions do not show it; reference:
    gnss or local, as `Reference`; wavelength_m: of the radar: unwrapping errors are multiples of half a wavelength.
    """

    columns: dict[str, str] = field(default_factory=dict)
    constants: dict[str, float] = field(default_factory=dict)
    unit: str | None = None
    series: str | None = None
    positive: str | None = None
    dates: str | list[date] | None = None
    date_row: str | None = None
    date_columns: list[str] = field(default_factory=list)
    posting_m: float | None = None
    wavelength_m: float | None = None
    epsg: int | None = None
    nodata: float | None = None
    look: str = "right"
    track: int | None = None
    first_day: date | None = None
    last_day: date | None = None
    direction: str = ""
    reference: str = Reference.LOCAL
    attribution: str = ""
    licence: str = ""
    tile: str = ""
    release: str = ""


def mapping_of(path: Path | None) -> Mapping:
    """Read a mapping file; without a path, return an empty mapping. Raises InputError naming the mapping."""
    if path is None:
        return Mapping()
    try:
        if path.stat().st_size > MAX_MAPPING_BYTES:
            raise InputError(path, "a mapping is a small file", "Give the TOML file that names the columns")
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as fault:
        raise InputError(path, f"it cannot be read as TOML ({fault})", EXAMPLE) from fault
    known = {one.name for one in fields(Mapping)}
    for name, value in content.items():
        if name not in known:
            raise InputError(path, f"{name!r} is no key of a mapping", f"Use {', '.join(sorted(known))}")
        _check_entry(path, name, value)
    return Mapping(**content)


def _check_entry(path: Path, name: str, value: Any) -> None:
    choices: dict[str, Any] = {
        "unit": MM_PER_UNIT,
        "series": MM_PER_LENGTH,
        "positive": TOWARD,
        "look": LOOKS,
        "date_row": NOTATIONS,
        "direction": {way.value: way for way in Direction},
        "reference": {way.value: way for way in Reference},
    }
    if name in {"columns", "constants"}:
        kind: type | tuple[type, ...] = str if name == "columns" else (int, float)
        if not isinstance(value, dict):
            raise InputError(path, f"{name!r} is not a table", f"Write [{name}] and its lines below")
        for role, entry in value.items():
            if role not in ROLES or (name == "constants" and role == "pid"):
                raise InputError(path, f"{role!r} is nothing that a point has", f"Use {', '.join(ROLES)}")
            if not isinstance(entry, kind) or isinstance(entry, bool):
                raise InputError(path, f"{role} = {entry!r} is not what [{name}] holds", EXAMPLE)
        return
    if name in choices:
        good = isinstance(value, str) and value in choices[name]
    elif name in {"epsg", "track"}:
        most = 10**6 if name == "epsg" else 1000
        good = isinstance(value, int) and not isinstance(value, bool) and 0 < value < most
    elif name in {"first_day", "last_day"}:
        good = _is_day(value)
    elif name == "dates" and isinstance(value, list):
        good = all(_is_day(day) for day in value)
    elif name == "date_columns":
        good = isinstance(value, list) and len(value) == 2 and all(isinstance(end, str) for end in value)
    elif name in {"nodata", "posting_m", "wavelength_m"}:
        good = isinstance(value, int | float) and not isinstance(value, bool) and (name == "nodata" or value > 0)
        good &= name != "wavelength_m" or value < LONGEST_WAVE_M
    else:
        good = isinstance(value, str) and len(value) <= _TEXT_LIMITS[name] and value.isprintable()
    if not good:
        allowed = f"Use {'|'.join(choices[name])}" if name in choices else EXAMPLE
        raise InputError(path, f"{name} = {value!r:.60} is not accepted", allowed)


def _is_day(value: Any) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def plain(name: str) -> str:
    """Return a column name in lower case, without spaces, underscores and punctuation."""
    return re.sub(r"[\W_]", "", name.lower())


def columns_by_alias(path: Path, names: Sequence[str], in_metres: bool = False) -> dict[str, str]:
    """Return role -> column. in_metres: columns x, y are easting, northing. InputError for two velocities."""
    of_plain: dict[str, str] = {}
    for name in names:
        of_plain.setdefault(plain(name), name)
    columns = {}
    for role, aliases in ALIASES.items():
        fitting = [of_plain[alias] for alias in aliases if alias in of_plain]
        if fitting:
            columns[role] = fitting[0]
    for metres, degrees, letter in (("easting", "longitude", "x"), ("northing", "latitude", "y")):
        if in_metres and metres not in columns and plain(columns.get(degrees, "")) == letter:
            columns[metres] = columns.pop(degrees)
    velocities = [name for name in names if VELOCITY.fullmatch(plain(name))]
    if len(velocities) > 1:
        shown = " and ".join(repr(name) for name in velocities[:3])
        raise InputError(path, f"{shown} may each be the velocity", "Name one in a mapping (--mapping)")
    return columns | ({"velocity": velocities[0]} if velocities else {})


def plan_of(path: Path, source: Source, stated: Mapping, declared: Declaration) -> Plan:
    """Return the plan for reading a table. Raises InputError if facts are missing, contradictory or ambiguous."""
    in_metres = not source.has_geometry and stated.epsg not in {None, 4326}
    columns = dict(stated.columns) or columns_by_alias(path, source.names, in_metres)
    text_table.require(
        path, source.names, list(columns.values()), "Correct the mapping: it names what the file has not"
    )
    series_columns = _date_columns(path, source, columns, stated)
    if "velocity" not in columns and len(series_columns) < 3:
        remedy = "Name the velocity in a mapping (--mapping, see docs/examples/mapping.toml)"
        raise InputError(path, f"no column is a velocity, and {len(series_columns)} are dates", remedy)
    if len(series_columns) == 1:
        raise InputError(path, "one date is not a series", "Leave that column out, or give them all")
    unit, positive = _unit_and_sign(path, columns, stated, declared)
    series = stated.series or (unit or "").removesuffix("/yr")
    if ("velocity" in columns and unit is None) or series not in MM_PER_LENGTH:
        remedy = f"Add --unit {'|'.join(MM_PER_UNIT)}, or unit and series in a mapping"
        raise InputError(path, "the unit of its values is not declared", remedy)
    epsg, geometry_crs = _reference_systems(path, source, columns, stated)
    return Plan(
        columns=columns,
        dates=series_columns,
        component=COMPONENT_OF_SIGN[positive],
        velocity_factor=MM_PER_UNIT[unit or "mm/yr"] * TOWARD[positive],
        series_factor=MM_PER_LENGTH[series] * TOWARD[positive],
        constants={role: float(value) for role, value in stated.constants.items()},
        epsg=epsg,
        geometry_crs=geometry_crs,
        look=LOOKS[stated.look],
        nodata=stated.nodata,
    )


def _date_columns(path: Path, source: Source, columns: dict[str, str], stated: Mapping) -> dict[str, date]:
    """Return column -> day for the date columns, by the mapping's list, the first row, or the columns' names."""
    used = set(columns.values())
    if stated.date_row is None and not isinstance(stated.dates, list):
        named = dates_by_name(path, source.names, stated.dates)
        return {name: day for name, day in named.items() if name not in used}
    if stated.date_row is not None and stated.dates is not None:
        raise InputError(path, "the mapping states both dates and date_row", "Keep one of them")
    if not stated.columns and not stated.date_columns:
        remedy = "Add [columns], so that all others are dates, or the first and the last of these as date_columns"
        raise InputError(path, "the mapping does not state which columns are dates", remedy)
    names = columns_between(path, source.names, stated.date_columns) if stated.date_columns else source.names
    names = [name for name in names if name not in used]
    if isinstance(stated.dates, list):
        return dates_by_order(path, names, stated.dates)
    return dates_by_order(path, names, dates_in_first_row(path, source, names, str(stated.date_row)))


def _unit_and_sign(
    path: Path, columns: dict[str, str], stated: Mapping, declared: Declaration
) -> tuple[str | None, str]:
    """Return (unit, sign) by mapping, options and the name of the velocity's column. InputError if they differ."""
    name = columns.get("velocity", "")
    parts = VELOCITY.fullmatch(plain(name))
    way, length = (parts["way"], parts["unit"]) if parts else (None, None)
    by_name = f"column {name!r}"
    unit = agreed(
        path, "unit", {"--unit": declared.unit, "the mapping": stated.unit, by_name: length and f"{length}/yr"}
    )
    positive = agreed(
        path, "positive direction", {"--positive": declared.positive, "the mapping": stated.positive, by_name: way}
    )
    if unit is not None and unit not in MM_PER_UNIT:
        raise InputError(path, f"{unit!r} is not a unit of velocity", f"Add --unit {'|'.join(MM_PER_UNIT)}")
    if positive not in TOWARD:
        remedy = f"Add --positive {'|'.join(TOWARD)}, or positive in a mapping"
        raise InputError(path, "the sign of its values is not declared", remedy)
    return unit, positive


def _reference_systems(
    path: Path, source: Source, columns: dict[str, str], stated: Mapping
) -> tuple[int | None, int | str | None]:
    """Return (EPSG of easting and northing, system of the geometry), each None if unused. Raises InputError."""
    has_degrees = {"longitude", "latitude"} <= set(columns)
    has_metres = {"easting", "northing"} <= set(columns)
    if has_metres and stated.epsg is None and not has_degrees and not source.has_geometry:
        problem = "the reference system of its easting and northing is not declared"
        raise InputError(path, problem, "Add epsg to a mapping")
    geometry = None
    if source.has_geometry:
        geometry = source.crs or (None if has_metres else stated.epsg)
        if geometry is None and not has_degrees and not (has_metres and stated.epsg):
            raise InputError(path, "its geometry has no reference system (EPSG)", "Add epsg to a mapping")
    elif not has_degrees and not has_metres:
        remedy = "Name longitude and latitude, or easting and northing, in a mapping (--mapping)"
        raise InputError(path, f"no column is a position among {', '.join(source.names[:8])}", remedy)
    for crs in (stated.epsg, geometry):
        if crs is not None:
            transformer(path, crs)
    return stated.epsg if has_metres else None, geometry
