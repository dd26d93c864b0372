"""The input of every detector: scattered velocities of one track on a plane."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.core.geometry import utm_zone_of
from ground_motion.core.projections import transformer
from ground_motion.rasters.areas import SortedPoints
from ground_motion.rasters.line_of_sight import line_of_sight_at

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


class PointCloud(NamedTuple):
    """Points of one product. x, y: (n,), m, in the plane `epsg`; velocity_mm_yr: (n,), with the product's sign.

    Rates are the product's, corrected for unwrapping errors if it has series (`series.product`). height_m: (n,), above
    any common level, NaN unknown; None if the product has no heights. sigma_mm_yr: usual standard deviation of its
    rates, mm/yr, from its statement or series; None unknown. cycles_undone: whether its series have no lost cycles
    left. direction: of its line of sight, ascending or descending; empty if unknown.
    """

    x: Float64
    y: Float64
    velocity_mm_yr: Float32
    epsg: int
    posting_m: float | None = None
    height_m: Float32 | None = None
    sigma_mm_yr: float | None = None
    cycles_undone: bool = False
    direction: str = ""

    def part(self, index: NDArray[np.intp]) -> "PointCloud":
        """Return some of the points."""
        height = None if self.height_m is None else self.height_m[index]
        return self._replace(
            x=self.x[index], y=self.y[index], velocity_mm_yr=self.velocity_mm_yr[index], height_m=height
        )


def project(
    longitude: Float64,
    latitude: Float64,
    velocity_mm_yr: Float32,
    height_m: Float32 | None = None,
    epsg: int | None = None,
    posting_m: float | None = None,
) -> PointCloud:
    """Project geographic points (degrees, EPSG:4326) to a plane: the given one, or the UTM zone of their middle."""
    if epsg is None:
        epsg = utm_zone_of(longitude, latitude)
    x, y = transformer(4326, epsg).transform(longitude, latitude)
    return PointCloud(x, y, velocity_mm_yr, epsg, posting_m, height_m)


def sorted_points(cloud: PointCloud) -> SortedPoints:
    """Sort the points of a cloud for the measurement of areas and causes."""
    line_of_sight = None
    if cloud.x.size and cloud.direction:
        middle = float(np.median(cloud.x)), float(np.median(cloud.y))
        line_of_sight = line_of_sight_at(cloud.direction, cloud.epsg, *middle)
    return SortedPoints(cloud.x, cloud.y, cloud.velocity_mm_yr, cloud.height_m, line_of_sight)


def usual(sigma_mm_yr: Float32) -> float | None:
    """Return the median of the known standard deviations (n,), mm/yr; None if none is known."""
    known = sigma_mm_yr[np.isfinite(sigma_mm_yr)]
    return float(np.median(known)) if known.size else None
