"""How much an area moves, in three steps: fast or large counts, and neither says that anybody is in danger."""

from enum import StrEnum


class Severity(StrEnum):
    MINOR = "minor"
    MODERATE = "moderate"
    STRONG = "strong"


MODERATE_MM_YR, STRONG_MM_YR = 10.0, 50.0
LARGE_M2 = 1_000_000.0
FAST_M_DAY = 1.0
WIDE_M2 = 100_000.0


def severity(peak_rate_mm_yr: float, area_m2: float) -> Severity:
    """Grade by the fastest part (mm/yr, either sign); a square kilometre or more is never minor."""
    speed = abs(peak_rate_mm_yr)
    if speed >= STRONG_MM_YR:
        return Severity.STRONG
    if speed >= MODERATE_MM_YR or area_m2 >= LARGE_M2:
        return Severity.MODERATE
    return Severity.MINOR


def severity_of_speed(peak_speed_m_day: float) -> Severity:
    """Grade motion of metres: never minor."""
    return Severity.STRONG if peak_speed_m_day >= FAST_M_DAY else Severity.MODERATE


def severity_of_change(area_m2: float) -> Severity:
    """Grade a change of the surface by its size alone."""
    if area_m2 >= LARGE_M2:
        return Severity.STRONG
    return Severity.MODERATE if area_m2 >= WIDE_M2 else Severity.MINOR
