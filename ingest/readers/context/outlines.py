"""Polygons with their properties, from GeoJSON or a shapefile, in degrees. One record at a time.

GeoJSON: RFC 7946; a `crs` of the 2008 draft is honoured. Shapefile: ESRI, Shapefile Technical Description, 1998,
read by pyshp; its reference system is that of its .prj.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapefile
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from shapely import MultiPolygon, Polygon, force_2d, get_coordinates, make_valid, transform
from shapely.errors import ShapelyError
from shapely.geometry import shape

from ingest.errors import InputError
from ingest.readers import shapefiles

MOST_GEOJSON_BYTES = 2**30
POLYGON_TYPES = {shapefile.POLYGON, shapefile.POLYGONZ, shapefile.POLYGONM}
TOLERANCE_DEGREES = 0.01  # Natural Earth closes Antarctica a little beyond


class Outline(NamedTuple):
    """properties by lower-case name; outline None where the feature has none that can be used, and why."""

    properties: dict[str, Any]
    outline: MultiPolygon | None
    fault: str = ""


def read_outlines(path: Path) -> Iterator[Outline]:
    """Every feature of a .geojson, .json or .shp. Raises InputError for a file that cannot be used."""
    if path.suffix.lower() == ".shp":
        yield from _shapefile(path)
    else:
        yield from _geojson(path)


def property_names(path: Path) -> set[str]:
    """The lower-case names of the first feature's properties."""
    first = next(read_outlines(path), None)
    return set(first.properties) if first else set()


def parts_of(path: Path) -> tuple[Path, ...]:
    """The files that make up a layer: one, or those of a shapefile."""
    return shapefiles.parts_of(path) if path.suffix.lower() == shapefiles.SUFFIX else (path,)


def text_of(properties: dict[str, Any], *names: str) -> str:
    """The first of these properties with a value, as text."""
    for name in names:
        value = properties.get(name)
        if value is not None and str(value).strip():
            return str(value).strip()
    return ""


def _geojson(path: Path) -> Iterator[Outline]:
    if path.stat().st_size > MOST_GEOJSON_BYTES:
        raise InputError(path, f"it has {path.stat().st_size:,} bytes", "Give it as a shapefile, or in parts")
    try:
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict) or content.get("type") != "FeatureCollection":
            raise InputError(path, "this is not a GeoJSON FeatureCollection", "Export it as GeoJSON")
        features = content["features"]
        to_degrees = _projection(path, _declared_crs(content))
        for feature in features:
            geometry, properties = feature.get("geometry"), feature.get("properties") or {}
            yield _outline(path, {str(k).lower(): v for k, v in properties.items()}, geometry, to_degrees)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as fault:
        if isinstance(fault, InputError):
            raise
        raise InputError(
            path, f"it cannot be read as GeoJSON ({type(fault).__name__}: {str(fault)[:120]})", "Download it again"
        ) from fault


def _declared_crs(content: dict[str, Any]) -> CRS:
    named = (content.get("crs") or {}).get("properties", {}).get("name", "OGC:CRS84")
    return CRS.from_user_input(named)


def _shapefile(path: Path) -> Iterator[Outline]:
    system = shapefiles.reference_system(path)
    if system is None:
        raise InputError(path, f"the file {path.stem}.prj is missing beside it", shapefiles.ALL_PARTS)
    to_degrees = _projection(path, system)
    with shapefiles.opened(path, POLYGON_TYPES, "polygons") as reader:
        yield from _shape_records(path, reader, to_degrees)


def _shape_records(path: Path, reader: Any, to_degrees: Callable[..., Any] | None) -> Iterator[Outline]:
    for record in reader.iterShapeRecords():
        properties = {name.lower(): value for name, value in record.record.as_dict().items()}
        geometry = record.shape.__geo_interface__ if record.shape.shapeType != shapefile.NULL else None
        yield _outline(path, properties, geometry, to_degrees)


def _projection(path: Path, crs: CRS) -> Callable[..., Any] | None:
    """A function to degrees, longitude first; None where the coordinates are those already."""
    if crs.is_geographic and crs.ellipsoid is not None and crs.ellipsoid.name in {"WGS 84", "WGS_1984"}:
        return None
    try:
        project: Callable[..., Any] = Transformer.from_crs(crs, 4326, always_xy=True).transform
    except CRSError as fault:
        raise InputError(path, f"its reference system is unknown ({fault})", "Export it in EPSG:4326") from fault
    return project


def _outline(path: Path, properties: dict[str, Any], geometry: Any, to_degrees: Callable[..., Any] | None) -> Outline:
    if geometry is None:
        return Outline(properties, None, "no outline")
    if geometry.get("type") not in {"Polygon", "MultiPolygon"}:
        return Outline(properties, None, f"a {str(geometry.get('type'))[:20]} where a polygon is expected")
    try:
        with np.errstate(invalid="ignore"):  # NaN is refused below
            shaped = force_2d(shape(geometry))
        if to_degrees is not None:
            shaped = transform(shaped, to_degrees, interleaved=False)
    except (ShapelyError, ValueError, TypeError, IndexError) as fault:
        return Outline(properties, None, f"an outline that is broken ({type(fault).__name__})")
    bounds = shaped.bounds if not shaped.is_empty else ()
    if not bounds:
        return Outline(properties, None, "no outline")
    if not np.isfinite(get_coordinates(shaped)).all():
        return Outline(properties, None, "an outline with a coordinate that is not a number")
    _check_degrees(path, bounds)
    polygons = list(_polygons(shaped if shaped.is_valid else make_valid(shaped)))
    if not polygons:
        return Outline(properties, None, "an outline without any area")
    return Outline(properties, MultiPolygon(polygons))


def _check_degrees(path: Path, bounds: tuple[float, ...]) -> None:
    west, south, east, north = bounds
    within = 180 + TOLERANCE_DEGREES
    if south < -90 - TOLERANCE_DEGREES or north > 90 + TOLERANCE_DEGREES or west < -within or east > within:
        swapped = abs(west) <= 90 and abs(east) <= 90 and max(abs(south), abs(north)) <= 180
        remedy = "Check whether latitude and longitude are swapped" if swapped else "Export it in degrees, EPSG:4326"
        corners = f"{west:g}, {south:g} to {east:g}, {north:g}"
        raise InputError(path, f"an outline from {corners} does not lie on the earth in degrees", remedy)


def _polygons(geometry: Any) -> Iterator[Polygon]:
    for part in getattr(geometry, "geoms", [geometry]):
        if isinstance(part, Polygon):
            if not part.is_empty:
                yield part
        elif hasattr(part, "geoms"):
            yield from _polygons(part)
