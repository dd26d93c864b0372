"""Areas that a search service may learn of the places that people watch: coarse boxes, and nothing else.

A person who watches their house draws a circle around it. Every area is therefore widened to a grid of 0.1 degrees
(about 10 km) before it leaves this machine, so that the box has neither the place's middle nor its size.
"""

import math
from collections.abc import Iterable

from shapely import Polygon, box, unary_union
from shapely.geometry.base import BaseGeometry

GRIDS_DEG = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 90.0)
MOST_AREAS = 20


def coarse(areas: Iterable[BaseGeometry], most: int = MOST_AREAS) -> list[Polygon]:
    """Return at most so many boxes on a grid, in degrees, that together hold all areas; coarser if there are more."""
    parts = [part for area in areas for part in getattr(area, "geoms", [area]) if not part.is_empty]
    boxes: list[Polygon] = []
    for grid_deg in GRIDS_DEG:
        boxes = _joined([_widened(part.bounds, grid_deg) for part in parts])
        if len(boxes) <= most:
            break
    return boxes


def _widened(bounds: tuple[float, float, float, float], grid_deg: float) -> Polygon:
    west, south, east, north = bounds
    return box(
        max(-180.0, round(math.floor(west / grid_deg) * grid_deg, 6)),
        max(-90.0, round(math.floor(south / grid_deg) * grid_deg, 6)),
        min(180.0, round(_above(east, west, grid_deg), 6)),
        min(90.0, round(_above(north, south, grid_deg), 6)),
    )


def _above(high: float, low: float, grid_deg: float) -> float:
    """Return the next line of the grid; a point on a line gets a whole cell."""
    line = math.ceil(high / grid_deg) * grid_deg
    return line if line > math.floor(low / grid_deg) * grid_deg else line + grid_deg


def _joined(boxes: list[Polygon]) -> list[Polygon]:
    """Join boxes until no two touch."""
    while True:
        together = unary_union(boxes)
        merged = [box(*part.bounds) for part in getattr(together, "geoms", [together]) if not part.is_empty]
        if len(merged) == len(boxes):
            return merged
        boxes = merged
