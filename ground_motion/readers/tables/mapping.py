"""Roles and dates of a table's columns, from the aliases of common exports or from a mapping file (TOML).

The aliases cover commercial point exports (VEL, V_STDEV, COHERENCE, DYYYYMMDD) and the names that open tools and
services write (P-SBAS: Vel, Coer, Topo, cosN, cosE, cosU). Units and signs are never guessed: a mapping, an option or
the column's own name states them.
"""

import re
import tomllib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from math import inf
from pathlib import Path
from typing import Any

from ground_motion.core.errors import InputError, UnknownColumns, refusing
from ground_motion.readers import gate
from ground_motion.readers.gate import Units
from ground_motion.readers.raster import MM_PER_UNIT, TOWARD
from ground_motion.readers.records import Component, Declaration, Direction, Reference
from ground_motion.readers.tables import text_table
from ground_motion.readers.tables.columns import ROLES, Plan, Source, transformer
from ground_motion.readers.tables.dates import NOTATIONS, SERIES_UNIT, dates_by_name, dates_by_order, dates_in_first_row

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
        *("vstdev", "velstd", "velstdev", "velocitystd", "velocitystdev", "meanvelocitystd", "stdev", "vstd", "velsd"),
        "velocitystdmmyr",  # Files that we write have this column.
    ),
    "temporal_coherence": (
        *("temporalcoherence", "temporalc", "tempcoh", "coherence", "coer", "pntenscoh", "coh", "tcoh"),
    ),
    "rmse": ("rmse", "rmsets", "rmsemm"),
    "los_east": ("loseast", "lose", "cose", "easgeo"),
    "los_north": ("losnorth", "losn", "cosn"),
    "los_up": ("losup", "losu", "cosu"),
    "incidence_angle": ("incidenceangle", "incidence", "incangle", "inc"),
    "track_angle": ("trackangle", "trackangl", "headingangle", "heading"),
}
WAYS = {"up": ("up", "vertical", "vert", "v", "u"), "east": ("east", "ew", "e"), "north": ("north", "ns", "n")}
WAYS |= {"toward": ("toward", "towards")}
_WAY = "|".join(word for words in WAYS.values() for word in words)
VELOCITY = re.compile(
    rf"(?:(?P<first>vertical|vert|up|east|ew|north|ns)(?=v|rate))?(?:ps)?(?:los|mean|avg|displacement|deformation)*"
    rf"(?:velocity|veloc|velo|vel|v|rate)(?:los|mean|avg)*(?P<way>{_WAY})??"
    r"(?:(?P<length>mm|cm|m|inch|in|feet|ft)(?:per|p)?(?P<time>years|year|yr|y|annum|a|days|day))?"
    r"|velocitym"  # The first ten letters of velocity_mm_yr and of velocity_m_yr
    r"|pntlinear"  # The name that stmtools writes.
)
IN_BRACKETS = re.compile(r"(?P<name>.*?)\s*[\[(](?P<unit>[^\])]*)[\])]\s*")
NO_UNITS = {"los", "mean", "avg", *(word for words in WAYS.values() for word in words)}  # Brackets may hold these, too.
LINE_OF_SIGHT = re.compile(
    r"(?<![a-z])(?:v|d|vel|disp)?_?los(?![a-z])|los_?vel|vel(?:ocity)?_?los|line.?of.?sight", re.IGNORECASE
)
DISPLACEMENT = re.compile(
    r"(?:cum(?:ulative)?|los|total|mean)?[ _]*(?:disp(?:l|lacements?)?|deformation|defo|dlos)[ _]*(?:los)?"
    r"(?:[ _](?:mm|cm|m|in|inch|ft|feet)|\s*[\[(].*[\])])?",
    re.IGNORECASE,
)
LONG_ROLES = ("date", "displacement")  # Only tables with a row for each date have them; see `readers.tables.long`.
_TEXT_LIMITS = {"attribution": 300, "licence": 300, "tile": 80, "release": 30, "dates": 80}
CHOICES: dict[str, Collection[str]] = {"unit": MM_PER_UNIT, "series": MM_PER_LENGTH, "positive": TOWARD, "look": LOOKS}
CHOICES |= {"date_row": NOTATIONS, "direction": tuple(Direction), "reference": tuple(Reference)}
NUMBERS = (int, float)
RANGES: dict[str, tuple[tuple[type, ...], float]] = {"epsg": ((int,), 10**6), "track": ((int,), 1000)}
RANGES |= {"posting_m": (NUMBERS, inf), "wavelength_m": (NUMBERS, 1.5)}  # Numbers above 0 and below these: P band.


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
    by: str = "the mapping"  # Errors name this as the source of the mapping.


