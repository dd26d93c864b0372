"""A rail, dike, pipe or road as a line: GeoJSON, KML, GPX, GeoPackage, CSV of corners, or a zip with a shapefile."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import numpy as np
from defusedxml.ElementTree import iterparse
from numpy.typing import NDArray
from shapely import LineString, Point, STRtree, get_coordinates, get_parts, linestrings, to_wkb

from ground_motion.core.errors import InputError, gettext_noop, refusing
from ground_motion.core.geometry import METRES_PER_DEGREE, longitude_near
from ground_motion.core.projections import EARTH
from ground_motion.readers.given.boundaries import GPX, MAX_UNPACKED_BYTES, SIMPLIFY, suffix_of
from ground_motion.readers.given.tables import corner_of, read_table
from ground_motion.readers.vectors import layers
from ground_motion.readers.vectors.features import ROADS, read_features
from ground_motion.readers.vectors.packages import unpack

TABLE = ".csv"
LINES = ROADS._replace(key="")
MAX_PIECES, MAX_CORNERS = 2000, 20_000
MIN_LENGTH_M, MAX_LENGTH_M = 100.0, 500_000.0
JOIN_M = 5.0  # Pieces whose ends are this near each other are one line.
# Tracks that were joined into one line there and back lie about as near each other as their ends; hairpins lie farther
# apart. Judged: from a quarter of a line on, its kilometres name no place.
BESIDE_M, SAMPLES, MAX_DOUBLE = 2 * JOIN_M, 200, 0.25
POINTS, PARTS = {"trkpt", "rtept"}, {"trkseg", "rte"}
DEGREES = gettext_noop("Write latitude and longitude in degrees, like 46.99")

Corners = NDArray[np.float64]


def read(path: Path) -> bytes:
    """Read a file with one line, which may be in pieces; return the line, in the direction of its first piece, as JSON.

    path: any name, because the type is recognised by the content; the file is renamed. Keys of the JSON: line, a
    LineString in degrees as hexadecimal WKB; length_m. Raises InputError.
    """
    named = path.rename(path.with_name(f"line{suffix_of(path) or TABLE}"))
    with unpack(named, most_bytes=MAX_UNPACKED_BYTES) as layer:
        pieces, n_corners = [], 0
        for piece in _pieces(layer):
            pieces.append(piece)
            n_corners += len(piece)
            if len(pieces) > MAX_PIECES or n_corners > MAX_CORNERS:
                problem = gettext_noop("it has more than %(pieces)s pieces or %(corners)s corners")
                raise InputError(path, problem, SIMPLIFY, pieces=MAX_PIECES, corners=MAX_CORNERS)
        if not pieces:
            raise InputError(path, gettext_noop("it contains no line"), gettext_noop("Choose a file with one line"))
        corners = _joined(path, pieces)
        if np.abs(corners[:, 0]).max() > 180 or np.abs(np.diff(corners[:, 0])).max() > 180:
            problem = gettext_noop("its line crosses longitude 180°")
            raise InputError(path, problem, gettext_noop("Give what lies on each side as a line of its own"))
        line = LineString(corners)
    length_m = EARTH.geometry_length(line)
    if not MIN_LENGTH_M <= length_m <= MAX_LENGTH_M:
        problem = gettext_noop("its line is %(length)s km long")
        remedy = gettext_noop("Upload a line of 0.1 to 500 km, or a longer one in parts")
        raise InputError(path, problem, remedy, length=round(length_m / 1000, 2))
    if _is_double(corners):
        problem = gettext_noop("its line runs back beside itself")
        raise InputError(path, problem, gettext_noop("Give the line once, in one direction"))
    return json.dumps({"line": to_wkb(line, hex=True), "length_m": length_m}, allow_nan=False).encode()


def _pieces(layer: Path) -> Iterator[Corners]:
    """Yield the corners (n, 2), longitude and latitude, of each piece of a file's lines. Raises InputError."""
    suffix = layer.suffix.lower()
    if suffix == GPX:
        yield from _tracks(layer)
    elif suffix in layers.SUFFIXES:
        for row in read_features(layer, LINES):
            yield from map(get_coordinates, get_parts(row.geometry) if row.geometry is not None else ())
    else:
        yield _corners_of_table(layer)


