"""European Ground Motion Service L2a, L2b and L3, zip or csv, with the columns of every release so far.

Source: EGMS product description and format specification (Copernicus Land Monitoring Service). Values are mm and
mm/yr; LOS is positive toward the satellite; L3 is up or east. Columns are matched by name, never by position.
"""

import dataclasses
import re
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import numpy as np
import pyarrow as pa
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring as parse_xml

from ingest.errors import InputError
from ingest.projections import transformer
from ingest.readers import raster, records
from ingest.readers.tables import text_table
from ingest.readers.tables.text_table import Table
from ingest.readers.velocity import geotiff

NAME = "egms"
TITLE = "EGMS"
SUFFIXES = text_table.SUFFIXES | raster.SUFFIXES
EPSG = 3035
ATTRIBUTION = "European Ground Motion Service, © European Union, Copernicus Land Monitoring Service"
LICENCE = "Copernicus data: free, full and open, with attribution"
L3_POSTING_M = 100.0
HEAD_BYTES = 2**20  # of the table, read at once to see what is in it

# our name -> the names that releases have used
ALIASES = {
    "height_m": ("height_ortho", "height"),
    "rmse_mm": ("rmse_ts", "rmse"),
    "velocity_mm_yr": ("mean_velocity",),
    "velocity_std_mm_yr": ("mean_velocity_std",),
}
ALWAYS = ("pid", "easting", "northing", "mean_velocity")
REMEDY = "Give the table as EGMS publishes it, with all columns"
LOS_VECTOR = ("los_east", "los_north", "los_up")
L2_NAME = re.compile(
    r"EGMS_(?P<level>L2[ab])_(?P<track>\d{3})_(?P<burst>\d{4})_IW(?P<swath>\d)_(?P<pol>[VH]{2})"
    r"(?:_(?P<release>\d{4}_\d{4}_\w+))?"
)
L3_NAME = re.compile(r"EGMS_L3_(?P<tile>E\d+N\d+)_100km_(?P<component>[UE])(?:_(?P<release>\d{4}_\d{4}_\w+))?")
SIGN_OF_GRID = {"U": "up", "E": "east"}


def recognises(path: Path) -> bool:
    """Return whether a table has EGMS's columns, or a GeoTIFF the name of an EGMS grid, its only mark."""
    if path.suffix.lower() in raster.SUFFIXES:
        return L3_NAME.match(path.name) is not None and raster.is_geotiff(path)
    names = text_table.header_names(path)
    egms_only = names & {"easting", "mp_type", "height_ellipse", "height_wgs84", "rmse_ts", "gnss_velocity"}
    is_egms = "mean_velocity" in names and bool(egms_only) and "dataset" not in {name.lower() for name in names}
    return is_egms or (re.match(r"EGMS_L(2[ab]|3)_", path.name) is not None and path.suffix.lower() in {".zip", ".csv"})


def read(path: Path, declared: records.Declaration) -> tuple[records.VelocityField, ...]:
    """Read the header of an EGMS file; its points are read later, in batches. Raises InputError."""
    if path.suffix.lower() in raster.SUFFIXES:
        return (_read_grid(path),)
    table = text_table.table_of(path)
    text_table.refuse_cut_off(path)
    xml = _xml_header(path)
    dates = text_table.date_columns(path, table.names)
    if len(dates) < 2:
        problem = f"{len(dates)} date columns (YYYYMMDD) were found"
        raise InputError(path, problem, "Give an EGMS file with its time series")
    text_table.require(path, table.names, ALWAYS, REMEDY)
    level, component = _level_and_component(path, table.names)
    if component is records.Component.LOS:
        text_table.require(path, table.names, (*LOS_VECTOR, "latitude", "longitude"), REMEDY)
    first = next(_batches(path, table, dates, component, block_bytes=HEAD_BYTES), None)
    if first is None:
        raise InputError(path, "the table has a header and no rows", "Download it again")
    direction = (
        records.Direction.from_los_east(first.los_east)
        if component is records.Component.LOS
        else records.Direction.UNKNOWN
    )
    header = _header(path, xml, level, component, tuple(dates.values()), direction)
    expected = int(first.pid.size * max(text_table.table_bytes(path) / HEAD_BYTES, 1))
    batches = partial(_batches, path, table, dates, component)
    return (records.VelocityField(header=header, batches=batches, expected_points=expected),)


