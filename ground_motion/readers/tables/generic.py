"""Any table of points (CSV, shapefile, GeoPackage, GeoParquet), by the aliases of common exports or a mapping.

Without a mapping, the aliases of `readers.tables.mapping` find the columns, and `--unit` and `--positive` state
what the file does not. A table with series and no velocities gets the least-squares slope of each series.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from ground_motion.core.errors import InputError, UnknownColumns
from ground_motion.core.files import begins
from ground_motion.readers import gate, records
from ground_motion.readers.tables import columns, dates, geoparquet, layers, long, mapping, text_table
from ground_motion.readers.tables.columns import Plan, Source
from ground_motion.readers.tables.spacing import Spacing, spacing_of
from ground_motion.readers.tables.text_table import Table

NAME = "generic"
TITLE = "Table"
ORDER = 910
SUFFIXES = text_table.SUFFIXES | geoparquet.SUFFIXES | layers.SUFFIXES
UNSTATED = "Table of points; its source is not stated in the file"
GMT_COLUMNS = (3, 4)  # Columns are longitude, latitude, value and perhaps another one.
MAX_LATITUDE = 90.0
MIN_RECURRING = 3  # With fewer rows at each place, on average, these are repetitions, which are dropped.
MAX_UNREAD = 5  # If more columns of one form are not read, the person may have expected that they are.
SAMPLED_PLACES = 100_000  # This number of places shows a grid and is read in a moment.


def recognises(path: Path) -> bool:
    """Return whether a text table has columns for a position, and a velocity or dates; True for other kinds."""
    if layers.is_layer(path) or begins(path, geoparquet.SUFFIXES, geoparquet.MAGIC):
        return True
    if path.suffix.lower() not in text_table.SUFFIXES or not path.is_file():
        return False
    try:
        table = text_table.table_of(path)
    except InputError:
        return False
    if not table.is_headed:
        numbers = all(text_table.is_number(cell) or cell in text_table.MISSING for cell in table.first)
        return len(table.names) >= 3 and numbers  # These may be points.
    if mapping.layout_of(table.names):
        return True
    bare = [dates.SERIES_UNIT.sub("", name.strip()) for name in table.names]
    moves = any(map(mapping.velocity_of, table.names)) or any(map(dates.DATED.fullmatch, bare))
    placed = mapping.is_placed(mapping.columns_by_alias(table.names))
    return placed and (moves or any(map(mapping.DISPLACEMENT.fullmatch, table.names)))


def read(path: Path, declared: records.Declaration) -> tuple[records.VelocityField, ...]:
    """Read a table's header; its points are read later, in batches. Raises InputError where it would have to guess."""
    if declared.for_lacking and declared.mapping:  # A folder's mapping is for tables that cannot be read without it.
        with suppress(InputError):
            return read(path, replace(declared, mapping=None))
    declared = replace(declared, mapping=declared.mapping or mapping.mapping_beside(path))
    stated = mapping.mapping_of(declared.mapping)
    source = source_of(path, None if stated.columns else declared, stated.columns.values())
    if declared.mapping is None:
        stated = mapping.layout_of(source.names) or stated
    source, stated = long.as_series(path, source, stated)
    plans = mapping.plans_of(path, source, stated, declared)
    if stated.date_row is not None:
        source = columns.skip_first_row(source)
    return tuple(_field(path, source, plan, stated, declared) for plan in plans)


def _field(
    path: Path, source: Source, plan: Plan, stated: mapping.Mapping, declared: records.Declaration
) -> records.VelocityField:
    first, days = columns.first_points(path, source, plan), tuple(plan.dates.values())
    if "velocity" in plan.columns and days:
        if stated.dates is None and columns.rate_ratio(first, days) is None:
            mapping.refuse_years(path, plan.dates)
        columns.check_rates(path, first, days, " (unit, series and positive in a mapping)")
    cells = _cells(path, source, plan, stated)
    east = first.los_east * plan.look if plan.component is records.Component.LOS else np.zeros(1, np.float32)
    header = records.FieldHeader(
        source_format=NAME,
        level=source.kind,
        component=plan.component,
        dates=days or declared.period or _period(declared.mapping, stated),
        has_series=bool(plan.dates),
        track=gate.agree(path, "track", {"--track": declared.track, "the mapping": stated.track}),
        direction=records.Direction(stated.direction) or records.Direction.from_los_east(east),
        posting_m=cells.posting_m,
        grid_epsg=cells.epsg,
        release=stated.release,
        tile=stated.tile,
        reference=records.Reference(stated.reference),
        attribution=stated.attribution or UNSTATED,
        licence=stated.licence,
        extras=_extras(plan, stated),
    )
    has_places = "longitude" in plan.columns or plan.geometry_crs is not None
    facts = records.Stated(
        crs=plan.geometry_crs or (None if has_places else plan.epsg),
        velocity_scale=plan.velocity_factor,
        series_scale=plan.series_factor,
        velocity_is_slope="velocity" not in plan.columns,
        direction={"the mapping": records.Direction(stated.direction)} if stated.direction else {},
        look=plan.look,
        unique_ids="pid" not in plan.columns,
    )
    points = partial(columns.points, path, source, plan)
    unread = Counter(re.sub(r"\d+", "#", name) for name in source.names if name not in plan.types())
    changes = [source.note] if source.note else []
    changes += [f"{count} columns {name!r:.40} were not read." for name, count in unread.items() if count > MAX_UNREAD]
    return records.VelocityField(
        header=header, batches=points, files=source.parts, expected_points=source.rows, stated=facts, changes=changes
    )


