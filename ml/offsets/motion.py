"""Motion on the ground by offsets of a pair: metres a day to true east and true north, and how far they may be off.

The one place where pixels become metres a day. A pair is never registered perfectly: what stable ground seems to move
is removed from everything, and what is left of it there is the error that ITS_LIVE reports (RMSE over stationary
ground where there is some, else over the slowest quarter).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.projections import transformer
from ingest.readers.raster import north_on_map
from ml.statistics.robust import MAD_TO_SIGMA

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEAST_NODES = 100  # of stationary ground, to speak for it
QUARTER = 0.25


class PixelScale(NamedTuple):
    """Scale of the images in whose pixels offsets are counted: metres along a pixel, and days between the two."""

    posting_m: float
    days: int


class Nodes(NamedTuple):
    """Offsets of single nodes, (n,): where they stand in metres of the map `epsg`, and what they moved by, px."""

    x_m: Floats
    y_m: Floats
    dx_px: Floats
    dy_px: Floats
    sigma_px: Floats


class StableGround(NamedTuple):
    """Stable ground: its apparent median motion, removed, and what is left. east, north in m/day.

    where: 'stationary' or 'slowest', as ITS_LIVE distinguishes them; n: nodes that it stands on.
    """

    east_m_day: float
    north_m_day: float
    rmse_m_day: float
    where: str
    n: int


class GroundMotion(NamedTuple):
    """Motion (n,): metres a day to true east and north, and one standard deviation of either."""

    east_m_day: Floats
    north_m_day: Floats
    sigma_m_day: Floats


def ground_motion(nodes: Nodes, epsg: int, scale: PixelScale) -> GroundMotion:
    """Convert pixels right and down on a north-up map to metres a day to true east and true north.

    The map is taken as conformal and true to scale (UTM is within 0.1 %).
    """
    longitude, latitude = transformer(epsg, 4326).transform(nodes.x_m, nodes.y_m)
    on_map = (nodes.dx_px - 1j * nodes.dy_px) * (scale.posting_m / scale.days)  # rows run south
    turned = on_map * np.conj(north_on_map(epsg, np.asarray(longitude), np.asarray(latitude)))
    return GroundMotion(-turned.imag, turned.real, nodes.sigma_px * (scale.posting_m / scale.days))


def stable_ground(motion: GroundMotion, stationary: Bools) -> StableGround | None:
    """Measure the motion left on stable ground, which should be none; None where nothing is known.

    stationary: (n,), True where ground is believed to stand still. Without enough of it the slowest quarter speaks;
    its own noise makes it seem slower than it is, and the error with it too small.
    """
    known = np.isfinite(motion.east_m_day) & np.isfinite(motion.north_m_day)
    at, where = known & stationary, "stationary"
    if at.sum() < LEAST_NODES:
        east, north = (float(np.median(part[known])) if known.any() else 0.0 for part in motion[:2])
        speed = np.where(known, np.hypot(motion.east_m_day - east, motion.north_m_day - north), np.inf)
        at, where = speed <= np.quantile(speed[known], QUARTER) if known.any() else known, "slowest"
    if not at.any():
        return None
    shift, left = [], 0.0
    for part in (motion.east_m_day[at], motion.north_m_day[at]):
        middle = float(np.median(part))
        spread = max(MAD_TO_SIGMA * float(np.median(np.abs(part - middle))), 1e-6)
        own = part[np.abs(part - middle) <= 5 * spread]  # a slide in "stationary" ground is no error
        shift.append(middle)
        left += float(np.mean((own - middle) ** 2)) / 2
    return StableGround(shift[0], shift[1], float(np.sqrt(left)), where, int(at.sum()))


def against_stable(motion: GroundMotion, ground: StableGround) -> GroundMotion:
    """Reduce motion by that of stable ground; no error is smaller than that ground's own."""
    return GroundMotion(
        motion.east_m_day - ground.east_m_day,
        motion.north_m_day - ground.north_m_day,
        np.maximum(motion.sigma_m_day, ground.rmse_m_day),
    )


def into_cells(motion: GroundMotion, cell: NDArray[np.intp], cells: int) -> GroundMotion:
    """Average the nodes of each cell, weighted by their inverse variance, (cells,); NaN where none is known.

    cell: (n,), number of each node's cell, negative for none. Windows of neighbouring nodes overlap, so the error of a
    mean is that of its nodes: nothing is taken off.
    """
    known = (cell >= 0) & np.isfinite(motion.east_m_day) & np.isfinite(motion.north_m_day)
    known &= np.isfinite(motion.sigma_m_day) & (motion.sigma_m_day > 0)
    at, weight = cell[known], 1.0 / motion.sigma_m_day[known] ** 2
    total, count = np.bincount(at, weight, cells), np.bincount(at, minlength=cells)
    with np.errstate(invalid="ignore", divide="ignore"):
        east, north = (np.bincount(at, weight * part[known], cells) / total for part in motion[:2])
        sigma = np.sqrt(count / total)
    return GroundMotion(east, north, sigma)
