"""Spacing of points, if they are the cells of a regular grid.

Offsets between nearby cells are whole steps along two axes; those between scattered points hardly ever are.
"""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from ground_motion.core import projections
from ground_motion.core.geometry import longitude_near, middle_of, utm_epsg
from ground_motion.readers.records import Float64

MAX_COORDINATE_M = 1e8  # Positions beyond it are damaged; the gate refuses them.
FINEST_M = 20.0  # Closer steps are those of rounded coordinates, or of the radar's own pixels.
NEIGHBOURS = 8
MIN_POINTS = 50
MAX_SAMPLED = 5_000  # This many places, spread evenly, give as sure a spacing as all, and soon.
MIN_PAIRS = 20  # Least number of pairs along each axis.
NEAR_STEPS = 2.5
TOLERANCE = 0.1  # Cells have rounded coordinates; only 4 % of chance offsets lie within this share of a step.
MIN_SHARE = 0.9
ALIGNED_DEG = 0.1


class Lattice(NamedTuple):
    """Regular grid. posting_m: its longer step, m; turned_deg: angle of its axes to x and y, degrees within ± 45."""

    posting_m: float
    turned_deg: float

    @property
    def is_aligned(self) -> bool:
        """Whether rows and columns run along x and y."""
        return abs(self.turned_deg) < ALIGNED_DEG


class Spacing(NamedTuple):
    """Spacing of points. posting_m: None if scattered; epsg: system with whose axes the cells are aligned, if known."""

    posting_m: float | None
    epsg: int | None


def lattice_of(x: Float64, y: Float64) -> Lattice | None:
    """Return the grid whose cells are at x, y: (n,), m, in a plane; None if the points are scattered."""
    places = np.unique(np.column_stack([x, y]), axis=0)
    places = places[np.all(np.abs(places) < MAX_COORDINATE_M, axis=1)]
    if len(places) < MIN_POINTS:
        return None
    sample = places[:: max(1, len(places) // MAX_SAMPLED)]
    distance, index = scipy.spatial.cKDTree(places).query(sample, k=NEIGHBOURS + 1)
    offsets = (places[index[:, 1:]] - sample[:, None]).reshape(-1, 2)
    step = float(np.percentile(distance[:, 1], 10))
    if step < FINEST_M:
        return None
    turned = _axes(offsets[np.hypot(offsets[:, 0], offsets[:, 1]) < step * (1 + TOLERANCE)])
    along, across = np.abs(offsets @ np.array([[np.cos(turned), -np.sin(turned)], [np.sin(turned), np.cos(turned)]])).T
    first, second = _side(along[across < TOLERANCE * step]), _side(across[along < TOLERANCE * step])
    if first is None or second is None:
        return None
    steps: Float64 = np.column_stack([along / first, across / second])
    near = np.all(steps < NEAR_STEPS, axis=1)
    whole = np.all(np.abs(steps - np.rint(steps)) < TOLERANCE, axis=1)
    if near.sum() < len(sample) or whole[near].mean() < MIN_SHARE:
        return None
    longer = max(first, second)
    return Lattice(round(longer, 0 if longer >= 100 else 1), float(np.degrees(turned)))


def spacing_of(longitude: Float64, latitude: Float64, epsg: int | None = None) -> Spacing:
    """Return the spacing of positions (n,), degrees, if they are cells of a grid in degrees or any projection.

    epsg: of the positions, if known; a grid in an unknown projection or one not true to scale is sought in UTM.
    """
    known = np.isfinite(longitude) & np.isfinite(latitude)
    longitude, latitude = longitude[known], latitude[known]
    if not longitude.size:
        return Spacing(None, None)
    middle = middle_of(longitude, latitude)
    if epsg is not None and projections.is_metric(epsg, *middle):
        own = lattice_of(*projections.transformer(4326, epsg).transform(longitude, latitude))
        if own is not None and own.is_aligned:
            return Spacing(own.posting_m, epsg)
    east_m, north_m = _metres_per_degree(*middle)
    of_degrees = lattice_of(longitude_near(longitude, middle[0]) * east_m, latitude * north_m)
    if of_degrees is not None and of_degrees.is_aligned:
        return Spacing(of_degrees.posting_m, None)
    of_metres = lattice_of(*projections.transformer(4326, utm_epsg(*middle)).transform(longitude, latitude))
    return Spacing(of_metres.posting_m if of_metres else None, None)


def _metres_per_degree(longitude: float, latitude: float) -> tuple[float, float]:
    east = projections.EARTH.line_length([longitude, longitude + 0.01], [latitude, latitude])
    north = projections.EARTH.line_length([longitude, longitude], [latitude - 0.005, latitude + 0.005])
    return 100 * east, 100 * north


def _axes(offsets: Float64) -> float:
    """Return the angle of two perpendicular axes, radians within ± pi/4. offsets: (n, 2), each along one of them."""
    return float(np.angle(np.exp(4j * np.arctan2(offsets[:, 1], offsets[:, 0])).mean()) / 4)


def _side(lengths: NDArray[np.float64]) -> float | None:
    """Return the step along an axis. lengths: distances of neighbours along it; None if these are too few."""
    if lengths.size < MIN_PAIRS:
        return None
    shortest = float(np.percentile(lengths, 10))
    return float(lengths[np.abs(lengths - shortest) <= TOLERANCE * shortest].mean())
