"""Points from the columns of a table of any kind: code that CSV, GeoPackage, GeoParquet and shapefiles share.

A Source gives a file's columns as record batches; a Plan assigns their roles, units and signs.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError

from ground_motion.core import projections
from ground_motion.core.errors import InputError, refusing
from ground_motion.readers.records import UNIT_VECTORS, Component, Float32, Float64, PointBatch
from ground_motion.readers.slopes import slope_mm_yr
from ground_motion.readers.tables import text_table

NUMBER, PLACE, TEXT = pa.float32(), pa.float64(), pa.binary()
GEOMETRY = (":x:", ":y:")  # Names that a source uses for the coordinates of its geometries.
PLACES = ("longitude", "latitude", "easting", "northing")
LOS_VECTOR = ("los_east", "los_north", "los_up")
QUALITY = ("velocity_std", "temporal_coherence", "rmse")
NUMBERS = ("height", "velocity", *QUALITY, *LOS_VECTOR, "incidence_angle", "track_angle")
ROLES = ("pid", *PLACES, *NUMBERS)
BATCH_ROWS = 200_000
BATCH_VALUES = 2_000_000
FEW_ROWS = 2_000
MAX_PID_LENGTH = 200
MAX_TEXT_BYTES = 10 * MAX_PID_LENGTH
MAX_WKB_BYTES = 128
MULTIPOINT = 4  # shapely's number of this type
AGREE_DEG = 0.005


class Source(NamedTuple):
    """A table as stored in a file.

    kind: name of the format. batches: given column -> type and a number of rows, yields batches of about that number,
    with columns GEOMETRY if there is a geometry. crs: of the geometry, an EPSG number or WKT; None: no geometry, or no
    system stated. parts: the files that are read, if several. note: what was assumed, a sentence.
    """

    kind: str
    names: list[str]
    batches: Callable[[Mapping[str, pa.DataType], int], Iterator[pa.RecordBatch]]
    has_geometry: bool = False
    crs: int | str | None = None
    rows: int | None = None
    parts: tuple[Path, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Plan:
    """Plan for reading a table.

    columns: role -> the file's column; constants: role -> one value for all rows; dates: the file's column -> day.
    velocity_factor, series_factor: from the file's unit and sign to mm/yr and mm with our sign. epsg: system of easting
    and northing; geometry_crs: system of the geometry; look: +1 for a right-looking radar, -1 for a left-looking one.
    """

    columns: dict[str, str]
    dates: dict[str, date]
    component: Component
    velocity_factor: float
    series_factor: float
    constants: dict[str, float] = field(default_factory=dict)
    epsg: int | None = None
    geometry_crs: int | str | None = None
    look: float = 1.0
    nodata: float | None = None
    same: tuple[str, ...] = ()  # These columns must hold one value throughout.

    def types(self) -> dict[str, pa.DataType]:
        """Return column -> Arrow type, for all columns that are read."""
        types = {name: TEXT for role, name in self.columns.items() if role == "pid"} | dict.fromkeys(self.same, TEXT)
        types |= {name: PLACE for role, name in self.columns.items() if role in PLACES}
        types |= {name: NUMBER for role, name in self.columns.items() if role in NUMBERS}
        return types | dict.fromkeys(self.dates, NUMBER)


def points(path: Path, source: Source, plan: Plan, rows: int | None = None) -> Iterator[PointBatch]:
    """Yield the rows of a table as points, in batches of about `rows`; unusable rows are refused with a reason."""
    types = plan.types()
    rows = rows or max(FEW_ROWS, min(BATCH_ROWS, BATCH_VALUES // max(len(types), 1)))
    done, held = 0, dict[str, str]()
    for batch in source.batches(types, rows):
        for name in plan.same:
            _hold(path, held, name, batch)
        yield _Rows(path, batch, plan).points(done)
        done += batch.num_rows


def skip_first_row(source: Source) -> Source:
    """Return a table without its first row, which holds dates and is no point."""

    def batches(types: Mapping[str, pa.DataType], rows: int) -> Iterator[pa.RecordBatch]:
        skipped = 0
        for batch in source.batches(types, rows):
            start = min(1 - skipped, batch.num_rows)
            skipped += start
            yield batch.slice(start)

    return source._replace(batches=batches, rows=None if source.rows is None else source.rows - 1)


def first_places(path: Path, source: Source, plan: Plan, most: int) -> tuple[Float64, Float64]:
    """Return (longitude, latitude) of about the first `most` rows, (n,) each, degrees. Raises InputError."""
    types = {name: PLACE for role, name in plan.columns.items() if role in PLACES}
    taken, batches = list[tuple[Float64, Float64]](), source.batches(types, BATCH_ROWS)
    try:
        for batch in batches:
            taken.append(_Rows(path, batch, plan).places())
            if sum(longitude.size for longitude, _ in taken) >= most:
                break
    finally:
        batches.close()  # type: ignore[attr-defined]
    longitude, latitude = (np.concatenate(part) for part in zip(*taken, strict=True))
    return longitude, latitude


def first_points(path: Path, source: Source, plan: Plan) -> PointBatch:
    """Return the first batch of points. Raises InputError if there is none."""
    batches = points(path, source, plan, FEW_ROWS)
    try:
        first = next((batch for batch in batches if batch.pid.size or batch.refused), None)
    finally:
        batches.close()  # type: ignore[attr-defined]
    if first is None:
        raise InputError(path, "the table has a header and no rows", "Export it again")
    return first


def line_of_sight(incidence_deg: Float64, heading_deg: Float64, look: float = 1.0) -> NDArray[np.float64]:
    """Return the unit vector from the ground to the satellite: (3, n) east, north, up.

    A right-looking satellite stands 90 degrees left of its heading as seen from the ground. Hanssen 2001, Radar
    Interferometry, doi 10.1007/0-306-47633-9.

    Args:
        incidence_deg: Angle from the vertical at the ground.
        heading_deg: Direction of flight, clockwise from north.
        look: +1 if the satellite looks to the right of its track, -1 to the left.
    """
    theta, heading = np.radians(incidence_deg), np.radians(heading_deg)
    sine = np.sin(theta)
    return np.stack([-look * sine * np.cos(heading), look * sine * np.sin(heading), np.cos(theta)])


def _slope(displacement_mm: Float32, dates: tuple[date, ...]) -> Float32:
    """Return the slope of each series, (n,), mm/yr; NaN with fewer than three dates, too few for a velocity."""
    velocity = slope_mm_yr(displacement_mm, dates)
    velocity[np.isfinite(displacement_mm).sum(axis=1) < 3] = np.nan
    return velocity


def transformer(path: Path, crs: int | str) -> Transformer:
    """Return a transformer from a system (EPSG number or WKT) to longitude and latitude. Raises InputError."""
    named = f"EPSG:{crs}" if isinstance(crs, int) else f"{crs:.60}"
    with refusing(path, f"{named} is not a known reference system", "Correct it", ProjError):  # CRSError is a ProjError
        return projections.transformer(crs, 4326)


def typed_array(path: Path, name: str, column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Convert a column of any format to TEXT, or to numbers. Raises InputError for values that are neither."""
    if kind == TEXT:
        return _texts(path, name, column, MAX_TEXT_BYTES)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return text_table.numbers(path, name, column.cast(TEXT), kind)
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), kind)
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type) or pa.types.is_decimal(column.type)):
        raise InputError(path, f"column {name!r} holds {column.type}, not numbers", "Write it as numbers")
    with np.errstate(over="ignore"):
        return column.cast(pa.float64()).cast(kind, safe=False)


