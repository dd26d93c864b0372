"""European Ground Motion Service L2a, L2b and L3, zip or csv, with the columns of every release so far.

Source: EGMS product description and format specification (Copernicus Land Monitoring Service). Values are mm and
mm/yr; LOS is positive toward the satellite; L3 is up or east, which only a file's name states, or --positive. Columns
are matched by name, never by position. Tables of several tiles or bursts that were joined are read as one.
"""

import dataclasses
import re
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring as parse_xml

from ground_motion.core.errors import InputError, refusing
from ground_motion.readers import gate, raster, records
from ground_motion.readers.tables import columns, generic, text_table
from ground_motion.readers.velocity import geotiff

NAME = "egms"
TITLE = "EGMS"
ORDER = 60
SUFFIXES = text_table.SUFFIXES | raster.SUFFIXES
EPSG = 3035
ATTRIBUTION = "European Ground Motion Service, © European Union, Copernicus Land Monitoring Service"
LICENCE = "Copernicus data: free, full and open, with attribution"
L3_POSTING_M = 100.0
HEAD_BYTES = 2**20  # This much of the table is read at once for its first points.

# Names that releases have used for each role.
ALIASES = {role: (role,) for role in ("pid", *columns.PLACES, *columns.LOS_VECTOR, "temporal_coherence")} | {
    "height": ("height_ortho", "height"),
    "rmse": ("rmse_ts", "rmse"),
    "velocity": ("mean_velocity",),
    "velocity_std": ("mean_velocity_std",),
}
ALWAYS = ("pid", "easting", "northing", "mean_velocity")
REMEDY = "Give the table as EGMS publishes it, with all columns"
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
    source = generic.csv_source(path)
    dates = text_table.date_columns(path, source.names)
    if len(dates) < 2:
        problem = f"{len(dates)} date columns (YYYYMMDD) were found"
        raise InputError(path, problem, "Give an EGMS file with its time series")
    text_table.require(path, source.names, ALWAYS, REMEDY)
    level, component = _level_and_component(path, source.names, declared)
    los = component is records.Component.LOS
    if los:
        text_table.require(path, source.names, (*columns.LOS_VECTOR, "latitude", "longitude"), REMEDY)
    named = {role: name for role, names in ALIASES.items() for name in reversed(names) if name in source.names}
    plan = columns.Plan(named, dates, component, velocity_factor=1.0, series_factor=1.0, epsg=EPSG)
    first = next(columns.points(path, source, plan, columns.FEW_ROWS), None)  # Degrees and metres must agree here.
    if first is None:
        raise InputError(path, "the table has a header and no rows", "Export it again")
    if los:
        degrees = {role: name for role, name in named.items() if role not in {"easting", "northing"}}
        plan = dataclasses.replace(plan, columns=degrees, epsg=None)
    direction = records.Direction.from_los_east(first.los_east) if los else records.Direction.UNKNOWN
    header = _header(path, _xml_header(path), level, component, dates=tuple(dates.values()), direction=direction)
    expected = int((first.pid.size + len(first.refused)) * max(text_table.table_bytes(path) / HEAD_BYTES, 1))
    # Only tables that were joined, and so renamed, can hold points twice; looking for them takes time.
    stated = records.Stated(crs=plan.epsg, unique_ids=_published_name(path) is not None)
    points = partial(columns.points, path, source, plan)
    return (records.VelocityField(header=header, batches=points, expected_points=expected, stated=stated),)


def _header(
    path: Path, xml: dict[str, str], level: str, component: records.Component, **known: Any
) -> records.FieldHeader:
    """Return the header of a product by its name and XML. known: what else is known of it."""
    name = _published_name(path)
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
        track=int(track) if track and track.isdigit() else None,
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
        **known,
    )


def _published_name(path: Path) -> re.Match[str] | None:
    return L2_NAME.match(path.name) or L3_NAME.match(path.name)


def _read_grid(path: Path) -> records.VelocityField:
    """Return an L3 grid (GeoTIFF), mm/yr, as a field; its name states up or east. Raises InputError."""
    name = L3_NAME.match(path.name)
    if name is None:
        raise InputError(path, "its name does not state which L3 grid it is", "Keep the published name, EGMS_L3_E..N..")
    component = raster.COMPONENT_OF_SIGN[SIGN_OF_GRID[name["component"]]]
    header = _header(path, {}, "L3", component, dates=_period(name["release"]), has_series=False)
    with raster.open_geotiff(path) as dataset:
        if raster.epsg_of(path, dataset) != EPSG:
            problem = f"its reference system is {dataset.crs}, not EPSG:{EPSG}"
            raise InputError(path, problem, "Give the grid as it was published")
    return geotiff.field(path, gate.Units("mm/yr", SIGN_OF_GRID[name["component"]]), header)


def _period(release: str | None) -> tuple[date, ...]:
    """Return the first and last day of a release's years, such as 2020_2024_1; empty if there is no release."""
    years = [int(year) for year in (release or "").split("_")[:2]]
    return (date(years[0], 1, 1), date(years[1], 12, 31)) if years else ()


def _xml_header(path: Path) -> dict[str, str]:
    """Return tag -> text of the elements directly below the root of the product's XML; empty without XML."""
    text = text_table.zip_text(path, ".xml")
    if text is None:
        return {}
    with refusing(path, "its XML header cannot be read ({})", "Download it again", ParseError, ValueError):
        root: Element = parse_xml(text, forbid_dtd=True)
    return {child.tag: (child.text or "").strip() for child in root if len(child) == 0}


def _level_and_component(path: Path, names: list[str], declared: records.Declaration) -> tuple[str, records.Component]:
    if "los_east" in names:
        name = L2_NAME.match(path.name)
        return (name["level"] if name else ("L2a" if "cluster_label" in names else "L2b")), records.Component.LOS
    if "latitude" in names or "track_angle" in names:  # The table is of level 2 but lacks its line of sight.
        raise InputError(path, "column 'los_east' is missing", REMEDY)
    name = L3_NAME.match(path.name)
    named = SIGN_OF_GRID[name["component"]] if name else None
    chosen = declared.positive if declared.positive in SIGN_OF_GRID.values() else None
    sign = gate.agree(path, "positive direction", {"its name": named, "--positive": chosen})
    if sign is None:
        problem = "an EGMS L3 table whose name no longer states whether it is vertical or east-west"
        raise InputError(path, problem, "Add --positive up (L3_.._U) or --positive east (L3_.._E)")
    return "L3", raster.COMPONENT_OF_SIGN[sign]
