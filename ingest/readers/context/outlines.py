"""Polygons with their properties, mended where they cross themselves. One record at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from shapely import MultiPolygon, Polygon, make_valid

from ingest.vectors import shapefiles
from ingest.vectors.features import POLYGONS, read_features


class Outline(NamedTuple):
    """properties by lower-case name; outline None where the feature has none that can be used, and why."""

    properties: dict[str, Any]
    outline: MultiPolygon | None
    fault: str = ""


def read_outlines(path: Path) -> Iterator[Outline]:
    """Read every feature of a .geojson, .json, .shp or .gpkg. Raises InputError for a file that cannot be used."""
    for properties, geometry, fault in read_features(path, POLYGONS):
        if geometry is None:
            yield Outline(properties, None, fault)
            continue
        polygons = list(_polygons(geometry if geometry.is_valid else make_valid(geometry)))
        yield (
            Outline(properties, MultiPolygon(polygons))
            if polygons
            else Outline(properties, None, "an outline without any area")
        )


def property_names(path: Path) -> set[str]:
    """Return the lower-case names of the first feature's properties."""
    first = next(read_outlines(path), None)
    return set(first.properties) if first else set()


def parts_of(path: Path) -> tuple[Path, ...]:
    """Return the files that make up a layer: one, or those of a shapefile."""
    return shapefiles.parts_of(path) if path.suffix.lower() == shapefiles.SUFFIX else (path,)


def text_of(properties: dict[str, Any], *names: str) -> str:
    """Return the first of these properties with a value, as text."""
    for name in names:
        value = properties.get(name)
        if value is not None and str(value).strip():
            return str(value).strip()
    return ""


def _polygons(geometry: Any) -> Iterator[Polygon]:
    for part in getattr(geometry, "geoms", [geometry]):
        if isinstance(part, Polygon):
            if not part.is_empty:
                yield part
        elif hasattr(part, "geoms"):
            yield from _polygons(part)
