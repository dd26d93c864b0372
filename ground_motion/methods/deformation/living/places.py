"""Places whose living series surely bend: neighbouring clusters that are reported, as one outline with its figures."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from scipy import ndimage
from shapely import MultiPolygon, box, unary_union

from ground_motion.core.areas import polygons_of
from ground_motion.methods.deformation.living.changes import CELL_M, MIN_SCORE, Bends, Clusters
from ground_motion.methods.deformation.living.inversion import LivingState
from ground_motion.rasters.regions import EIGHT


class BentPlace(NamedTuple):
    """A place that leaves its forecast.

    Attributes:
        outline: In the plane of the points, metres.
        n_points: Points inside.
        score: Standard deviations of the bend of its fastest cluster that surely bends, without sign.
        since: Last day on which it still followed its forecast.
        before_mm_yr: Median rate of its points in the release, positive toward the satellite.
        change_mm_yr, sigma_mm_yr: Change of the rate of the fastest cluster, and its standard deviation.
    """

    outline: MultiPolygon
    n_points: int
    score: float
    since: date
    before_mm_yr: float
    change_mm_yr: float
    sigma_mm_yr: float


def bent_places(state: LivingState, clusters: Clusters, found: Bends, days: Sequence[date]) -> list[BentPlace]:
    """Return the places of clusters that surely bend, the surest first. days: provisional, ascending."""
    places, cells = [], clusters.cells
    for towards in (1, -1):
        chosen = np.flatnonzero(found.score * towards >= MIN_SCORE)
        grid = np.zeros(cells.rows * cells.cols, dtype=bool)
        grid[clusters.tested[chosen]] = True
        labels = ndimage.label(grid.reshape(cells.rows, cells.cols), EIGHT)[0].ravel()
        own = labels[clusters.tested[chosen]]
        for number in np.unique(own):
            members = chosen[own == number]
            fastest = members[np.argmax(np.abs(found.change_mm_yr[members]))]
            inside = np.isin(clusters.own, clusters.tested[members])
            east, north = cells.centre(clusters.tested[members])
            half = CELL_M / 2
            squares = box(east - half, north - half, east + half, north + half)
            first = int(found.since[fastest])
            places.append(
                BentPlace(
                    outline=polygons_of(unary_union(squares)),
                    n_points=int(inside.sum()),
                    score=float(abs(found.score[fastest])),
                    since=days[first] if first >= 0 else state.released,
                    before_mm_yr=float(np.nanmedian(state.forecast.coefficients[inside, 1])),
                    change_mm_yr=float(found.change_mm_yr[fastest]),
                    sigma_mm_yr=float(found.sigma_mm_yr[fastest]),
                )
            )
    return sorted(places, key=lambda place: -place.score)