def _texts(path: Path, name: str, column: pa.Array, most: int) -> pa.Array:
    """Return texts or binaries decoded, after a check of the longest: a dictionary may repeat a long one endlessly."""
    values = column.dictionary if pa.types.is_dictionary(column.type) else column
    if pa.types.is_floating(values.type) and pc.all(pc.equal(pc.floor(values), values)).as_py() is not False:
        values = column = column.cast(pa.int64(), safe=False)
    if pa.types.is_temporal(values.type):
        values = column = column.cast(pa.date32(), safe=False).cast(pa.string())
    if pa.types.is_integer(values.type):
        values = column = column.cast(pa.string())
    kinds = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_string, pa.types.is_large_string)
    if not any(is_kind(values.type) for is_kind in kinds):
        raise InputError(path, f"column {name!r} holds {values.type}, not text", "Write it as text")
    longest = pc.max(pc.binary_length(values)).as_py() or 0
    if longest > most:
        raise InputError(path, f"column {name!r} holds a value of {longest:,} bytes", "Check the column")
    if values is not column:
        column = column.dictionary_decode()
    return column.cast(TEXT)


def places_of(path: Path, column: pa.Array) -> tuple[Any, Any]:
    """Return (x, y) of points as well-known binary, NaN where one is missing. Raises InputError for other shapes."""
    with np.errstate(invalid="ignore"):  # Positions that are no numbers are refused as rows.
        shapes = shapely.from_wkb(_texts(path, "geometry", column, MAX_WKB_BYTES).to_pylist(), on_invalid="ignore")
    if len(column) > column.null_count and shapely.is_missing(shapes).all():
        raise InputError(path, "a geometry is damaged", "Export it again")
    shapes[shapely.is_empty(shapes)] = None
    alone = (shapely.get_type_id(shapes) == MULTIPOINT) & (shapely.get_num_geometries(shapes) == 1)
    shapes[alone] = shapely.get_geometry(shapes[alone], 0)
    kinds = shapely.get_type_id(shapes)
    if (kinds == MULTIPOINT).any():
        most = shapely.get_num_geometries(shapes[kinds == MULTIPOINT]).max()
        remedy = "Export single points (QGIS: Multipart to singleparts)"
        raise InputError(path, f"one of its shapes holds {most} points", remedy)
    if ((kinds != 0) & (kinds != -1)).any():
        raise InputError(path, "it holds geometries other than points", "Give points")
    return shapely.get_x(shapes), shapely.get_y(shapes)


