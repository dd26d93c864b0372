"""Whether an earthquake probably moved the ground measurably, and how far around its epicentre. Pure.

A rupture is taken as a point source of its potency P (seismic moment over rigidity), whose motion at the surface is at
most about 0.24 P d / (r² + d²)^1.5: that of a volume source (Mogi 1958), and within a tenth that of a thrust of 45°
above its middle (Okada 1985, doi:10.1785/BSSA0750041135). Near the fault it is limited by the slip. Length, width and
mean slip of the rupture: Wells and Coppersmith 1994, doi:10.1785/BSSA0840040974, all kinds of faults. Moment: Hanks and
Kanamori 1979, doi:10.1029/JB084iB05p02348. Rigidity: PREM, Dziewonski and Anderson 1981.

Motion is measurable where it exceeds 10 mm and the scatter of the troposphere between places so far apart, 2.5 mm times
the square root of km (Emardson et al. 2003, doi:10.1029/2002JB001781).
"""

import math
from typing import NamedTuple

MIN_MOTION_MM = 10.0  # Least motion in the line of sight that an interferogram shows.
MIN_OFFSETS_M = 0.5  # Offsets between two amplitude images show no smaller motion.
TROPOSPHERE_MM = 2.5  # Tropospheric error per square root of the distance in km.
POINT_SOURCE = 0.24
LINE_OF_SIGHT = 0.8  # share of vertical motion that a satellite sees at an incidence of 37°
CRUST_KM = 40.0
RIGIDITY_PA = (30e9, 70e9)  # in the crust, and below it
SIN_DIP = 0.87  # sine of 60°, a usual dip of a fault
ERUPTION_KM = 15.0  # Motion at volcanoes seldom reaches farther: Ebmeier et al. 2018, doi:10.1186/s13617-018-0071-3.
MAX_RADIUS_KM = 300


class Reach(NamedTuple):
    """Motion that is expected. peak_m: the largest in the line of sight; radius_km: around the epicentre."""

    peak_m: float
    radius_km: float


def quake_reach(magnitude: float, depth_km: float) -> Reach | None:
    """Return the motion expected of an earthquake (moment magnitude); None if it probably cannot be measured."""
    length_km, width_km = 10 ** (-2.44 + 0.59 * magnitude), 10 ** (-1.01 + 0.32 * magnitude)
    slip_m: float = 10 ** (-4.80 + 0.69 * magnitude)
    source_km = max(depth_km, SIN_DIP * width_km / 2)  # The top of a shallower rupture would lie above the ground.
    potency_m3 = 10 ** (1.5 * magnitude + 9.05) / RIGIDITY_PA[source_km > CRUST_KM]

    def is_measurable(away_km: float) -> bool:
        weather_mm = TROPOSPHERE_MM * math.sqrt(math.hypot(away_km, source_km))
        return 1000 * motion_m(away_km) >= max(MIN_MOTION_MM, weather_mm)

    def motion_m(away_km: float) -> float:
        distance_m = 1000 * math.hypot(away_km, source_km)
        return LINE_OF_SIGHT * min(slip_m, POINT_SOURCE * potency_m3 * 1000 * source_km / distance_m**3)

    if not is_measurable(0.0):
        return None
    away_km = next((km for km in range(1, MAX_RADIUS_KM) if not is_measurable(km)), MAX_RADIUS_KM)
    return Reach(motion_m(0.0), float(min(round(away_km + length_km / 2), MAX_RADIUS_KM)))
