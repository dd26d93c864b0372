"""Any table of points (CSV, shapefile, GeoPackage, GeoParquet), by the aliases of common exports or a mapping.

Without a mapping, the aliases of `ingest.readers.tables.mapping` find the columns, and `--unit` and `--positive` state
what the file does not. A table with series and no velocities gets the least-squares slope of each series.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from pathlib import Path

import pyarrow as pa

from ingest.errors import InputError
from ingest.projections import is_metric
from ingest.readers.records import Component, Declaration, Direction, FieldHeader, PointBatch, Reference, VelocityField
from ingest.readers.tables import columns, geoparquet, gpkg, mapping, shp, text_table
from ingest.readers.tables.columns import Plan, Source
from ingest.readers.tables.spacing import Spacing, spacing_of

NAME = "generic"
TITLE = "Table"
SUFFIXES = text_table.SUFFIXES | gpkg.SUFFIXES | geoparquet.SUFFIXES | shp.SUFFIXES
UNSTATED = "Table of points; its source is not stated in the file"
DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")
SNIFFED_ROWS = 50
SAMPLED_PLACES = 100_000  # enough to show a grid, and a moment to read


def recognises(path: Path) -> bool:
    """Return whether a CSV has columns for a position, and a velocity or dates; True for other kinds of tables."""
    if gpkg.is_gpkg(path) or geoparquet.is_parquet(path) or shp.is_shapefile(path):
        return True
    if path.suffix.lower() not in text_table.SUFFIXES or not path.is_file():
        return False
    try:
        names = text_table.table_of(path).names
        roles = {
            role for role in mapping.ALIASES if {mapping.plain(name) for name in names} & set(mapping.ALIASES[role])
        }
        moves = any(mapping.VELOCITY.fullmatch(mapping.plain(name)) for name in names)
        moves = moves or sum(1 for name in names if mapping.DATE_NAME.fullmatch(name)) > 1
    except InputError:
        return False
    return moves and ({"longitude", "latitude"} <= roles or {"easting", "northing"} <= roles)


def read(path: Path, declared: Declaration) -> tuple[VelocityField, ...]:
    """Read a table's header; its points are read later, in batches. Raises InputError where it would have to guess."""
    stated = mapping.mapping_of(declared.mapping)
    source = source_of(path)
    plan = mapping.plan_of(path, source, stated, declared)
    if stated.date_row is not None:
        source = columns.after_first_row(source)
    first = columns.first_points(path, source, plan)
    cells = _cells(path, source, plan, stated)
    header = FieldHeader(
        source_format=NAME,
        level=source.kind,
        component=plan.component,
        dates=tuple(plan.dates.values()) or declared.period or _period(declared.mapping, stated),
        has_series=bool(plan.dates),
        track=mapping.agreed(path, "track", {"--track": declared.track, "the mapping": stated.track}),
        direction=_direction(path, plan, first, stated.direction),
        posting_m=cells.posting_m,
        grid_epsg=cells.epsg,
        release=stated.release,
        tile=stated.tile,
        reference=Reference(stated.reference),
        attribution=stated.attribution or UNSTATED,
        licence=stated.licence,
        extras=_extras(plan, stated),
    )
    points = partial(columns.points, path, source, plan)
    return (VelocityField(header=header, batches=points, files=source.parts, expected_points=source.rows),)


def _cells(path: Path, source: Source, plan: Plan, stated: mapping.Mapping) -> Spacing:
    """Return the spacing of cells, as the mapping or their positions show it, and the system of their axes."""
    own = next((crs for crs in (plan.epsg, plan.geometry_crs) if isinstance(crs, int) and is_metric(crs)), None)
    seen = spacing_of(*columns.first_places(path, source, plan, SAMPLED_PLACES), own)
    return seen if stated.posting_m is None else Spacing(stated.posting_m, seen.epsg)


def _period(path: Path | None, stated: mapping.Mapping) -> tuple[date, ...]:
    if path is None or stated.first_day is None or stated.last_day is None:
        return ()
    if stated.last_day <= stated.first_day:
        raise InputError(path, f"last_day {stated.last_day} is not after first_day", "Correct the two days")
    return stated.first_day, stated.last_day


def source_of(path: Path) -> Source:
    """Open a table by its extension and first bytes; rows are read later. Raises InputError."""
    suffix = path.suffix.lower()
    if suffix in shp.SUFFIXES or shp.is_shapefile(path):
        return shp.source(path)
    if suffix in gpkg.SUFFIXES:
        return gpkg.source(path)
    if suffix in geoparquet.SUFFIXES:
        return geoparquet.source(path)
    if suffix in text_table.SUFFIXES:
        return csv_source(path)
    problem = f"a file {suffix or 'without extension'!r} is not a table"
    raise InputError(path, problem, f"Give {', '.join(sorted(SUFFIXES))}")


def csv_source(path: Path) -> Source:
    """Open a CSV, plain or zipped. Raises InputError if it is cut off or has decimal commas."""
    table = text_table.table_of(path)
    _check_text(path, table)

    def batches(types: Mapping[str, pa.DataType], rows: int) -> Iterator[pa.RecordBatch]:
        few = rows <= columns.FEW_ROWS
        yield from text_table.record_batches(path, table, types, 2**20 if few else text_table.BLOCK_BYTES)

    return Source("CSV", table.names, batches)


def _check_text(path: Path, table: text_table.Table) -> None:
    text_table.refuse_cut_off(path)
    with text_table.csv_stream(path) as stream:
        stream.readline(text_table.MAX_HEADER_BYTES)
        lines = [stream.readline(text_table.MAX_HEADER_BYTES).decode("utf-8", "replace") for _ in range(SNIFFED_ROWS)]
    try:
        rows = list(csv.reader((line for line in lines if line.strip()), delimiter=table.delimiter))
    except csv.Error as fault:
        raise InputError(path, f"the table cannot be read ({fault})", "Export it again") from fault
    for row in rows:
        comma = next((cell for cell in row if DECIMAL_COMMA.fullmatch(cell)), None)
        if comma is not None:
            raise InputError(path, f"a number is written {comma!r:.40}, with a comma", "Export it with decimal points")
        if len(row) != len(table.names):
            problem = f"a row has {len(row)} fields where the header names {len(table.names)}"
            raise InputError(path, problem, "Export it with decimal points, and one separator throughout")


def _direction(path: Path, plan: Plan, first: PointBatch, stated: str) -> Direction:
    """Return the flight direction as stated or by the line of sight. Raises InputError if the two differ."""
    seen = Direction.from_los_east(first.los_east * plan.look) if plan.component is Component.LOS else Direction.UNKNOWN
    return Direction(mapping.agreed(path, "direction", {"the mapping": stated, "its line of sight": seen.value}) or "")


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
