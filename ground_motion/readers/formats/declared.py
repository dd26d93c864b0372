"""Options of command lines with which a submitter declares what files do not state. Does not use Django."""

import argparse
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from shapely.errors import ShapelyError
from shapely.geometry import shape

from ground_motion.core.areas import disc, polygons_of
from ground_motion.core.errors import UnusableData
from ground_motion.readers.formats.registry import FORMATS
from ground_motion.readers.images.scenes import POLARISATIONS, SCALES
from ground_motion.readers.raster import MM_PER_UNIT, TOWARD
from ground_motion.readers.records import Declaration, Direction

MAX_STILL_BYTES = 2**20
NAMES = ("mapping", "unit", "positive", "track", "period", "scale", "polarisation", "acquired_at", "platform")


def period_of(text: str) -> tuple[date, date]:
    """Parse FIRST/LAST. Raises ArgumentTypeError."""
    try:
        first, last = (date.fromisoformat(day) for day in text.split("/"))
    except ValueError as fault:
        raise argparse.ArgumentTypeError(f"{text!r} is not a period: give two days, 2019-01-01/2023-12-31") from fault
    if last <= first:
        raise argparse.ArgumentTypeError(f"{text!r} ends before it begins")
    return first, last


def still_ground(text: str) -> str:
    """Parse LON,LAT,KM, or read the areas of a GeoJSON file; return WKT, degrees. Raises ArgumentTypeError."""
    try:
        if (path := Path(text)).is_file():
            content = json.loads(path.read_bytes()[:MAX_STILL_BYTES])
            parts = [shape(part.get("geometry", part)) for part in content.get("features", [content])]
            area = polygons_of(*parts)
        else:
            longitude, latitude, km = (float(number) for number in text.split(","))
            area = disc(longitude, latitude, 1000 * km)
    except (ValueError, TypeError, AttributeError, KeyError, ShapelyError, UnusableData) as fault:
        problem = f"{text[:80]!r} is no area: give a GeoJSON file of polygons, or a disc as LON,LAT,KM: 14.2,40.9,1.5"
        raise argparse.ArgumentTypeError(problem) from fault
    if area.is_empty:
        raise argparse.ArgumentTypeError(
            f"{text[:80]!r} holds no polygon: give the outline of ground that stands still"
        )
    return str(area.wkt)


def moment_of(text: str) -> datetime:
    """Parse a time, in UTC if it states no zone. Raises ArgumentTypeError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as fault:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: give it as 2021-01-19T03:16:53Z") from fault
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def add_declarations(parser: argparse.ArgumentParser) -> None:
    """Add the options. What a file states itself wins; a declaration that contradicts it is an error."""
    parser.add_argument("--format", default="auto", choices=["auto", *FORMATS])
    parser.add_argument("--unit", choices=[*MM_PER_UNIT], help="of velocities, where the file does not state it")
    parser.add_argument("--positive", choices=[*TOWARD], help="which way a positive velocity moves")
    parser.add_argument("--mapping", type=Path, help="TOML file that names a table's columns")
    days = "first and last day that velocities without a series cover"
    parser.add_argument("--period", type=period_of, metavar="FIRST/LAST", help=days)
    parser.add_argument("--track", type=int, help="relative orbit, where the file does not state it")
    image = parser.add_argument_group("of an image, where the file does not state it")
    image.add_argument("--scale", choices=SCALES, help="what its values are")
    image.add_argument("--polarisation", choices=POLARISATIONS, help="of a file of several: only this one")
    image.add_argument("--acquired", type=moment_of, dest="acquired_at", metavar="TIME", help="2021-01-19T03:16:53Z")
    image.add_argument("--platform", metavar="NAME", help="the satellite, S1A")
    image.add_argument("--direction", choices=[way.value for way in Direction if way])


def declaration_of(options: dict[str, Any]) -> Declaration:
    """Return what the options declare."""
    direction = Direction(options["direction"]) if options["direction"] else None
    return Declaration(**{name: options[name] for name in NAMES}, direction=direction)
