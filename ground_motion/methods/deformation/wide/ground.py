"""Ground that moves as a whole against the datum of its product, such as a city, a delta or a gas field.

Other searches compare a place with its surroundings, so that they miss what fills the view. Where something outside the
file confirms the datum, wide motion is seen directly. Tectonic motion and tilts move wide ground as well, but they
divide a scene into two halves. Motion therefore counts only if still ground lies on more than one side of it, in the
product itself. Stations that move with the ground replace this rim where rates are vertical.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from ground_motion.methods.deformation.gridding.points import Float32, PointCloud
from ground_motion.methods.deformation.wide.cells import WideCells, wide_cells
from ground_motion.methods.deformation.wide.regions import MIN_HOLE_M2, WideRegion
from ground_motion.methods.deformation.wide.search import CONFIRMING_SHARE, MIN_CELLS, is_reported
from ground_motion.rasters.areas import outline
from ground_motion.rasters.regions import EIGHT
from ground_motion.statistics.robust import MAD_TO_SIGMA

MIN_MM_YR = 3.0  # Slower motion is that of seams between frames, and of continents.
DRAWN_SIGMAS = 2.0  # A region is drawn where it moves by this many standard deviations of the datum.
SIGMAS = 2.75  # A region's median moves by this many: 2 of 400 simulated still scenes of 10,000 km² had one.
MIN_KM2 = 60.0  # Narrower motion stands out from its surroundings, so that other searches find it.
MEDIAN_KM = 5.0
MIN_SHARE = 0.3  # This share of the cells around a cell must be known.
RIM_KM = 3.0  # Still ground within this distance of a region bounds it.
SECTORS, MIN_SECTORS = 36, 21  # Ground beyond a straight line lies in half of the sectors at most.
MAX_OTHER_WAY = 0.5  # More motion the other way, as a share of a region's area, means delay or a tilt.
MIN_STATIONS = 2


class Station(NamedTuple):
    """A station whose rate has no horizontal part. x, y: metres."""

    x: float
    y: float
    mm_yr: float


def wide_ground(
    points: PointCloud, sigma_mm_yr: float, stations: Sequence[Station] = (), reported: Sequence[BaseGeometry] = ()
) -> list[WideRegion]:
    """Return wide ground that surely moves, the surest first; a score is the rate in its standard deviations.

    Args:
        points: Points of a product, with rates against a datum that something outside the file confirms.
        sigma_mm_yr: Standard deviation of that datum.
        stations: Stations that show vertical motion; none where rates are not vertical.
        reported: Known areas; they may lie inside a region, but their rates do not count.
    """
    cells = wide_cells(points)
    if reported:
        inside = geometry_mask(reported, cells.rate_mm_yr.shape, cells.transform, invert=True)
        cells = cells._replace(rate_mm_yr=np.where(inside, np.float32(np.nan), cells.rate_mm_yr))
    if np.count_nonzero(cells.known) < MIN_CELLS:
        return []
    rate, level, found = _medians(cells), max(MIN_MM_YR, DRAWN_SIGMAS * sigma_mm_yr), []
    moving = {sign: ndimage.binary_fill_holes(ndimage.binary_opening(sign * rate >= level, EIGHT)) for sign in (-1, 1)}
    for sign, mask in moving.items():
        for part in _parts(mask, MIN_KM2 / cells.cell_km**2):
            if np.count_nonzero(moving[-sign]) > MAX_OTHER_WAY * np.count_nonzero(part):
                continue
            median = float(np.nanmedian(rate[part]))
            bounded = _is_bounded(part, np.abs(rate) < level, cells.cell_km)
            if not bounded and not _is_shown(part, median, cells, stations):
                continue
            sigma = float(np.hypot(sigma_mm_yr, _scatter(rate[~part if bounded else part])))
            if abs(median) >= SIGMAS * sigma:
                shape, peak = outline(part, cells.transform, MIN_HOLE_M2), sign * float(np.nanmax(sign * rate[part]))
                found.append(WideRegion(shape, shape, median, peak, sigma, abs(median) / sigma, ()))
    return sorted((one for one in found if not is_reported(one, reported)), key=lambda one: -one.score)


def _medians(cells: WideCells) -> Float32:
    """Return the median rate of the cells around each cell, (rows, cols); NaN where too few are known."""
    reach = max(1, round(MEDIAN_KM / cells.cell_km / 2))
    around = np.pad(cells.rate_mm_yr, reach, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(around, (2 * reach + 1, 2 * reach + 1))
    windows = windows.reshape(*cells.known.shape, -1)
    enough = np.isfinite(windows).mean(axis=-1) >= MIN_SHARE
    rate = np.full(cells.known.shape, np.nan, dtype=np.float32)
    rate[enough] = np.nanmedian(windows[enough], axis=-1)
    return rate


def _scatter(rate_mm_yr: Float32) -> float:
    """Return the scatter of smoothed rates, (n,): delay and orbits leave it over kilometres."""
    return MAD_TO_SIGMA * float(np.nanmedian(np.abs(rate_mm_yr - np.nanmedian(rate_mm_yr))))


def _parts(mask: NDArray[np.bool_], min_cells: float) -> Iterator[NDArray[np.bool_]]:
    labels, n = ndimage.label(mask)
    sizes = np.bincount(labels.ravel(), minlength=n + 1)
    return (labels == label for label in range(1, n + 1) if sizes[label] >= min_cells)


def _is_bounded(part: NDArray[np.bool_], still: NDArray[np.bool_], cell_km: float) -> bool:
    """Return whether still ground lies around a part in most directions, seen from its middle."""
    near = ndimage.binary_dilation(part, EIGHT, iterations=max(1, round(RIM_KM / cell_km)))
    rows, cols = np.nonzero(near & ~part & still)
    row, col = ndimage.center_of_mass(part)
    sectors = np.floor(np.arctan2(rows - row, cols - col) / (2 * np.pi) * SECTORS)
    return np.unique(sectors).size >= MIN_SECTORS


def _is_shown(part: NDArray[np.bool_], rate_mm_yr: float, cells: WideCells, stations: Sequence[Station]) -> bool:
    """Return whether enough stations on a part move its way, at least half as fast."""
    n_showing = 0
    for station in stations:
        col, row = (int(np.floor(at)) for at in ~cells.transform @ (station.x, station.y))
        inside = 0 <= row < part.shape[0] and 0 <= col < part.shape[1] and part[row, col]
        n_showing += bool(inside and station.mm_yr / rate_mm_yr >= CONFIRMING_SHARE)
    return n_showing >= MIN_STATIONS
