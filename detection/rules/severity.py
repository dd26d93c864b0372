"""Grades of severity, and the weight of buildings, people and roads on moving ground. `importance` computes grades."""

from enum import StrEnum
from typing import NamedTuple

# Limits of 1 and 2 points, as of a hamlet and a village. Tracks must fit to millimetres (EN 13848-5): 50 m count.
BUILDINGS, PEOPLE, MAIN_ROAD_KM, RAILWAY_KM = (1, 50), (1.0, 200.0), (0.1, 2.0), (0.05, 0.5)


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


def exposure_points(exposure: Exposure) -> int:
    """Return points for exposure: 0 if none is known, 1 for any, 2 for much."""
    steps = ((exposure.buildings, BUILDINGS), (exposure.people, PEOPLE))
    lengths = ((exposure.main_road_km, MAIN_ROAD_KM), (exposure.railway_km, RAILWAY_KM))
    known = [(value, limits) for value, limits in (*steps, *lengths) if value is not None]
    return max((int(value >= some) + int(value >= much) for value, (some, much) in known), default=0)