def _cells(path: Path, source: Source, plan: Plan, stated: mapping.Mapping) -> Spacing:
    """Return the spacing of cells, as the mapping or their positions show it, and the system of their axes."""
    places = columns.first_places(path, source, plan, SAMPLED_PLACES)
    known = np.column_stack(places)[np.abs(places[1]) <= MAX_LATITUDE]
    if not plan.dates and MIN_RECURRING * len(once := np.unique(known, axis=0)) <= len(known) > 0:
        problem = f"{len(known):,} of its rows stand at {len(once):,} places, and no column is known to be their date"
        raise InputError(path, problem, "Give one row for each point, or name date and displacement in a mapping")
    own = next((crs for crs in (plan.epsg, plan.geometry_crs) if isinstance(crs, int)), None)
    seen = spacing_of(*places, own)
    return seen if stated.posting_m is None else Spacing(stated.posting_m, seen.epsg)


def _period(path: Path | None, stated: mapping.Mapping) -> tuple[date, ...]:
    if path is None or stated.first_day is None or stated.last_day is None:
        return ()
    if stated.last_day <= stated.first_day:
        raise InputError(path, f"last_day {stated.last_day} is not after first_day", "Correct the two days")
    return stated.first_day, stated.last_day


def source_of(path: Path, declared: records.Declaration | None = None, named: Collection[str] = ()) -> Source:
    """Open a table by its extension and first bytes; rows are read later. Raises InputError.

    declared: of the file, if columns without a header may be in GMT's order; named: columns that a mapping names.
    """
    suffix = path.suffix.lower()
    if suffix in layers.SUFFIXES or layers.is_layer(path):
        return layers.source(path)
    if suffix in geoparquet.SUFFIXES:
        return geoparquet.source(path)
    if suffix in text_table.SUFFIXES:
        return csv_source(path, declared, named)
    problem = f"a file {suffix or 'without extension'!r} is not a table"
    raise InputError(path, problem, f"Give {', '.join(sorted(SUFFIXES))}")


def csv_source(path: Path, declared: records.Declaration | None = None, named: Collection[str] = ()) -> Source:
    """Open a text table, plain or zipped. Raises InputError if it is cut off, or nothing names its columns."""
    table = text_table.table_of(path, named)
    text_table.refuse_cut_off(path)
    note = "" if table.encoding.startswith("utf") else f"It is not UTF-8: {table.encoding} was guessed."
    if not table.is_headed and declared is not None:
        table, note = _name_gmt_columns(path, table, declared)

    def batches(types: Mapping[str, pa.DataType], rows: int) -> Iterator[pa.RecordBatch]:
        few = rows <= columns.FEW_ROWS
        yield from text_table.record_batches(path, table, types, 2**20 if few else text_table.BLOCK_BYTES)

    return Source("CSV", table.names, batches, note=note)


def _name_gmt_columns(path: Path, table: Table, declared: records.Declaration) -> tuple[Table, str]:
    """Name the first columns of a table without a header longitude, latitude and velocity, and say so.

    GMT, StaMPS and GMTSAR write "lon lat value". Raises InputError unless unit and sign are declared, and the suffix
    .xy or .xyz, or a first number beyond 90, shows that the longitude comes first.
    """
    shown = " ".join(table.first)
    problem = f"it has no header: {len(table.names)} columns, {shown:.60}"
    remedy = 'Name them in a mapping (--mapping), as longitude = "column 1", and epsg if they are metres'
    try:
        longitude, latitude = float(table.first[0]), float(table.first[1])
    except (ValueError, IndexError):
        raise UnknownColumns(path, problem, remedy) from None
    is_placed = len(table.names) in GMT_COLUMNS and abs(longitude) <= 360 and abs(latitude) <= 90
    is_placed &= path.suffix.lower() in {".xy", ".xyz"} or abs(longitude) > 90
    if not is_placed or not {longitude, latitude}.isdisjoint({float(int(longitude)), float(int(latitude))}):
        raise UnknownColumns(path, problem, remedy)
    if declared.unit is None or declared.positive is None:
        remedy = "If they are longitude, latitude, velocity, add --unit and --positive; else name them in a mapping"
        raise UnknownColumns(path, problem, remedy)
    names = ["longitude", "latitude", "velocity", *table.names[3:]]
    note = "It has no header: its first columns were taken for longitude, latitude, velocity."
    return table._replace(names=names), note


def _extras(plan: Plan, declared: mapping.Mapping) -> dict[str, str]:
    stated = {role: columns.printable(name) for role, name in plan.columns.items()}
    if declared.wavelength_m is not None:
        stated["wavelength_m"] = f"{declared.wavelength_m:g}"
    if plan.geometry_crs is not None:
        stated["position"] = "geometry"
    if "velocity" not in plan.columns:
        stated["velocity"] = "least-squares slope of the series"
    if "pid" not in plan.columns:
        stated["pid"] = "row number"
    return stated