# Tables whose makers always write the same columns, units and signs: names that tell them (as `plain` gives them) and
# what holds. P-SBAS: CNR-IREA on the Geohazards Exploitation Platform. StaMPS: export of StaMPS-Visualizer, whose first
# row holds the days of the series. stmtools: space-time matrix of TU Delft, whose columns a_ and h2ph_ are no series.
LAYOUTS = {
    frozenset({"vel", "coer", "topo", "cosn", "cose", "cosu"}): Mapping(
        unit="cm/yr", positive="toward", attribution="P-SBAS, CNR-IREA", by="P-SBAS"
    ),
    frozenset({"exportres1", "exportres2", "exportres3"}): Mapping(
        unit="mm/yr",
        positive="toward",
        date_row="matlab",
        columns={"longitude": "export_res_ 1", "latitude": "export_res_ 2", "velocity": "export_res_ 3"},
        by="StaMPS",
    ),
    frozenset({"pntid", "pntlat", "pntlon", "pntheight", "pntlinear", "pntenscoh"}): Mapping(
        unit="m/yr",
        positive="toward",
        dates="d_%Y%m%d",
        by="stmtools",
    ),
}


def layout_of(names: Sequence[str]) -> Mapping | None:
    """Return what holds for a table of well-known columns; None for any other."""
    given = {plain(name) for name in names}
    return next((layout for telling, layout in LAYOUTS.items() if telling <= given), None)


def mapping_beside(path: Path) -> Path | None:
    """Return the mapping of a table, NAME.toml in its folder; None if there is none."""
    beside = path.with_suffix(".toml")
    return beside if path.is_file() and beside.is_file() else None


def mapping_of(path: Path | None) -> Mapping:
    """Read a mapping file; without a path, return an empty mapping. Raises InputError naming the mapping."""
    if path is None:
        return Mapping()
    faults = (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError)
    with refusing(path, "it cannot be read as TOML ({})", EXAMPLE, *faults):
        if path.stat().st_size > MAX_MAPPING_BYTES:
            raise InputError(path, "a mapping is a small file", "Give the TOML file that names the columns")
        content = tomllib.loads(path.read_text("utf-8"))
    known = {attribute.name for attribute in fields(Mapping)} - {"by"}
    for name, value in content.items():
        if name not in known:
            raise InputError(path, f"{name!r} is no key of a mapping", f"Use {', '.join(sorted(known))}")
        _check_entry(path, name, value)
    return Mapping(**content)


def _check_entry(path: Path, name: str, value: Any) -> None:
    if name in {"columns", "constants"}:
        kind: type | tuple[type, ...] = str if name == "columns" else (int, float)
        if not isinstance(value, dict):
            raise InputError(path, f"{name!r} is not a table", f"Write [{name}] and its lines below")
        for role, entry in value.items():
            if role not in (*ROLES, *LONG_ROLES) or (name == "constants" and role in ("pid", *LONG_ROLES)):
                raise InputError(path, f"{role!r} is no property of a point", f"Use {', '.join(ROLES)}")
            if not isinstance(entry, kind) or isinstance(entry, bool):
                raise InputError(path, f"{role} = {entry!r} is not what [{name}] holds", EXAMPLE)
        return
    if name in CHOICES:
        good = isinstance(value, str) and value in CHOICES[name]
    elif name in RANGES:
        kinds, most = RANGES[name]
        good = type(value) in kinds and 0 < value < most
    elif isinstance(value, list):
        kind, count = {"dates": (date, len(value)), "date_columns": (str, 2)}.get(name, (str, -1))
        good = len(value) == count and all(type(each) is kind for each in value)
    elif name in {"first_day", "last_day"}:
        good = type(value) is date  # A datetime is another kind, as is a truth value beside numbers.
    elif name == "nodata":
        good = type(value) in NUMBERS
    else:
        good = isinstance(value, str) and len(value) <= _TEXT_LIMITS.get(name, -1) and value.isprintable()
    if not good:
        allowed = f"Use {'|'.join(CHOICES[name])}" if name in CHOICES else EXAMPLE
        raise InputError(path, f"{name} = {value!r:.60} is not accepted", allowed)


