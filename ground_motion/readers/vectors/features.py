"""Reading of features one by one from GeoJSON, KML, a shapefile or a GeoPackage; geometries in degrees."""

import re
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from shapely import force_2d, from_wkb, get_coordinates, get_parts, transform, union_all
from shapely.geometry.base import BaseGeometry

from ground_motion.core.errors import InputError, gettext_noop, refusing
from ground_motion.core.geometry import split_at_180, unwrapped
from ground_motion.readers.vectors import layers
from ground_motion.readers.vectors.layers import EXPORT_4326, UNKNOWN_SYSTEM

BATCH_ROWS = 1000
TOLERANCE_DEGREES = 0.01  # Natural Earth's Antarctica reaches this far beyond ±180 and ±90.
BARE = re.compile(r"^(?:2\.5D |3D |Measured )*| .*")  # Removes what surrounds the name of a type.
Project = Callable[..., Any] | None


class Wanted(NamedTuple):
    """Kinds of geometries to read. types: names in GeoJSON; next three: for messages.

    most_geojson_bytes: limit for GeoJSON, which takes about eight times its size in memory. key: a column of a
    GeoPackage; rows without a value in it are skipped.
    """

    types: frozenset[str]
    a_geometry: str
    a_type: str
    types_words: str
    most_geojson_bytes: int
    key: str = ""


class Feature(NamedTuple):
    """A feature. properties: by lower-case name; geometry: degrees, None if unusable; fault: the reason then."""

    properties: dict[str, Any]
    geometry: BaseGeometry | None
    fault: str = ""


POLYGONS = Wanted(frozenset({"Polygon", "MultiPolygon"}), "an outline", "a polygon", "Polygon", 2**30)
ROADS = Wanted(frozenset({"LineString", "MultiLineString"}), "a line", "a line", "LineString", 2**28, "highway")
RAILWAYS = ROADS._replace(key="railway")
RIVERS, LAKES = ROADS._replace(key="waterway"), POLYGONS._replace(key="natural", most_geojson_bytes=2**28)
BUILDINGS = Wanted(POLYGONS.types | {"Point"}, "an outline", "a polygon or point", "Polygon, Point", 2**28, "building")


def read_features(path: Path, wanted: Wanted) -> Iterator[Feature]:
    """Read every feature of a .geojson, .json, .kml, .shp or .gpkg. Raises InputError for unusable files."""
    if path.suffix.lower() in layers.GEOJSON and path.stat().st_size > wanted.most_geojson_bytes:
        remedy = gettext_noop("Give it as a GeoPackage, or in parts")
        raise InputError(path, gettext_noop("it has %(size)s bytes"), remedy, size=path.stat().st_size)
    listed = layers.layers_in(path)
    if path.suffix.lower() in {layers.SHAPEFILE, layers.GEOPACKAGE}:
        fitting = [layer for layer in listed if BARE.sub("", layer.kind) in wanted.types | {"Unknown"}]
        if not fitting:
            problem = gettext_noop("it holds no layer of the type %(wanted)s")
            remedy = gettext_noop("Give a layer of the type %(wanted)s")
            raise InputError(path, problem, remedy, wanted=wanted.types_words)
        listed = fitting
    for layer in listed:
        yield from _features(path, layer, wanted)


