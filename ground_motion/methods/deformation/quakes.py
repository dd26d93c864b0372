"""Whether an earthquake probably moved the ground measurably, and how far around its epicentre. Pure.

The rupture is a plane in an elastic half-space (Okada 1985, doi:10.1785/BSSA0750041135) that dips and slips as its
mechanism does. Its length and width follow from the magnitude (Wells and Coppersmith 1994, table 2A,
doi:10.1785/BSSA0840040974), its mean slip from these, the moment (Hanks and Kanamori 1979,
doi:10.1029/JB084iB05p02348) and the rigidity (PREM, Dziewonski and Anderson 1981).

Motion is measurable where it exceeds 10 mm and the scatter of the troposphere between places so far apart, 2.5 mm times
the square root of km (Emardson et al. 2003, doi:10.1029/2002JB001781).
"""

from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MIN_MOTION_MM = 10.0  # Least motion in the line of sight that an interferogram shows.
MIN_OFFSETS_M = 0.5  # Offsets between two amplitude images show no smaller motion.
TROPOSPHERE_MM = 2.5  # Tropospheric error per square root of the distance in km.
# Incidence angle; azimuths toward the satellite on ascending and descending orbits.
INCIDENCE, SATELLITE_AZIMUTHS = np.radians(37.0), np.radians([258.0, 102.0])
STRIKES = np.radians(np.arange(0.0, 360.0, 15.0))  # The strike counts as unknown: motion is the mean over these.
CRUST_KM = 40.0
RIGIDITY_PA = (30e9, 70e9)  # in the crust, and below it
CELLS = 16, 8  # The rupture is the sum of this number of point sources along strike and down dip.
# Ruptures begin in their deeper part: the hypocentre is below the middle by this share of the rupture's height (Mai et
# al. 2005, doi:10.1785/0120040111).
BELOW_MIDDLE = 0.15
# A quarter of the rupture slips twice the mean (Somerville et al. 1999, doi:10.1785/gssrl.70.1.59), and this many times
# as far as the rest. It is assumed in the upper half, where it moves the ground most.
ASPERITY = 3.0
POISSON = 0.5  # Okada's mu / (lambda + mu), of a Poisson solid
ERUPTION_KM = 15.0  # Motion at volcanoes seldom reaches farther: Ebmeier et al. 2018, doi:10.1186/s13617-018-0071-3.
MAX_RADIUS_KM = 300
RADII_KM = np.geomspace(0.5, MAX_RADIUS_KM, 50)
AZIMUTHS = np.radians(np.arange(0.0, 360.0, 15.0))
# A point source moves the surface by at most this many times its potency over its squared depth.
MAX_POINT_SOURCE = 0.5

Float64 = NDArray[np.float64]


class Mechanism(StrEnum):
    """How a fault slips."""

    STRIKE_SLIP = "strike-slip"
    THRUST = "thrust"
    NORMAL = "normal"


class Reach(NamedTuple):
    """Motion that is expected. peak_m: the largest in the line of sight; radius_km: around the epicentre."""

    peak_m: float
    radius_km: float


class _Fault(NamedTuple):
    """Usual fault. top_km: least depth; length, width: decimal logarithm, km, as constant and factor of magnitude."""

    dip_deg: float
    rake_deg: float
    top_km: float
    length: tuple[float, float]
    width: tuple[float, float]


FAULTS = {
    Mechanism.STRIKE_SLIP: _Fault(90.0, 0.0, 0.0, (-2.57, 0.62), (-0.76, 0.27)),
    Mechanism.THRUST: _Fault(20.0, 90.0, 4.0, (-2.42, 0.58), (-1.61, 0.41)),
    Mechanism.NORMAL: _Fault(55.0, -90.0, 0.0, (-1.88, 0.50), (-1.14, 0.35)),
}


def mechanism_of(rake_deg: float) -> Mechanism:
    """Return the mechanism of slip in this direction, degrees from the strike: 90 is upward, -90 downward."""
    upward = np.sin(np.radians(rake_deg))
    if abs(upward) < np.sin(np.pi / 4):
        return Mechanism.STRIKE_SLIP
    return Mechanism.THRUST if upward > 0 else Mechanism.NORMAL