def plain(name: str) -> str:
    """Return a column name in lower case, without its unit in brackets, spaces, underscores and punctuation."""
    bracketed = IN_BRACKETS.fullmatch(name)
    return re.sub(r"[\W_]", "", (bracketed["name"] if bracketed else name).lower())


@dataclass(frozen=True)
class Velocity:
    """A column of velocities. way: up, east, north or toward; unit: as it is spelled there; empty if not stated."""

    name: str
    way: str
    unit: str


def velocity_of(name: str) -> Velocity | None:
    """Return what the name of a column of velocities states; None for any other column."""
    words, unit = _bracketed(name)
    parts = VELOCITY.fullmatch(plain(name) + "".join(words))
    if parts is None:
        return None
    word = parts["first"] or parts["way"]
    way = next((way for way, words in WAYS.items() if word in words), "")
    return Velocity(name, way, f"{parts['length']}/{parts['time']}" if parts["length"] else unit)


def _bracketed(name: str) -> tuple[list[str], str]:
    """Return what a column's name holds in brackets: words such as LOS, and the rest, which is a unit."""
    bracketed = IN_BRACKETS.fullmatch(name)
    parts = re.split(r"[,;\s]+", bracketed["unit"].strip()) if bracketed else []
    words = [part.lower() for part in parts if part.lower() in NO_UNITS]
    return words, " ".join(part for part in parts if part.lower() not in NO_UNITS)


def velocities_in(path: Path, names: Sequence[str]) -> list[Velocity]:
    """Return the columns of velocities: one, or several of different components. Raises InputError for others."""
    found = [velocity for velocity in map(velocity_of, names) if velocity is not None]
    ways = {velocity.way for velocity in found}
    if len(found) > 1 and (len(ways) < len(found) or not ways <= {"up", "east", "north"}):
        shown = " and ".join(repr(velocity.name) for velocity in found[:3])
        raise UnknownColumns(path, f"{shown} may each be the velocity", "Name one in a mapping (--mapping)")
    return found


def columns_by_alias(names: Sequence[str], in_metres: bool = False) -> dict[str, str]:
    """Return role -> column, velocities excepted. in_metres: columns x, y are easting, northing."""
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
    return columns


def is_placed(columns: dict[str, str]) -> bool:
    """Return whether roles have columns of a position."""
    return {"longitude", "latitude"} <= columns.keys() or {"easting", "northing"} <= columns.keys()


