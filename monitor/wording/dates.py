"""Dates and periods in words, in the reader's language."""

from datetime import date
from typing import NamedTuple

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

WITHIN_A_MONTH_OR_TWO, WITHIN_HALF_A_YEAR = 60.0, 180.0  # days


class DateWords(NamedTuple):
    """Templates for a date known to the month, to a third of a year (seasons differ by hemisphere), or less exactly."""

    month: Promise
    thirds: tuple[Promise, Promise, Promise]
    about: Promise

    def of(self, day: date, within_days: float) -> str:
        """Return a date that is known to ± `within_days`: 'in March 2023', 'in mid-2023', 'in about 2023'."""
        if within_days <= WITHIN_A_MONTH_OR_TWO:
            return str(self.month) % {"month": month_words(day)}
        template = self.thirds[(day.month - 1) // 4] if within_days <= WITHIN_HALF_A_YEAR else self.about
        return str(template) % {"year": day.year}


IN = DateWords(
    # Translators: %(month)s is "March 2023"
    gettext_lazy("in %(month)s"),
    (gettext_lazy("in early %(year)s"), gettext_lazy("in mid-%(year)s"), gettext_lazy("in late %(year)s")),
    gettext_lazy("in about %(year)s"),
)
SINCE = DateWords(
    # Translators: %(month)s is "March 2023"
    gettext_lazy("since %(month)s"),
    (gettext_lazy("since early %(year)s"), gettext_lazy("since mid-%(year)s"), gettext_lazy("since late %(year)s")),
    gettext_lazy("since about %(year)s"),
)
UNTIL = DateWords(
    # Translators: %(month)s is "March 2023"
    gettext_lazy("until %(month)s"),
    (gettext_lazy("until early %(year)s"), gettext_lazy("until mid-%(year)s"), gettext_lazy("until late %(year)s")),
    gettext_lazy("until about %(year)s"),
)


def day_words(day: date) -> str:
    """Return a date in words: '4 October 2023'."""
    return date_format(day, "DATE_FORMAT")


def month_words(day: date) -> str:
    """Return the month of a date in words: 'October 2023'."""
    return date_format(day, "YEAR_MONTH_FORMAT")


def month_name(month: int) -> str:
    """Return the name of a month: 'October' for 10."""
    return date_format(date(2001, month, 1), "F")


def period_words(first: date, last: date) -> str:
    """Return a period: 'between January and July 2018', 'between 2020 and 2024'; 'in July 2018' within one month."""
    if first.year != last.year:
        years = {"first_year": first.year, "last_year": last.year}
        return _("between %(first_year)s and %(last_year)s") % years
    if first.month == last.month:
        return str(IN.month) % {"month": month_words(last)}
    # Translators: %(first_month)s is "January", %(last_month)s is "July 2018"
    months = {"first_month": month_name(first.month), "last_month": month_words(last)}
    return _("between %(first_month)s and %(last_month)s") % months


def days_words(first: date, last: date) -> str:
    """Return a period to the day: 'between 4 and 16 October 2023', 'between 28 September and 10 October 2023'."""
    # Translators: %(day)s is "4", %(last)s is "16 October 2023"
    in_month = _("between %(day)s and %(last)s")
    # Translators: %(first)s is "28 September" or "27 December 2023", %(last)s is "10 October 2023"
    return _both(first, last, in_month, _("between %(first)s and %(last)s"))


def two_days(first: date, last: date) -> str:
    """Return two days in words: '1 and 13 December 2021', '28 November and 10 December 2021'."""
    # Translators: two days of one month; %(day)s is "1", %(last)s is "13 December 2021"
    in_month = _("%(day)s and %(last)s")
    # Translators: two days; %(first)s is "28 November" or "27 December 2023", %(last)s is "10 January 2024"
    return _both(first, last, in_month, _("%(first)s and %(last)s"))


def duration_words(seconds: float) -> str:
    """Return a duration, rounded down: '40 seconds', '5 minutes', '3 hours', '12 days'; each unit from two of it on."""
    for unit, words in ((86_400, _("%(n)s days")), (3600, _("%(n)s hours")), (60, _("%(n)s minutes"))):
        if seconds >= 2 * unit:
            return words % {"n": int(seconds // unit)}
    return ngettext("%(n)s second", "%(n)s seconds", round(seconds)) % {"n": round(seconds)}


def _both(first: date, last: date, in_month: str, apart: str) -> str:
    template = in_month if (first.year, first.month) == (last.year, last.month) else apart
    beginning = date_format(first, "MONTH_DAY_FORMAT") if first.year == last.year else day_words(first)
    return template % {"day": first.day, "first": beginning, "last": day_words(last)}
