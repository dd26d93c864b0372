"""Reading of features one by one from GeoJSON, KML, a shapefile or a GeoPackage; geometries in degrees.

GeoJSON: RFC 7946; a `crs` of the 2008 draft is honoured. Shapefile: ESRI, Shapefile Technical Description, 1998,
read by pyshp; its reference system is that of its .prj. GeoPackage: see `ingest.vectors.geopackages`.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapefile
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from shapely import force_2d, get_coordinates, transform
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from ingest.errors import InputError, gettext_noop
from ingest.vectors import geopackages, kml, shapefiles

UNKNOWN_SYSTEM = gettext_noop("its reference system is unknown (%(system)s)")
EXPORT_4326 = gettext_noop("Export it in degrees (EPSG:4326)")
MOST_LAYERS = 20  # of one type in a GeoPackage; Geofabrik's extracts of OpenStreetMap have 18
TOLERANCE_DEGREES = 0.01  # beyond ±180 and ±90, as in Natural Earth's Antarctica
Project = Callable[..., Any] | None


class Wanted(NamedTuple):
    """Kinds of geometries to read. types: names in GeoJSON; shape_types: codes in pyshp; next three: for messages.

    most_geojson_bytes: limit for GeoJSON, which takes about eight times its size in memory. key: a column of a
    GeoPackage; rows without a value in it are skipped.
    """

    types: frozenset[str]
    shape_types: frozenset[int]
    one: str
    a_type: str
    types_words: str
    most_geojson_bytes: int
    key: str = ""


class Feature(NamedTuple):
    """A feature. properties: by lower-case name; geometry: degrees, None if unusable; fault: the reason then."""

    properties: dict[str, Any]
    geometry: BaseGeometry | None
    fault: str = ""


POLYGONS = Wanted(
    frozenset({"Polygon", "MultiPolygon"}),
    frozenset({shapefile.POLYGON, shapefile.POLYGONZ, shapefile.POLYGONM}),
    "an outline",
    "a polygon",
    "Polygon",
    2**30,
)
ROADS = Wanted(
    frozenset({"LineString", "MultiLineString"}),
    frozenset({shapefile.POLYLINE, shapefile.POLYLINEZ, shapefile.POLYLINEM}),
    "a line",
    "a line",
    "LineString",
    2**28,
    "highway",
)
RAILWAYS = ROADS._replace(key="railway")
RIVERS, LAKES = ROADS._replace(key="waterway"), POLYGONS._replace(key="natural", most_geojson_bytes=2**28)
BUILDINGS = Wanted(
    POLYGONS.types | {"Point"},
    POLYGONS.shape_types | {shapefile.POINT, shapefile.POINTZ, shapefile.POINTM},
    "an outline",
    "a polygon or point",
    "Polygon, Point",
    2**28,
    "building",
)


def read_features(path: Path, wanted: Wanted) -> Iterator[Feature]:
    """Read every feature of a .geojson, .json, .kml, .shp or .gpkg. Raises InputError for unusable files."""
    suffix = path.suffix.lower()
    if suffix == shapefiles.SUFFIX:
        yield from _shapefile(path, wanted)
    elif suffix in geopackages.SUFFIXES:
        yield from _geopackage(path, wanted)
    elif suffix == kml.SUFFIX:
        for properties, geometry in kml.features(path):
            yield _of_mapping(path, wanted, properties, geometry, None)
    else:
        yield from _geojson(path, wanted)


def _geojson(path: Path, wanted: Wanted) -> Iterator[Feature]:
    if path.stat().st_size > wanted.most_geojson_bytes:
        remedy = gettext_noop("Give it as a GeoPackage, or in parts")
        raise InputError(path, gettext_noop("it has %(size)s bytes"), remedy, size=path.stat().st_size)
    try:
        content = json.loads(path.read_bytes())
        features = _members(path, wanted, content)
        to_degrees = _projection(path, _declared_crs(path, content))
        for feature in features:
            geometry, properties = feature.get("geometry"), feature.get("properties") or {}
            named = {str(k).lower(): v for k, v in properties.items()}
            yield _of_mapping(path, wanted, named, geometry, to_degrees)
    except InputError:
        raise
    except (ValueError, RecursionError) as fault:
        problem = gettext_noop("it cannot be read as GeoJSON (%(fault)s)")
        raise InputError(path, problem, shapefiles.DOWNLOAD, fault=str(fault)[:120]) from fault
    except (TypeError, KeyError, AttributeError) as fault:
        problem = gettext_noop("its features are not built as GeoJSON (RFC 7946) defines them")
        raise InputError(path, problem, gettext_noop("Export it as GeoJSON")) from fault


def _members(path: Path, wanted: Wanted, content: Any) -> Any:
    kind = content.get("type") if isinstance(content, dict) else None
    if kind == "FeatureCollection":
        return content["features"]
    if kind == "Feature":
        return [content]
    if kind in wanted.types:
        return [{"geometry": content}]
    problem = gettext_noop("this is not a GeoJSON FeatureCollection")
    raise InputError(path, problem, gettext_noop("Export it as GeoJSON"))


def _declared_crs(path: Path, content: dict[str, Any]) -> CRS:
    named = (content.get("crs") or {}).get("properties", {}).get("name", "OGC:CRS84")
    try:
        return CRS.from_user_input(str(named))
    except CRSError as fault:
        raise InputError(path, UNKNOWN_SYSTEM, EXPORT_4326, system=str(named)[:60]) from fault


def _shapefile(path: Path, wanted: Wanted) -> Iterator[Feature]:
    system = shapefiles.reference_system(path)
    if system is None:
        raise InputError(path, shapefiles.IS_MISSING, shapefiles.ALL_PARTS, name=f"{path.stem}.prj")
    to_degrees = _projection(path, system)
    with shapefiles.opened(path, wanted.shape_types, wanted.types_words) as reader:
        for record in reader.iterShapeRecords():
            properties = {name.lower(): value for name, value in record.record.as_dict().items()}
            geometry = record.shape.__geo_interface__ if record.shape.shapeType != shapefile.NULL else None
            yield _of_mapping(path, wanted, properties, geometry, to_degrees)


def _geopackage(path: Path, wanted: Wanted) -> Iterator[Feature]:
    geopackages.check_is_gpkg(path)
    names = {name.upper() for name in wanted.types} | {"GEOMETRY"}
    listed = [row for row in geopackages.layers_listed(path) if str(row[2]).upper() in names]
    if not listed:
        problem = gettext_noop("it holds no layer of the type %(wanted)s")
        raise InputError(path, problem, gettext_noop("Give a layer of the type %(wanted)s"), wanted=wanted.types_words)
    if len(listed) > MOST_LAYERS:
        problem = gettext_noop("it holds %(number)s layers; the limit is %(most)s")
        remedy = gettext_noop("Give a file with a single layer")
        raise InputError(path, problem, remedy, number=len(listed), most=MOST_LAYERS)
    for layer in [geopackages.layer_of(path, row) for row in listed]:
        if layer.epsg is None:
            problem = gettext_noop("layer '%(layer)s' has no reference system with an EPSG number")
            raise InputError(path, problem, EXPORT_4326, layer=layer.table)
        to_degrees = _projection(path, CRS.from_epsg(layer.epsg))
        for properties, geometry in geopackages.features_of(path, layer, wanted.key):
            if geometry is None or geometry.geom_type in wanted.types:
                yield _feature(path, wanted, properties, geometry, to_degrees)


def _projection(path: Path, crs: CRS) -> Project:
    """Return a function from a reference system to degrees, longitude first; None if none is needed."""
    if crs.is_geographic and crs.ellipsoid is not None and crs.ellipsoid.name in {"WGS 84", "WGS_1984"}:
        return None
    try:
        project: Callable[..., Any] = Transformer.from_crs(crs, 4326, always_xy=True).transform
    except CRSError as fault:
        raise InputError(path, UNKNOWN_SYSTEM, EXPORT_4326, system=str(fault)) from fault
    return project


def _of_mapping(path: Path, wanted: Wanted, properties: dict[str, Any], geometry: Any, to_degrees: Project) -> Feature:
    if geometry is None:
        return Feature(properties, None, f"no {_bare(wanted)}")
    if geometry.get("type") not in wanted.types:
        return Feature(properties, None, f"a {str(geometry.get('type'))[:20]} where {wanted.a_type} is expected")
    try:
        with np.errstate(invalid="ignore"):  # NaN is refused below
            shaped = shape(geometry)
    except (ShapelyError, ValueError, TypeError, IndexError):
        return Feature(properties, None, f"{wanted.one} with unreadable coordinates")
    return _feature(path, wanted, properties, shaped, to_degrees)


def _feature(
    path: Path, wanted: Wanted, properties: dict[str, Any], geometry: BaseGeometry | None, to_degrees: Project
) -> Feature:
    if geometry is None or geometry.is_empty:
        return Feature(properties, None, f"no {_bare(wanted)}")
    flat = force_2d(geometry)
    if to_degrees is not None:
        flat = transform(flat, to_degrees, interleaved=False)
    if not np.isfinite(get_coordinates(flat)).all():
        return Feature(properties, None, f"{wanted.one} with a coordinate that is not a number")
    _check_degrees(path, wanted, flat.bounds)
    return Feature(properties, flat)


def _bare(wanted: Wanted) -> str:
    return wanted.one.split(" ", 1)[1]


def _check_degrees(path: Path, wanted: Wanted, bounds: tuple[float, ...]) -> None:
    west, south, east, north = bounds
    within = 180 + TOLERANCE_DEGREES
    if south < -90 - TOLERANCE_DEGREES or north > 90 + TOLERANCE_DEGREES or west < -within or east > within:
        swapped = abs(west) <= 90 and abs(east) <= 90 and max(abs(south), abs(north)) <= 180
        problem = gettext_noop("a geometry does not lie on the earth in degrees (%(corners)s)")
        check, export = gettext_noop("Check whether latitude and longitude are swapped"), EXPORT_4326
        corners = f"{west:g}, {south:g}, {east:g}, {north:g}"
        raise InputError(path, problem, check if swapped else export, corners=corners)