class _Rows:
    """A record batch of a table, to be converted to points by a plan."""

    def __init__(self, path: Path, batch: pa.RecordBatch, plan: Plan) -> None:
        self.path, self.batch, self.plan, self.n = path, batch, plan, batch.num_rows

    def points(self, done: int) -> PointBatch:
        """Return the rows as points; unusable ones are refused with a reason. done: number of rows before these."""
        plan = self.plan
        longitude, latitude = self.places()
        # file: the plan's unit and sign; ours: mm and mm/yr, positive toward the satellite, up or east
        series = [self._values(name) for name in plan.dates]
        displacement = np.column_stack(series) if series else np.empty((self.n, 0), dtype=np.float32)
        if plan.series_factor != 1.0:
            displacement *= np.float32(plan.series_factor)
        if "velocity" in plan.columns:
            velocity = self._column("velocity") * np.float32(plan.velocity_factor)
        else:
            velocity = _slope(displacement, tuple(plan.dates.values()))
        east, north, up = self._line_of_sight()
        pid, is_text = self._pid(done)
        made = PointBatch(
            pid=pid,
            longitude=longitude,
            latitude=latitude,
            height_m=self._column("height"),
            velocity_mm_yr=velocity,
            velocity_std_mm_yr=self._column("velocity_std") * np.float32(abs(plan.velocity_factor)),
            temporal_coherence=self._column("temporal_coherence"),
            rmse_mm=self._column("rmse") * np.float32(abs(plan.series_factor)),
            los_east=east,
            los_north=north,
            los_up=up,
            displacement_mm=displacement,
        )
        return made.only(is_text, "its id is empty or not valid text").only_usable()

    def _values(self, name: str) -> Any:
        values = self.batch.column(self.batch.schema.get_field_index(name)).to_numpy(zero_copy_only=False)
        if self.plan.nodata is None:
            return values
        return np.where(values == self.plan.nodata, values.dtype.type(np.nan), values)

    def _column(self, role: str) -> Float32:
        """Return the values of a role, (n,); its constant or NaN if it has no column, NaN where not finite."""
        if role not in self.plan.columns:
            return np.full(self.n, self.plan.constants.get(role, np.nan), dtype=np.float32)
        values = self._values(self.plan.columns[role])
        clean: Float32 = np.where(np.isfinite(values), values, np.float32(np.nan))
        return clean

    def _pid(self, done: int) -> tuple[NDArray[np.bytes_], NDArray[np.bool_]]:
        """Return (ids, by default numbers of rows; which of them are valid text and can be stored), (n,) each."""
        values: list[bytes] = []
        if "pid" in self.plan.columns:
            column = self.batch.column(self.batch.schema.get_field_index(self.plan.columns["pid"]))
            values = [(value or b"").strip() for value in column.to_pylist()]
        if not any(values):  # KML has a column of ids that is empty.
            return np.arange(done + 1, done + self.n + 1).astype("S12"), np.ones(self.n, dtype=bool)
        sound = np.array([_is_text(value) for value in values], dtype=bool)
        values = [v if good else printable(v).encode() for v, good in zip(values, sound, strict=True)]
        longest = max(map(len, values), default=0)
        if longest > MAX_PID_LENGTH:
            raise InputError(self.path, f"a point id has {longest} characters", f"Use ids of at most {MAX_PID_LENGTH}")
        return np.asarray(values, dtype=f"S{max(longest, 1)}"), sound

    def places(self) -> tuple[Float64, Float64]:
        """Return (longitude, latitude), degrees. Raises InputError if several kinds of coordinates disagree."""
        plan, kinds = self.plan, list[tuple[Float64, Float64]]()
        if plan.geometry_crs is not None:
            kinds.append(self._geographic(plan.geometry_crs, self._place(GEOMETRY[0]), self._place(GEOMETRY[1])))
        if {"longitude", "latitude"} <= set(plan.columns):
            degrees = self._place(plan.columns["longitude"]), self._place(plan.columns["latitude"])
            beyond = (np.abs(degrees[0]) > 360) | (np.abs(degrees[1]) > 180)
            if not kinds or not beyond.any():  # Columns X and Y beside a geometry often hold metres.
                kinds.append(degrees)
        if plan.epsg is not None and {"easting", "northing"} <= set(plan.columns):
            metres = self._place(plan.columns["easting"]), self._place(plan.columns["northing"])
            kinds.append(self._geographic(plan.epsg, *metres))
        for other in kinds[1:]:
            self._check_agree(kinds[0], other)
        longitude, latitude = kinds[0]
        return longitude, latitude

    def _place(self, name: str) -> Float64:
        values = self.batch.column(self.batch.schema.get_field_index(name)).to_numpy(zero_copy_only=False)
        return np.where(np.isfinite(values), values, np.nan)

    def _geographic(self, crs: int | str, x: Float64, y: Float64) -> tuple[Float64, Float64]:
        if crs == 4326:
            return x, y
        longitude, latitude = transformer(self.path, crs).transform(x, y)
        lost = ~(np.isfinite(longitude) & np.isfinite(latitude))
        longitude[lost] = latitude[lost] = np.nan
        return longitude, latitude

    def _check_agree(self, places: tuple[Float64, Float64], other: tuple[Float64, Float64]) -> None:
        apart = np.abs(places[0] - other[0]) * np.cos(np.radians(places[1])) + np.abs(places[1] - other[1])
        if (apart[np.isfinite(apart)] > AGREE_DEG).any():
            remedy = "Check whether latitude and longitude are swapped, and the epsg; or name one kind in a mapping"
            raise InputError(self.path, "its two kinds of coordinates do not name the same places", remedy)

    def _line_of_sight(self) -> tuple[Float32, Float32, Float32]:
        plan = self.plan
        given = set(plan.columns) | set(plan.constants)
        if plan.component is not Component.LOS:
            east, north, up = (np.full(self.n, part) for part in UNIT_VECTORS[plan.component])
        elif set(LOS_VECTOR) <= given:
            east, north, up = (self._column(role) for role in LOS_VECTOR)
        elif {"incidence_angle", "track_angle"} <= given:
            incidence = self._column("incidence_angle").astype(np.float64)
            incidence[~((incidence > 0) & (incidence < 90))] = np.nan
            heading = self._column("track_angle").astype(np.float64)
            turns = np.abs(heading[np.isfinite(heading)])
            # No radar satellite flies closer to north than this.
            if turns.size and turns.min() > 0 and turns.max() <= np.pi + 0.01:
                problem = f"its track angles, such as {heading[np.isfinite(heading)][0]:.3g}, are radians"
                raise InputError(self.path, problem, "Give them in degrees, clockwise from north")
            east, north, up = line_of_sight(incidence, heading, plan.look)
        else:
            east = north = up = np.full(self.n, np.nan)
        return east.astype(np.float32), north.astype(np.float32), up.astype(np.float32)