def _header(
    path: Path,
    xml: dict[str, str],
    level: str,
    component: records.Component,
    dates: tuple[date, ...],
    direction: records.Direction,
) -> records.FieldHeader:
    name = L2_NAME.match(path.name) or L3_NAME.match(path.name)
    groups = name.groupdict() if name else {}
    simulated = xml.get("simulated") == "true"
    track = None if level == "L3" else xml.get("track") or groups.get("track")
    burst = groups.get("tile") or xml.get("burst_id") or groups.get("burst") or ""
    swath = "" if level == "L3" else xml.get("sub_swath") or groups.get("swath") or ""
    pol = groups.get("pol") or ""
    place = "/".join(part for part in (level, track, burst, swath, pol, component.value) if part)
    return records.FieldHeader(
        source_format=NAME,
        level=level,
        component=component,
        dates=dates,
        track=int(track) if track and track.isdigit() else None,
        direction=direction,
        burst=burst,
        polarisation=pol,
        release=groups.get("release") or "",
        tile=place if burst and (swath or level == "L3") else "",
        reference=records.Reference.LOCAL if level == "L2a" else records.Reference.GNSS,
        posting_m=L3_POSTING_M if level == "L3" else None,
        grid_epsg=EPSG,
        simulated=simulated,
        attribution="Simulated data" if simulated else ATTRIBUTION,
        licence="" if simulated else LICENCE,
        extras={key: value for key, value in xml.items() if key != "simulated"},
    )


def _read_grid(path: Path) -> records.VelocityField:
    """Return an L3 grid (GeoTIFF), mm/yr, as a field; its name states up or east. Raises InputError."""
    name = L3_NAME.match(path.name)
    if name is None:
        raise InputError(path, "its name does not state which L3 grid it is", "Keep the published name, EGMS_L3_E..N..")
    component = records.Component.UP if name["component"] == "U" else records.Component.EAST
    header = _header(path, {}, "L3", component, _period(name["release"]), records.Direction.UNKNOWN)
    header = dataclasses.replace(header, has_series=False)
    with raster.opened(path) as dataset:
        if raster.epsg_of(path, dataset) != EPSG:
            problem = f"its reference system is {dataset.crs}, not EPSG:{EPSG}"
            raise InputError(path, problem, "Give the grid as it was published")
    return geotiff.field(path, records.Declaration(unit="mm/yr", positive=SIGN_OF_GRID[name["component"]]), header)


def _period(release: str | None) -> tuple[date, ...]:
    """Return the first and last day of a release's years, such as 2020_2024_1; empty if there is no release."""
    years = [int(year) for year in (release or "").split("_")[:2]]
    return (date(years[0], 1, 1), date(years[1], 12, 31)) if years else ()