def _tracks(path: Path) -> Iterator[Corners]:
    """Yield the corners of each segment of a track, and of each route, of a GPX file. Raises InputError."""
    corners: list[tuple[float, float]] = []
    with refusing(path, layers.UNREADABLE, layers.EXPORT, ParseError, ValueError, LookupError, format="GPX"):
        for _event, element in iterparse(path):
            name = str(element.tag).rpartition("}")[2]
            if name in POINTS:
                corners.append((float(element.get("lon", "")), float(element.get("lat", ""))))
            if name in PARTS and len(corners) > 1:
                yield _on_earth(path, corners)
            if name in PARTS:
                corners = []
            element.clear()


def _on_earth(path: Path, corners: list[tuple[float, float]]) -> Corners:
    degrees = np.array(corners, dtype=np.float64)
    if not (np.abs(degrees) <= (180, 90)).all():  # NaN is refused, too.
        raise InputError(path, gettext_noop("one of its corners is not a place on Earth"), DEGREES)
    return degrees


def _corners_of_table(path: Path) -> Corners:
    """Return the corners of a table with a row for each, in their order. Raises InputError."""
    columns, rows = read_table(path)
    corners = []
    for number, row in islice(rows, MAX_CORNERS + 1):
        corner = corner_of(row, columns)
        if corner is None:
            raise InputError(path, gettext_noop("row %(row)s is no corner"), DEGREES, row=number)
        corners.append(corner)
    if len(corners) < 2:
        problem = gettext_noop("it has fewer than two corners")
        raise InputError(path, problem, gettext_noop("Add one row for each corner"))
    return _on_earth(path, corners)


def _joined(path: Path, pieces: list[Corners]) -> Corners:
    """Return pieces (n, 2) joined end to end, in the direction of the first. Raises InputError with the first gap."""
    course, rest = [pieces[0]], pieces[1:]
    ends = np.array([(piece[0], piece[-1]) for piece in rest]).reshape(-1, 2, 2)
    left = np.ones(len(rest), dtype=bool)
    while left.any():
        gaps = [_gaps_m(end, ends, left) for end in (course[-1][-1], course[0][0])]
        side = int(gaps[1].min() < gaps[0].min())
        piece, turned = np.unravel_index(int(gaps[side].argmin()), gaps[side].shape)
        if gaps[side][piece, turned] > JOIN_M:
            problem = gettext_noop("its pieces do not join (a gap of %(gap)s m)")
            gap = round(float(gaps[side][piece, turned]))
            raise InputError(path, problem, gettext_noop("Give one line, or close the gap"), gap=gap)
        corners = rest[piece][::-1] if turned != side else rest[piece]
        course.insert(len(course) if side == 0 else 0, corners)
        left[piece] = False
    return np.concatenate(course)


def _is_double(corners: Corners) -> bool:
    """Return whether much of a line, corners in degrees (n, 2), has another part of the line next to it."""
    scale = METRES_PER_DEGREE * np.array([np.cos(np.radians(corners[:, 1].mean())), 1.0])
    course = np.concatenate([corners[:1], corners[1:][(np.diff(corners, axis=0) != 0).any(axis=1)]]) * scale
    at_m = np.concatenate([[0.0], np.hypot(*np.diff(course, axis=0).T).cumsum()])
    bend_m = 4 * BESIDE_M  # A part of the line that is no farther along belongs to the same bend.
    pairs: Any = linestrings(np.stack([course[:-1], course[1:]], axis=1))
    sides = STRtree(pairs)
    double = 0
    for sample_m in np.linspace(0, at_m[-1], SAMPLES):
        point = Point(np.interp(sample_m, at_m, course[:, 0]), np.interp(sample_m, at_m, course[:, 1]))
        near = sides.query(point, predicate="dwithin", distance=BESIDE_M)
        double += bool(((at_m[near] > sample_m + bend_m) | (at_m[near + 1] < sample_m - bend_m)).any())
    return double > MAX_DOUBLE * SAMPLES


def _gaps_m(end: Corners, ends: NDArray[np.float64], left: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the distances (pieces, 2) in metres from an end of the line to both ends of each piece that is left."""
    east_m = (longitude_near(ends[..., 0], end[0]) - end[0]) * METRES_PER_DEGREE * np.cos(np.radians(end[1]))
    north_m = (ends[..., 1] - end[1]) * METRES_PER_DEGREE
    return np.where(left[:, np.newaxis], np.hypot(east_m, north_m), np.inf)