@lru_cache(maxsize=256)
def quake_reach(magnitude: float, depth_km: float, mechanism: Mechanism | None = None) -> Reach | None:
    """Return the motion expected of an earthquake; None if it probably cannot be measured.

    Args:
        magnitude: Moment magnitude.
        depth_km: Depth of the hypocentre.
        mechanism: None if it is not known; then peak and radius are the largest of all mechanisms.
    """
    if mechanism is None:
        known = [reach for kind in Mechanism if (reach := quake_reach(magnitude, depth_km, kind))]
        return Reach(*map(max, zip(*known, strict=True))) if known else None
    fault = FAULTS[mechanism]
    length_km, width_km = (10 ** (constant + factor * magnitude) for constant, factor in (fault.length, fault.width))
    height_km = float(np.sin(np.radians(fault.dip_deg))) * width_km
    middle_km = max(depth_km - BELOW_MIDDLE * height_km, fault.top_km + height_km / 2)
    potency_m3 = 10 ** (1.5 * magnitude + 9.05) / RIGIDITY_PA[middle_km > CRUST_KM]
    if 1000 * MAX_POINT_SOURCE * potency_m3 / (1000 * max(depth_km - width_km / 2, 1.0)) ** 2 < MIN_MOTION_MM:
        return None
    radius, azimuth = np.meshgrid(RADII_KM, AZIMUTHS, indexing="ij")
    at_km = np.stack([radius * np.cos(azimuth), radius * np.sin(azimuth)], axis=-1)
    along, across, up = np.moveaxis(
        potency_m3 / 1e6 * _rupture_motion(at_km, fault, middle_km, length_km, width_km), -1, 0
    )
    toward = (SATELLITE_AZIMUTHS - STRIKES[:, np.newaxis])[..., np.newaxis, np.newaxis]
    seen_m = np.abs(np.sin(INCIDENCE) * (along * np.cos(toward) - across * np.sin(toward)) + np.cos(INCIDENCE) * up)
    of_radius_m = seen_m.max(axis=(1, 3)).mean(axis=0)
    needed_mm = np.maximum(MIN_MOTION_MM, TROPOSPHERE_MM * np.sqrt(np.hypot(RADII_KM, middle_km)))
    measurable = np.flatnonzero(1000 * of_radius_m >= needed_mm)
    if not measurable.size:
        return None
    # The epicentre may lie at either end of the rupture.
    radius_km = min(round(RADII_KM[measurable[-1]] + length_km / 2), MAX_RADIUS_KM)
    return Reach(float(of_radius_m.max()), float(radius_km))


def _rupture_motion(at_km: Float64, fault: _Fault, middle_km: float, length_km: float, width_km: float) -> Float64:
    """Return the motion of the surface at places (..., 2), (..., 3), km⁻², for a potency of 1.

    Places and motion: along the strike, to its left, and up; the origin lies above the middle of the rupture.
    """
    n_along, n_down = CELLS
    x, down = ((np.arange(n) + 0.5) / n - 0.5 for n in (n_along, n_down))
    share = np.where(np.outer(np.abs(x) < 0.25, down < 0), ASPERITY, 1.0).ravel()
    dip = np.radians(fault.dip_deg)
    least_km = max(length_km / n_along, width_km / n_down) / 2  # A cell acts as a point only from farther away.
    east, below = (part.ravel() for part in np.meshgrid(x * length_km, down * width_km, indexing="ij"))
    total = np.zeros((*at_km.shape[:-1], 3))
    for part, source_x, source_w in zip(share / share.sum(), east, below, strict=True):
        away = at_km - np.array([source_x, -source_w * np.cos(dip)])
        source_km = max(middle_km + source_w * np.sin(dip), least_km)
        total += part * point_motion(away, source_km, dip, np.radians(fault.rake_deg))
    return total


def point_motion(at: Float64, depth: float, dip: float, rake: float) -> Float64:
    """Return the motion (..., 3) at places (..., 2) of a point source of potency 1; Okada 1985, equations 8 to 10."""
    x, y = at[..., 0], at[..., 1]
    sin, cos = np.sin(dip), np.cos(dip)
    r = np.sqrt(x**2 + y**2 + depth**2)
    p, q = y * cos + depth * sin, y * sin - depth * cos
    one, two, three = 1 / (r * (r + depth) ** 2), (3 * r + depth) / (r**3 * (r + depth) ** 3), x / r**3
    i1, i2 = POISSON * y * (one - x**2 * two), POISSON * x * (one - y**2 * two)
    i3 = POISSON * three - i2
    twice = (2 * r + depth) / (r**3 * (r + depth) ** 2)
    i4, i5 = -POISSON * x * y * twice, POISSON * (1 / (r * (r + depth)) - x**2 * twice)
    place = np.stack([x, y, np.full_like(x, depth)], axis=-1)
    strike_slip = 3 * (x * q / r**5)[..., np.newaxis] * place + sin * np.stack([i1, i2, i4], axis=-1)
    dip_slip = 3 * (p * q / r**5)[..., np.newaxis] * place - sin * cos * np.stack([i3, i1, i5], axis=-1)
    return np.asarray(-(np.cos(rake) * strike_slip + np.sin(rake) * dip_slip) / (2 * np.pi))
