"""How much an area moves, in three steps: fast or large counts, and neither says that anybody is in danger."""

from enum import StrEnum


class Severity(StrEnum):
    MINOR = "minor"
    MODERATE = "moderate"
    STRONG = "strong"


MODERATE_MM_YR, STRONG_MM_YR = 10.0, 50.0
LARGE_M2 = 1_000_000.0


def severity(peak_rate_mm_yr: float, area_m2: float) -> Severity:
    """Grade by the fastest part (mm/yr, either sign); a square kilometre or more is never minor."""
    speed = abs(peak_rate_mm_yr)
    if speed >= STRONG_MM_YR:
        return Severity.STRONG
    if speed >= MODERATE_MM_YR or area_m2 >= LARGE_M2:
        return Severity.MODERATE
    return Severity.MINOR