def printable(content: bytes | str) -> str:
    """Return text of a file made safe to store and show: unprintable characters become question marks."""
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
    return "".join(letter if letter.isprintable() else "?" for letter in text).strip()


def _is_text(pid: bytes) -> bool:
    with suppress(UnicodeDecodeError):
        return bool(pid) and pid.decode("utf-8").isprintable()
    return False


def _hold(path: Path, held: dict[str, str], name: str, batch: pa.RecordBatch) -> None:
    values = batch.column(batch.schema.get_field_index(name)).unique().to_pylist()
    distinct = sorted(
        {(value or b"").decode("utf-8", "replace").strip() for value in values} | {held.get(name, "")} - {""}
    )
    if len(distinct) > 1:
        shown = ", ".join(repr(value[:40]) for value in distinct[:3])
        raise InputError(path, f"column {name!r} holds several: {shown}", "Export one data set and track per file")
    if distinct:
        held[name] = distinct[0]


def rate_ratio(first: PointBatch, dates: tuple[date, ...]) -> float | None:
    """Return how many times as fast as their velocities series move; None on stable ground, or if they are unlike."""
    slope = _slope(first.displacement_mm, dates).astype(np.float64)
    known = np.isfinite(slope)
    velocity, slope = first.velocity_mm_yr[known].astype(np.float64), slope[known]
    power, power_of_slope = float((velocity**2).sum()), float((slope**2).sum())
    if not power or max(power, power_of_slope) < known.sum() * 2.0**2:
        return None
    common = float((velocity * slope).sum())
    return common / power if abs(common) > 0.9 * np.sqrt(power * power_of_slope) else None


def check_rates(path: Path, first: PointBatch, dates: tuple[date, ...], where: str = "") -> None:
    """Raise InputError if series and velocities differ in rate. where: in which options their units are stated."""
    ratio = rate_ratio(first, dates)
    if ratio is not None and 0.3 < ratio < 3:
        return
    known = np.isfinite(first.displacement_mm)
    sums = np.where(known, np.nancumsum(first.displacement_mm, axis=1), np.float32(np.nan))
    summed = rate_ratio(replace(first, displacement_mm=sums), dates)
    if summed is not None and 0.5 < summed < 2:
        problem = "its series are increments: only their running sums move as its velocities do"
        raise InputError(path, problem, "Give the displacement since the first date")
    if ratio is not None:
        problem = f"its series move {ratio:.3g} times as fast as its velocities"
        raise InputError(path, problem, f"Check the units and signs of both{where}")
