"""Whether the detections of an alert still are one place."""

import math
from collections.abc import Sequence

from shapely import affinity, from_wkb, unary_union

from detection.models import Detection
from ml.rasters.areas import DEFAULT_THRESHOLDS

METRES_PER_DEGREE = 111_320.0


def parts_apart(detections: Sequence[Detection]) -> list[list[Detection]]:
    """Detections by the part that they belong to, the largest part first; at least one detection.

    Parts are further from each other than patches that the search joins to one area.
    """
    shapes = [from_wkb(bytes(one.area.wkb)) for one in detections]
    shrink = math.cos(math.radians(shapes[0].centroid.y))
    on_plane = [affinity.scale(shape, xfact=shrink, origin=(0, 0)) for shape in shapes]
    grown = unary_union(on_plane).buffer(DEFAULT_THRESHOLDS.joined_m / 2 / METRES_PER_DEGREE)
    outlines = list(getattr(grown, "geoms", [grown]))
    parts: dict[int, list[Detection]] = {}
    for one, shape in zip(detections, on_plane, strict=True):
        number = next(at for at, outline in enumerate(outlines) if outline.intersects(shape))
        parts.setdefault(number, []).append(one)
    return sorted(parts.values(), key=lambda part: -max(one.area_m2 for one in part))