def _features(path: Path, layer: layers.Layer, wanted: Wanted) -> Iterator[Feature]:
    if layer.crs is None and path.suffix.lower() == layers.SHAPEFILE:
        raise InputError(path, layers.IS_MISSING, layers.ALL_PARTS, name=f"{path.stem}.prj")
    if layer.crs is None:
        problem = gettext_noop("layer '%(layer)s' states no reference system")
        raise InputError(path, problem, EXPORT_4326, layer=layer.name)
    to_degrees = _projection(path, layer.crs)
    names = [name.lower() for name in layer.names]
    key = wanted.key if wanted.key in layer.names else ""
    for batch, binary in layers.batches_of(path, layer, layer.names, BATCH_ROWS, key):
        problem, remedy = gettext_noop("layer '%(layer)s' holds curves"), gettext_noop("Draw them with straight lines")
        straight = refusing(path, problem, remedy, NotImplementedError, layer=layer.name)
        with straight, np.errstate(invalid="ignore"):  # NaN is refused below.
            geometries = from_wkb(binary.to_pylist(), on_invalid="fix")  # A ring that is left open is closed.
        columns = [column.to_pylist() for column in batch.columns]
        rows = zip(*columns, strict=True) if columns else repeat(())
        for geometry, row in zip(geometries, rows, strict=False):
            pairs = zip(names, row, strict=True)
            known = {name: value for name, value in pairs if value is not None}  # A name may come in two spellings.
            yield _feature(path, wanted, dict.fromkeys(names) | known, geometry, to_degrees)


def _projection(path: Path, system: int | str) -> Project:
    """Return a function from a reference system to degrees, longitude first; None if none is needed."""
    crs = CRS.from_user_input(system)
    if crs.is_geographic and crs.ellipsoid is not None and crs.ellipsoid.name in {"WGS 84", "WGS_1984"}:
        return None
    with refusing(path, UNKNOWN_SYSTEM, EXPORT_4326, CRSError, system=crs.name):
        project: Callable[..., Any] = Transformer.from_crs(crs, 4326, always_xy=True).transform
    return project


def _feature(
    path: Path, wanted: Wanted, properties: dict[str, Any], geometry: BaseGeometry | None, to_degrees: Project
) -> Feature:
    if geometry is None or geometry.is_empty:
        return Feature(properties, None, f"no {wanted.a_geometry.partition(' ')[2]}")
    kind = geometry.geom_type
    if kind == "GeometryCollection":  # KML may write several parts so.
        parts = [part for part in get_parts(geometry) if part.geom_type in wanted.types]
        geometry = union_all(parts) if parts else geometry
    if geometry.geom_type not in wanted.types:
        return Feature(properties, None, f"a {kind} where {wanted.a_type} is expected")
    flat = force_2d(geometry)
    if to_degrees is not None:
        flat = transform(flat, to_degrees, interleaved=False)
    if not np.isfinite(get_coordinates(flat)).all():
        return Feature(properties, None, f"{wanted.a_geometry} with a coordinate that is not a number")
    if kind.endswith("Polygon"):
        flat = _split(path, flat)
    _check_degrees(path, flat.bounds)
    if max(map(abs, flat.bounds[1::2])) > 90:  # Areas beyond the poles would be no numbers.
        flat = transform(flat, lambda degrees: degrees.clip((-np.inf, -90), (np.inf, 90)))
    return Feature(properties, flat)


def _split(path: Path, outline: BaseGeometry) -> BaseGeometry:
    """Split polygons that cross 180 degrees, in any form. Raises InputError for an outline that crosses itself."""
    west, _, east, _ = outline.bounds
    if (east - west <= 180 and max(-west, east) <= 180 + TOLERANCE_DEGREES) or max(-west, east) > 360:
        return outline
    whole = unwrapped(outline)
    if not whole.is_valid:
        problem = gettext_noop("an outline across 180 degrees crosses itself")
        raise InputError(path, problem, gettext_noop("Repair it, or split it at 180 degrees"))
    return split_at_180(whole)


def _check_degrees(path: Path, bounds: tuple[float, ...]) -> None:
    west, south, east, north = bounds
    within = 180 + TOLERANCE_DEGREES
    if south < -90 - TOLERANCE_DEGREES or north > 90 + TOLERANCE_DEGREES or west < -within or east > within:
        swapped = abs(west) <= 90 and abs(east) <= 90 and max(abs(south), abs(north)) <= 180
        problem = gettext_noop("a geometry does not lie on the earth in degrees (%(corners)s)")
        check, export = gettext_noop("Check whether latitude and longitude are swapped"), EXPORT_4326
        corners = f"{west:g}, {south:g}, {east:g}, {north:g}"
        raise InputError(path, problem, check if swapped else export, corners=corners)
