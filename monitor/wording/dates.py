"""Dates and periods in words."""

from datetime import date

WITHIN_A_MONTH_OR_TWO, WITHIN_HALF_A_YEAR = 60.0, 180.0  # days
THIRDS = ("early ", "mid-", "late ")  # of a year; seasons differ between the hemispheres


def day_words(day: date) -> str:
    """'4 October 2023'."""
    return f"{day.day} {day:%B %Y}"


def period_words(first: date, last: date) -> str:
    """'between January and July 2018', 'between 2020 and 2024'."""
    if first.year == last.year:
        return f"between {first:%B} and {last:%B} {last.year}"
    return f"between {first.year} and {last.year}"


def days_words(first: date, last: date) -> str:
    """'between 4 and 16 October 2023', 'between 28 September and 10 October 2023'."""
    return f"between {two_days(first, last)}"


def two_days(first: date, last: date, month: str = "%B") -> str:
    """'1 and 13 December 2021', '28 November and 10 December 2021'. month: %b for short."""
    end = f"{last.day} {last:{month} %Y}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} and {end}"
    if first.year == last.year:
        return f"{first.day} {first:{month}} and {end}"
    return f"{first.day} {first:{month} %Y} and {end}"


def duration_words(seconds: float) -> str:
    """'40 seconds', '5 minutes', '3 hours', '12 days': whole steps, rounded down, from two of the larger unit on."""
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def time_words(day: date, within_days: float) -> str:
    """'March 2023', 'mid-2023', '2023': a date that is known to within so many days."""
    if within_days <= WITHIN_A_MONTH_OR_TWO:
        return f"{day:%B %Y}"
    if within_days <= WITHIN_HALF_A_YEAR:
        return f"{THIRDS[(day.month - 1) // 4]}{day.year}"
    return f"about {day.year}"
