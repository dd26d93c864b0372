"""Severity of an alert, in three grades, by its motion, the certainty of that motion, and the exposure on its ground.

Velocity fields: points are added; 2 points are moderate, 4 strong.

| what | points | why |
|---|---|---|
| fastest part 10, 50 mm/yr | 2, 4 | 10 mm/yr is far above the noise of every product; 50 is a decimetre in two years |
| 1 km² or more | 2 | whole quarters; not added to the speed, the larger of the two counts |
| tilt grows by 0.2, 0.67 mm/m a year | 2, 4 | surely so; reaches 1/500, 1/150 in ten years: safe limit for buildings, |
| | | structural damage (Skempton and MacDonald 1956, doi:10.1680/ipeds.1956.12202); counts as the speed does |
| peak below 2 standard deviations | −2 | may be noise; an unknown deviation takes nothing away |
| significantly faster than before | 1 | |
| on it: anything, much | 1, 2 | see `exposure_points`; what is not known adds nothing and takes nothing away |

Motion by metres: less than 1 m/day 2 points, 1 m/day or more 4, plus exposure. Changes of the surface: their size
alone, because building work is a change too.
"""

from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """Grades of severity, lowest first."""

    MINOR = "minor"
    MODERATE = "moderate"
    STRONG = "strong"


class Exposure(NamedTuple):
    """Exposure on the ground of an alert; None where it is not known."""

    buildings: int | None = None
    main_road_km: float | None = None
    railway_km: float | None = None
    people: float | None = None


MODERATE_MM_YR, STRONG_MM_YR = 10.0, 50.0
LARGE_M2 = 1_000_000.0
MODERATE_TILT_MM_M_YR, STRONG_TILT_MM_M_YR = 2.0 / 10, 6.7 / 10
SURE_SIGMAS = 2.0
MODERATE_POINTS, STRONG_POINTS = 2, 4
FAST_M_DAY = 1.0
WIDE_M2 = 100_000.0
# anything, and much: a hamlet is some, a village much; trains ask for millimetres (EN 13848-5), so a station's length
BUILDINGS, PEOPLE, MAIN_ROAD_KM, RAILWAY_KM = (1, 50), (1.0, 200.0), (0.1, 2.0), (0.05, 0.5)
UNKNOWN_EXPOSURE = Exposure()


def severity(
    peak_rate_mm_yr: float,
    area_m2: float,
    *,
    sigma_mm_yr: float | None = None,
    tilt_mm_m_yr: float | None = None,
    accelerates: bool = False,
    exposure: Exposure = UNKNOWN_EXPOSURE,
) -> Severity:
    """Grade a place in a velocity field by the table above. Rates of either sign; None: not known."""
    motion = max(
        _points(abs(peak_rate_mm_yr), MODERATE_MM_YR, STRONG_MM_YR),
        _points(abs(tilt_mm_m_yr or 0.0), MODERATE_TILT_MM_M_YR, STRONG_TILT_MM_M_YR),
        MODERATE_POINTS if area_m2 >= LARGE_M2 else 0,
    )
    unsure = 2 if sigma_mm_yr is not None and abs(peak_rate_mm_yr) < SURE_SIGMAS * sigma_mm_yr else 0
    return _of_points(motion - unsure + int(accelerates) + exposure_points(exposure))


def severity_of_speed(peak_speed_m_day: float, exposure: Exposure = UNKNOWN_EXPOSURE) -> Severity:
    """Grade motion by metres, by its speed and exposure: never minor."""
    motion = STRONG_POINTS if peak_speed_m_day >= FAST_M_DAY else MODERATE_POINTS
    return _of_points(motion + exposure_points(exposure))


def severity_of_change(area_m2: float) -> Severity:
    """Grade a change of the surface by its size alone."""
    if area_m2 >= LARGE_M2:
        return Severity.STRONG
    return Severity.MODERATE if area_m2 >= WIDE_M2 else Severity.MINOR


def exposure_points(exposure: Exposure) -> int:
    """Return points for exposure: 0 if none is known, 1 for any, 2 for much."""
    steps = ((exposure.buildings, BUILDINGS), (exposure.people, PEOPLE))
    lengths = ((exposure.main_road_km, MAIN_ROAD_KM), (exposure.railway_km, RAILWAY_KM))
    known = [(value, limits) for value, limits in (*steps, *lengths) if value is not None]
    return max((int(value >= some) + int(value >= much) for value, (some, much) in known), default=0)


def _points(value: float, moderate: float, strong: float) -> int:
    return STRONG_POINTS if value >= strong else MODERATE_POINTS if value >= moderate else 0


def _of_points(points: int) -> Severity:
    if points >= STRONG_POINTS:
        return Severity.STRONG
    return Severity.MODERATE if points >= MODERATE_POINTS else Severity.MINOR
