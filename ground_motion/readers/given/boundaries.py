"""A boundary in GeoJSON, KML, KMZ, a GeoPackage, or a zip of one of these or of a shapefile, joined to one area."""

import json
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely import coverage_is_valid, coverage_union_all, get_num_coordinates, make_valid, to_wkb, unary_union
from shapely.geometry.base import BaseGeometry

from ground_motion.core.areas import FINEST_BORDER_DEGREES, MAX_KM2, MAX_VERTICES, area_of, simple_border
from ground_motion.core.errors import InputError, gettext_noop
from ground_motion.readers.vectors import layers
from ground_motion.readers.vectors.features import POLYGONS, read_features
from ground_motion.readers.vectors.packages import unpack

MAX_UNPACKED_BYTES = 10 * 2**20
MAX_FEATURES = 2000
MAX_CORNERS = 20_000
# Joining takes about 3 s for a million pairs of sides whose boxes overlap, repairing 0.3 s for 1,000 crossings.
MAX_SIDE_PAIRS, MAX_CROSSINGS = 500_000, 1000
SIDES_AT_ONCE = 100
GPX = ".gpx"
NO_BOUNDARY = gettext_noop("it is not a boundary file")
SIMPLIFY = gettext_noop("Simplify it first")


def read(path: Path) -> bytes:
    """Read a boundary file; return its polygons joined to one outline, and their area before simplification, as JSON.

    path: any name, because the type is recognised by the content; the file is renamed. Keys of the JSON: outline, a
    MultiPolygon in degrees as hexadecimal WKB; size_m2. Raises InputError.
    """
    suffix = suffix_of(path)
    if not suffix:
        raise _no_boundary(path)
    named = path.rename(path.with_name(f"boundary{suffix}"))
    with unpack(named, most_bytes=MAX_UNPACKED_BYTES) as layer:
        if layer.suffix.lower() not in layers.SUFFIXES:
            raise _no_boundary(path)
        outline = _union_polygons(layer)
    return json.dumps(
        {"outline": to_wkb(_border(path, outline), hex=True), "size_m2": area_of(outline)}, allow_nan=False
    ).encode()


def _no_boundary(path: Path) -> InputError:
    return InputError(path, NO_BOUNDARY, gettext_noop("Choose GeoJSON, KML, a GeoPackage, or a zip with a shapefile"))


def suffix_of(path: Path) -> str:
    """Return the suffix of a file's true type by its first bytes, empty if unknown. Raises InputError."""
    with path.open("rb") as stream:
        first = stream.read(1000)
    if first.startswith(layers.SQLITE):
        return ".gpkg"
    if first.startswith((b"PK\x03\x04", b"PK\x05\x06")):  # The second is an empty archive.
        return ".zip"
    if first.startswith(layers.SHAPEFILE_CODE):
        remedy = gettext_noop("Zip its parts (.shp, .dbf, .prj) and choose the zip")
        raise InputError(path, gettext_noop("it is only one part of a shapefile"), remedy)
    begins = first.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if begins == b"<":
        return GPX if b"<gpx" in first else layers.KML
    return ".geojson" if begins == b"{" else ""


def _union_polygons(layer: Path) -> BaseGeometry:
    """Return a layer's polygons as one area in degrees, repaired if they cross little. Raises InputError."""
    outlines: list[BaseGeometry] = []
    n_corners = 0
    for number, row in enumerate(read_features(layer, POLYGONS), start=1):
        if row.geometry is not None:
            n_corners += int(get_num_coordinates(row.geometry))
            outlines.append(row.geometry)
        if number > MAX_FEATURES or n_corners > MAX_CORNERS:
            problem = gettext_noop("it has more than %(features)s features or %(corners)s corners")
            raise InputError(layer, problem, SIMPLIFY, features=MAX_FEATURES, corners=MAX_CORNERS)
    if all(outline.is_valid for outline in outlines) and coverage_is_valid(outlines):
        return coverage_union_all(outlines)
    faulty = [outline for outline in outlines if not outline.is_valid]
    if _is_beyond(MAX_SIDE_PAIRS, map(len, _side_pairs(outlines))) or _is_beyond(
        MAX_CROSSINGS, (int(shapely.crosses(*pairs.T).sum()) for pairs in _side_pairs(faulty))
    ):
        remedy = gettext_noop("Repair and merge them first")
        raise InputError(layer, gettext_noop("its outlines cross each other"), remedy)
    return unary_union([outline if outline.is_valid else make_valid(outline) for outline in outlines])


def _side_pairs(outlines: Sequence[BaseGeometry]) -> Iterator[Any]:
    """Yield pairs (n, 2) of sides of outlines whose boxes overlap, each pair once, for some sides at a time."""
    corners, ring = shapely.get_coordinates(shapely.get_rings(shapely.get_parts(outlines)), return_index=True)
    starts = np.flatnonzero(ring[1:] == ring[:-1])
    sides: Any = shapely.linestrings(np.stack([corners[starts], corners[starts + 1]], axis=1))
    tree = shapely.STRtree(sides)
    for first in range(0, len(sides), SIDES_AT_ONCE):
        some, others = tree.query(sides[first : first + SIDES_AT_ONCE])
        once = others > first + some
        yield sides[np.stack([first + some[once], others[once]], axis=1)]


def _is_beyond(most: int, numbers: Iterator[int]) -> bool:
    """Return whether the sum of numbers exceeds a limit; further numbers are not computed then."""
    return any(total > most for total in accumulate(numbers))


def _border(path: Path, outline: BaseGeometry) -> BaseGeometry:
    """Return an outline with at most MAX_VERTICES corners, slightly widened if it had more. Raises InputError."""
    size_km2 = area_of(outline) / 1e6 if not outline.is_empty else 0.0
    if size_km2 <= 0:
        raise InputError(path, gettext_noop("it contains no polygons"), gettext_noop("Choose a file with polygons"))
    if size_km2 > MAX_KM2:
        problem = gettext_noop("it covers %(size)s km²; the limit is %(most)s km²")
        remedy = gettext_noop("Choose a smaller area within it")
        raise InputError(path, problem, remedy, size=round(size_km2), most=round(MAX_KM2))
    if get_num_coordinates(outline) > MAX_VERTICES:
        outline = outline.simplify(FINEST_BORDER_DEGREES / 10)
    n_corners, (west, south, east, north) = int(get_num_coordinates(outline)), outline.bounds
    is_dense = 2 * FINEST_BORDER_DEGREES * outline.length > (east - west) * (north - south)
    if n_corners > MAX_VERTICES and is_dense:  # Widening it would take minutes.
        problem = gettext_noop("its border has %(corners)s corners close to each other")
        raise InputError(path, problem, SIMPLIFY, corners=n_corners)
    return simple_border(outline)