def _xml_header(path: Path) -> dict[str, str]:
    """Return tag -> text of the elements directly below the root of the product's XML; empty without XML."""
    text = text_table.zip_text(path, ".xml")
    if text is None:
        return {}
    try:
        root: Element = parse_xml(text, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as fault:
        raise InputError(path, f"its XML header cannot be read ({fault})", "Download it again") from fault
    return {child.tag: (child.text or "").strip() for child in root if len(child) == 0}


def _level_and_component(path: Path, names: list[str]) -> tuple[str, records.Component]:
    if "los_east" in names:
        name = L2_NAME.match(path.name)
        return (name["level"] if name else ("L2a" if "cluster_label" in names else "L2b")), records.Component.LOS
    if "latitude" in names or "track_angle" in names:  # a level 2 table that lost its line of sight
        raise InputError(path, "column 'los_east' is missing", REMEDY)
    name = L3_NAME.match(path.name)
    if name is None:
        problem = "an L3 table does not state whether it is vertical or east-west, only its file name does"
        raise InputError(path, problem, "Keep the published name, EGMS_L3_E..N.._100km_U|E_..")
    return "L3", records.Component.UP if name["component"] == "U" else records.Component.EAST


def _batches(
    path: Path,
    table: Table,
    dates: dict[str, date],
    component: records.Component,
    block_bytes: int = text_table.BLOCK_BYTES,
) -> Iterator[records.PointBatch]:
    wanted = [name for name in _wanted_columns() if name in table.names]
    types: dict[str, Any] = {"pid": pa.binary()} | {name: pa.float32() for name in (*wanted, *dates)}
    types |= {name: pa.float64() for name in ("latitude", "longitude", "easting", "northing") if name in types}
    for rows in text_table.record_batches(path, table, types, block_bytes):
        yield _batch(path, rows, list(dates), component)


def _wanted_columns() -> list[str]:
    aliases = [alias for group in ALIASES.values() for alias in group]
    return [*aliases, "temporal_coherence", *LOS_VECTOR, "latitude", "longitude", "easting", "northing"]


def _batch(
    path: Path, table: pa.RecordBatch, date_names: list[str], component: records.Component
) -> records.PointBatch:
    rows = table.num_rows
    names = set(table.schema.names)

    def column(*aliases: str) -> Any:
        name = next((alias for alias in aliases if alias in names), None)
        if name is None:
            return np.full(rows, np.nan, dtype=np.float32)
        return table.column(name).to_numpy(zero_copy_only=False)

    easting, northing = column("easting"), column("northing")
    if "longitude" in names:
        longitude, latitude = column("longitude"), column("latitude")
        _check_positions(path, longitude, latitude, easting, northing)
    else:
        longitude, latitude = _geographic(easting, northing)
    displacement = np.column_stack([column(name) for name in date_names]).astype(np.float32, copy=False)
    los_east, los_north, los_up = (
        [column(name) for name in LOS_VECTOR]
        if component is records.Component.LOS
        else [np.full(rows, part, dtype=np.float32) for part in records.UNIT_VECTORS[component]]
    )
    pid = np.asarray(table.column("pid").to_pylist(), dtype=np.bytes_)
    return records.PointBatch(
        pid=pid,
        longitude=longitude,
        latitude=latitude,
        height_m=column(*ALIASES["height_m"]),
        velocity_mm_yr=column(*ALIASES["velocity_mm_yr"]),
        velocity_std_mm_yr=column(*ALIASES["velocity_std_mm_yr"]),
        temporal_coherence=column("temporal_coherence"),
        rmse_mm=column(*ALIASES["rmse_mm"]),
        los_east=los_east,
        los_north=los_north,
        los_up=los_up,
        displacement_mm=displacement,
    ).only_usable()


def _geographic(easting: records.Float64, northing: records.Float64) -> tuple[records.Float64, records.Float64]:
    longitude, latitude = transformer(EPSG, 4326).transform(easting, northing)
    longitude[~np.isfinite(longitude)] = np.nan
    return longitude, latitude


def _check_positions(
    path: Path,
    longitude: records.Float64,
    latitude: records.Float64,
    easting: records.Float64,
    northing: records.Float64,
) -> None:
    """Raise InputError if degrees and metres disagree: swapped coordinates or a wrong reference system."""
    placed = np.isfinite(longitude) & np.isfinite(latitude) & np.isfinite(easting) & np.isfinite(northing)
    sample = np.flatnonzero(placed)[:200]
    there = _geographic(easting[sample], northing[sample])
    apart_deg = np.hypot(there[0] - longitude[sample], there[1] - latitude[sample])
    if sample.size and not np.nanmax(apart_deg) < 0.005:
        remedy = "Check whether latitude and longitude are swapped, or the table was re-projected"
        raise InputError(path, "longitude and latitude do not agree with easting and northing (EPSG:3035)", remedy)
