"""Polygons with their properties, from GeoJSON or a shapefile, in degrees. One record at a time.

GeoJSON: RFC 7946; a `crs` of the 2008 draft is honoured. Shapefile: ESRI, Shapefile Technical Description, 1998,
read by pyshp; its reference system is that of its .prj.
"""

import json
import struct
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

MOST_GEOJSON_BYTES = 2**30
POLYGON_TYPES = {shapefile.POLYGON, shapefile.POLYGONZ, shapefile.POLYGONM}
SHAPEFILE_HEADER_BYTES = 100
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
    if path.suffix.lower() != ".shp":
        return (path,)
    return tuple(part for suffix in (".shp", ".dbf", ".prj") if (part := _sibling(path, suffix)) is not None)


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
    dbf, prj = _sibling(path, ".dbf"), _sibling(path, ".prj")
    for suffix, part in ((".dbf", dbf), (".prj", prj)):
        if part is None:
            raise InputError(path, f"the file {path.stem}{suffix} is missing beside it", "Give all its parts")
    assert dbf is not None and prj is not None  # noqa: S101, PT018 (for mypy)
    n_outlines = _count(path)
    try:
        to_degrees = _projection(path, CRS.from_wkt(prj.read_text(errors="replace")))
        with path.open("rb") as shapes, dbf.open("rb") as table:
            reader = shapefile.Reader(shp=shapes, dbf=table, encoding=_encoding(path), encodingErrors="replace")
            if reader.shapeType not in POLYGON_TYPES:
                raise InputError(path, f"it holds {reader.shapeTypeName.lower()}s, not polygons", "Give the outlines")
            if n_outlines != reader.numRecords:
                conflict = f"it holds {n_outlines} outlines and its table {reader.numRecords} rows"
                raise InputError(path, conflict, "Give parts that belong together")
            yield from _shape_records(path, reader, to_degrees)
    except (shapefile.ShapefileException, struct.error, ValueError, LookupError, OSError, TypeError) as fault:
        if isinstance(fault, InputError):
            raise
        raise InputError(path, f"it cannot be read as a shapefile ({str(fault)[:120]})", "Download it again") from fault


def _shape_records(path: Path, reader: Any, to_degrees: Callable[..., Any] | None) -> Iterator[Outline]:
    for record in reader.iterShapeRecords():
        properties = {name.lower(): value for name, value in record.record.as_dict().items()}
        geometry = record.shape.__geo_interface__ if record.shape.shapeType != shapefile.NULL else None
        yield _outline(path, properties, geometry, to_degrees)


def _count(path: Path) -> int:
    """How many outlines there are, from the headers alone; lengths in them are in words of two bytes."""
    size, count = path.stat().st_size, 0
    with path.open("rb") as stream:
        header = stream.read(SHAPEFILE_HEADER_BYTES)
        if len(header) < SHAPEFILE_HEADER_BYTES or struct.unpack(">i", header[:4])[0] != 9994:
            raise InputError(path, "this is not a shapefile", "Download it again")
        declared = 2 * struct.unpack(">i", header[24:28])[0]
        if declared != size:
            raise InputError(path, f"it declares {declared:,} bytes and has {size:,}", "Download it again")
        while record := stream.read(8):
            length = 2 * struct.unpack(">i", record[4:])[0] if len(record) == 8 else -1
            if length < 4 or stream.seek(length, 1) > size:
                raise InputError(path, f"its outline {count + 1} is cut off", "Download it again")
            count += 1
    return count


def _encoding(path: Path) -> str:
    cpg = _sibling(path, ".cpg")
    named = cpg.read_text(errors="replace").strip() if cpg else "utf-8"
    try:
        "".encode(named)
    except LookupError:
        return "latin-1"
    return named


def _sibling(path: Path, suffix: str) -> Path | None:
    return next((sibling for s in (suffix, suffix.upper()) if (sibling := path.with_suffix(s)).is_file()), None)


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