def plans_of(path: Path, source: Source, stated: Mapping, declared: Declaration) -> list[Plan]:
    """Return a plan for each component in a table. Raises InputError for facts that are missing or contradictory."""
    in_metres = not source.has_geometry and stated.epsg not in {None, 4326}
    columns = dict(stated.columns) or columns_by_alias(source.names, in_metres)
    velocities = [] if stated.columns else velocities_in(path, source.names)
    if "velocity" in columns:
        velocities = [velocity_of(columns["velocity"]) or Velocity(columns["velocity"], "", "")]
    text_table.require(
        path, source.names, list(columns.values()), "Correct the mapping: it names what the file has not"
    )
    used = set(columns.values()) | {velocity.name for velocity in velocities}
    dates = _date_columns(path, source, used, stated)
    _check_moves(path, source, velocities, dates, stated)
    epsg, geometry_crs = _reference_systems(path, source, columns, stated)
    named = {unit_in(name): name for name in reversed(dates)}
    of_columns = {f"column {name!r:.40}": unit for unit, name in named.items() if unit}
    length = gate.agree(path, "unit of its series", {"the mapping": stated.series} | of_columns)
    plans = []
    for velocity in velocities or (None,):
        units = _units(path, velocity, dates, of_columns, stated, declared)
        per_unit = MM_PER_LENGTH.get(length or units.unit.removesuffix("/yr"))
        if dates and per_unit is None:
            problem = f"its series are {length or units.unit!r:.40} by {next(iter(of_columns), 'their velocities')}"
            raise InputError(path, problem, "Give mm, cm or m, or state series in a mapping")
        _check_units(path, columns, units.unit, length or units.unit.removesuffix("/yr"))
        plans.append(
            Plan(
                columns=columns | _own_columns(source.names, velocity, len(velocities)),
                dates=dates,
                component=units.component,
                velocity_factor=units.factor,
                series_factor=(per_unit or 1.0) * TOWARD[units.positive],
                constants={role: float(value) for role, value in stated.constants.items()},
                epsg=epsg,
                geometry_crs=geometry_crs,
                look=LOOKS[stated.look],
                nodata=stated.nodata,
            )
        )
    return plans


def _own_columns(names: Sequence[str], velocity: Velocity | None, n_velocities: int) -> dict[str, str]:
    """Return role -> column for a component's velocity, and its standard deviation if there are several components."""
    if velocity is None:
        return {}
    own = {"velocity": velocity.name}
    words = {f"{alias}{word}" for alias in ALIASES["velocity_std"] for word in WAYS.get(velocity.way, ())}
    error = next((name for name in names if n_velocities > 1 and plain(name) in words), None)
    return own | ({"velocity_std": error} if error else {})


def _check_moves(
    path: Path, source: Source, velocities: Sequence[Velocity], dates: dict[str, date], stated: Mapping
) -> None:
    """Raise InputError if a table has neither velocities nor a series, or series that cannot be told apart."""
    if not velocities and len(dates) < 3:
        remedy = "Name the velocity in a mapping (--mapping, see docs/examples/mapping.toml)"
        if source.kind == "KML":
            remedy = "Give the table or the GeoTIFF from which this view was made"
        raise UnknownColumns(path, f"no column is a velocity, and {len(dates)} are dates", remedy)
    if len(dates) == 1:
        raise InputError(path, "one date is not a series", "Leave that column out, or give them all")
    if dates and len(velocities) > 1:
        shown = " and ".join(repr(velocity.name) for velocity in velocities)
        problem = f"it has velocities {shown:.80} and one series"
        raise InputError(path, problem, "Name the velocity of the series in a mapping (--mapping)")
    if not velocities and stated.dates is None:
        refuse_years(path, dates)


def unit_in(name: str) -> str:
    """Return the unit that the name of a column states, such as mm, known or not; empty if none."""
    stated = SERIES_UNIT.search(name)
    return gate.unit_of(_bracketed(name)[1] or stated["spelled"] or "") if stated else ""


def _check_units(path: Path, columns: dict[str, str], rate: str, length: str) -> None:
    """Raise InputError if the name of a column states another unit than its values are read in."""
    read_in = {"velocity_std": rate, "rmse": length} | dict.fromkeys(("height", "easting", "northing"), "m")
    read_in |= dict.fromkeys(("longitude", "latitude", "incidence_angle", "track_angle"), "degrees")
    for role in read_in.keys() & columns.keys():
        stated = unit_in(columns[role])
        if stated.partition("/")[0] in gate.LENGTHS and stated != read_in[role]:
            problem = f"column {columns[role]!r:.60} states {stated}, where {role} is read in {read_in[role]}"
            raise InputError(path, problem, f"Give it in {read_in[role]}, or leave that column out")


def refuse_years(path: Path, dates: dict[str, date]) -> None:
    """Raise InputError if columns are named by years, and nothing shows what they hold."""
    if dates and all((day.month, day.day) == (7, 2) for day in dates.values()):  # Whole years are read as their middle.
        problem = f"its columns {next(iter(dates))} … may hold displacements or rates of these years"
        remedy = 'If they are displacements, state dates = "%Y" in a mapping; else remove them'
        raise InputError(path, problem, remedy)


