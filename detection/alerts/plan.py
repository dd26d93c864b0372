"""Planned steps of alerts, and outlines that belong together. Pure: shapes in, numbers out; no database."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from shapely import affinity, unary_union
from shapely.geometry.base import BaseGeometry

from detection.rules.lifecycle import State
from detection.rules.updates import Change
from ground_motion.core.areas import join_halves, turn_near
from ground_motion.rasters.areas import DEFAULT_THRESHOLDS

SAME_PLACE_SHARE = 0.1  # Areas that share this part of the smaller one are the same place.
METRES_PER_DEGREE = 111_320.0


class Step(NamedTuple):
    """Planned change of an alert to another state; if `to` is its present state, an update of its figures."""

    to: State
    reason: str
    changes: tuple[Change, ...] = ()


def best_match(area: BaseGeometry, known: Iterable[tuple[BaseGeometry, State]]) -> int | None:
    """Return the index of the alert that shares most area with `area`, at least a tenth of the smaller outline.

    Finished alerts are matched only if no other one overlaps. Without a match, None is returned.
    """
    shared = []
    for number, (outline, state) in enumerate(known):
        overlap = area.intersection(outline).area
        if overlap >= SAME_PLACE_SHARE * min(area.area, outline.area):
            shared.append((state != State.FINISHED, overlap, -number))
    return -max(shared)[2] if shared else None


def parts_apart(shapes: Sequence[BaseGeometry], areas_m2: Sequence[float]) -> list[list[int]]:
    """Group outlines (degrees) that are not near each other; return indices by part, the largest outline first."""
    shrink = math.cos(math.radians(shapes[0].centroid.y))
    near = join_halves(shapes[0]).centroid.x
    on_plane = [affinity.scale(turn_near(shape, near), xfact=shrink, origin=(0, 0)) for shape in shapes]
    grown = unary_union(on_plane).buffer(DEFAULT_THRESHOLDS.joined_m / 2 / METRES_PER_DEGREE)
    outlines = list(getattr(grown, "geoms", [grown]))
    parts: dict[int, list[int]] = {}
    for position, shape in enumerate(on_plane):
        number = next(at for at, outline in enumerate(outlines) if outline.intersects(shape))
        parts.setdefault(number, []).append(position)
    return sorted(parts.values(), key=lambda part: -max(areas_m2[position] for position in part))
