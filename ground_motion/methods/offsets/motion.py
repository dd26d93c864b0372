"""Motion on the ground from the offsets of a pair: metres a day to true east and true north, with standard deviations.

Only this module converts pixels to metres a day. A pair is never registered perfectly. Therefore the apparent motion of
stable ground is subtracted everywhere; its remaining scatter is the error that ITS_LIVE reports.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.core.projections import transformer
from ground_motion.readers.raster import north_on_map
from ground_motion.statistics.robust import MAD_TO_SIGMA

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MIN_NODES = 100  # If fewer nodes are stationary, the slowest quarter is used.
QUARTER = 0.25


class PixelScale(NamedTuple):
    """Scale of a pair's offsets: metres per pixel, and days between the images."""

    posting_m: float
    days: int


class Nodes(NamedTuple):
    """Offsets of single nodes, (n,): their positions in metres on a map, and their displacements in px."""

    x_m: Floats
    y_m: Floats
    dx_px: Floats
    dy_px: Floats
    sigma_px: Floats


class StableGround(NamedTuple):
    """Apparent motion of stable ground: the median, which is subtracted, and the RMSE that remains; m/day.

    where: 'stationary' or 'slowest', as ITS_LIVE distinguishes them; n: number of nodes used.
    """

    east_m_day: float
    north_m_day: float
    rmse_m_day: float
    where: str
    n: int


class GroundMotion(NamedTuple):
    """Motion (n,): metres a day to true east and north, and one standard deviation of each."""

    east_m_day: Floats
    north_m_day: Floats
    sigma_m_day: Floats


def ground_motion(nodes: Nodes, epsg: int, scale: PixelScale) -> GroundMotion:
    """Convert pixels right and down on a north-up conformal map to m/day to true east and north (UTM: within 0.1 %)."""
    longitude, latitude = transformer(epsg, 4326).transform(nodes.x_m, nodes.y_m)
    on_map = (nodes.dx_px - 1j * nodes.dy_px) * (scale.posting_m / scale.days)  # Rows run south.
    turned = on_map * np.conj(north_on_map(epsg, np.asarray(longitude), np.asarray(latitude)))
    return GroundMotion(-turned.imag, turned.real, nodes.sigma_px * (scale.posting_m / scale.days))


def stable_ground(motion: GroundMotion, stationary: Bools) -> StableGround | None:
    """Measure the apparent motion of stable ground, which should be zero; None where nothing is known.

    stationary: (n,), True where ground is believed to be stable. Without enough of it the slowest quarter is used;
    because noise decides which nodes seem slow, the error is then underestimated.
    """
    known = np.isfinite(motion.east_m_day) & np.isfinite(motion.north_m_day)
    at, where = known & stationary, "stationary"
    if at.sum() < MIN_NODES:
        east, north = (float(np.median(part[known])) if known.any() else 0.0 for part in motion[:2])
        speed = np.where(known, np.hypot(motion.east_m_day - east, motion.north_m_day - north), np.inf)
        at, where = speed <= np.quantile(speed[known], QUARTER) if known.any() else known, "slowest"
    if not at.any():
        return None
    shift, left = [], 0.0
    for part in (motion.east_m_day[at], motion.north_m_day[at]):
        middle = float(np.median(part))
        spread = max(MAD_TO_SIGMA * float(np.median(np.abs(part - middle))), 1e-6)
        own = part[np.abs(part - middle) <= 5 * spread]  # Motion on "stationary" ground is no error of offsets.
        shift.append(middle)
        left += float(np.mean((own - middle) ** 2)) / 2
    return StableGround(shift[0], shift[1], float(np.sqrt(left)), where, int(at.sum()))


def against_stable(motion: GroundMotion, ground: StableGround) -> GroundMotion:
    """Subtract the apparent motion of stable ground; raise each sigma to at least the RMSE of stable ground."""
    return GroundMotion(
        motion.east_m_day - ground.east_m_day,
        motion.north_m_day - ground.north_m_day,
        np.maximum(motion.sigma_m_day, ground.rmse_m_day),
    )


def into_cells(motion: GroundMotion, cell: NDArray[np.intp], cells: int) -> GroundMotion:
    """Average the nodes in each cell, weighted by inverse variance, to (cells,); NaN for a cell without known nodes.

    cell: (n,), number of each node's cell, negative for none. Windows overlap, so averaging reduces no error.
    """
    known = (cell >= 0) & np.isfinite(motion.east_m_day) & np.isfinite(motion.north_m_day)
    known &= np.isfinite(motion.sigma_m_day) & (motion.sigma_m_day > 0)
    at, weight = cell[known], 1.0 / motion.sigma_m_day[known] ** 2
    total, count = np.bincount(at, weight, cells), np.bincount(at, minlength=cells)
    with np.errstate(invalid="ignore", divide="ignore"):
        east, north = (np.bincount(at, weight * part[known], cells) / total for part in motion[:2])
        sigma = np.sqrt(count / total)
    return GroundMotion(east, north, sigma)