def _date_columns(path: Path, source: Source, used: set[str], stated: Mapping) -> dict[str, date]:
    """Return column -> day for the date columns, by the mapping's list, the first row, or the columns' names."""
    if stated.date_row is None and not isinstance(stated.dates, list):
        return dates_by_name(path, [name for name in source.names if name not in used], stated.dates)
    if stated.date_row is not None and stated.dates is not None:
        raise InputError(path, "the mapping states both dates and date_row", "Keep one of them")
    if not stated.columns and not stated.date_columns:
        remedy = "Add [columns], so that all others are dates, or the first and the last of these as date_columns"
        raise InputError(path, "the mapping does not state which columns are dates", remedy)
    ends = stated.date_columns or (source.names[0], source.names[-1])
    text_table.require(path, source.names, ends, "Correct date_columns: it names what the file has not")
    first, last = map(source.names.index, ends)
    names = [name for name in source.names[first : last + 1] if name not in used]
    if isinstance(stated.dates, list):
        return dates_by_order(path, names, stated.dates)
    return dates_by_order(path, names, dates_in_first_row(path, source, names, str(stated.date_row)))


def _units(
    path: Path,
    velocity: Velocity | None,
    dates: dict[str, date],
    of_series: dict[str, str],
    stated: Mapping,
    declared: Declaration,
) -> Units:
    """Return the unit and sign that options, the mapping or names of columns state. Raises InputError.

    of_series: column -> the unit that its name states.
    """
    unit = stated.unit or (stated.series and velocity is None and f"{stated.series}/yr") or None
    by_name, own = (f"column {velocity.name!r}", velocity) if velocity else ("", Velocity("", "", ""))
    asked = velocity is None and unit is None and declared.unit is None  # Slopes have the unit of their series.
    slopes = {column: f"{length}/yr" for column, length in of_series.items() if asked}
    units = gate.units(
        path,
        declared,
        unit={stated.by: unit, by_name: own.unit} | slopes,
        sign={stated.by: stated.positive, by_name: own.way},
        dates_known=bool(dates) or bool(stated.first_day),
    )
    slanted = next((name for name in (own.name, *dates) if LINE_OF_SIGHT.search(name)), None)
    if slanted and units.component is not Component.LOS:
        by = "--positive" if declared.positive else stated.by if stated.positive else by_name
        problem = f"column {slanted!r:.60} says line of sight, but {by} says {units.positive}"
        raise InputError(path, problem, "Give toward or away, or the column of that direction")
    return units


def _reference_systems(
    path: Path, source: Source, columns: dict[str, str], stated: Mapping
) -> tuple[int | None, int | str | None]:
    """Return (EPSG of easting and northing, system of the geometry), each None if unused. Raises InputError."""
    has_degrees = {"longitude", "latitude"} <= set(columns)
    has_metres = {"easting", "northing"} <= set(columns)
    if has_metres and stated.epsg is None and not has_degrees and not source.has_geometry:
        problem = "the reference system of its easting and northing is not declared"
        raise UnknownColumns(path, problem, "Add epsg to a mapping")
    geometry = None
    if source.has_geometry:
        geometry = source.crs or (None if has_metres else stated.epsg)
        if geometry is None and not has_degrees and not (has_metres and stated.epsg):
            raise InputError(path, "its geometry has no reference system (EPSG)", "Add epsg to a mapping")
    elif not has_degrees and not has_metres:
        remedy = "Name longitude and latitude, or easting and northing, in a mapping (--mapping)"
        raise UnknownColumns(path, f"no column is a position among {', '.join(source.names[:8])}", remedy)
    for crs in (stated.epsg, geometry):
        system = transformer(path, crs).source_crs if crs is not None else None
        if system is not None and not (system.is_geographic or system.is_projected):
            problem = f"{system.name!r:.60} has no degrees, nor easting and northing"
            raise InputError(path, problem, "Correct epsg in the mapping")
    return stated.epsg if has_metres else None, geometry
