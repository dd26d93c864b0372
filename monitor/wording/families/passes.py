"""What new passes of the satellite show beyond the releases, in words: always said to be provisional."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from detection.rules.passes import passes_of
from monitor.wording.dates import SINCE, day_words
from monitor.wording.figures import figure, mm_a_year, round_figure, whole

WHY = gettext_lazy(
    "The points here left the course of their series in several new passes of the satellite; no single pass decides it."
)


def rests_on_passes(alert: Any) -> bool:
    """Return whether an alert rests on provisional values alone."""
    seen = passes_of(alert)
    return seen is not None and seen.alone


def provisional(text: str) -> str:
    """Return a figure or a period marked as provisional."""
    # Translators: %(text)s is "sinking 14 mm/year", "mm a year" or "between March and May 2026"
    return _("%(text)s, provisional") % {"text": text}


def provisional_sentence(until: date) -> str:
    """Return what is said beside values that new passes added to a series."""
    # Translators: %(until)s is "12 May 2026"
    said = _("The values until %(until)s come from new passes and are provisional: the next release replaces them.")
    return said % {"until": day_words(until)}


def living_sentence(last_day: date, difference: Mapping[str, Any] | None) -> str:
    """Return how far new passes prolong a release; after the next release, how right they were."""
    if difference:
        said = _("New passes prolonged its series until %(until)s. %(right)s")
        return said % {"until": day_words(last_day), "right": right_sentence(difference["within_mm"], difference["n"])}
    return _("New passes prolong its series until %(until)s, provisionally.") % {"until": day_words(last_day)}


def right_sentence(within_mm: float, n: int) -> str:
    """Return how far provisional values were from the releases that replaced them."""
    said = _("Of the provisional values (%(n)s), 68 in 100 were within ± %(mm)s mm of what the next release has.")
    return said % {"n": whole(n), "mm": figure(within_mm)}


def passes_sentences(alert: Any) -> list[str]:
    """Return what new passes show on an alert's ground, and that it is provisional; nothing if they show no change."""
    seen = passes_of(alert)
    if seen is None:
        return []
    facts = {
        "until": day_words(seen.until),
        "since": SINCE.of(seen.since, 0.0),
        "now": mm_a_year(round_figure(seen.now_mm_yr)),
        "before": mm_a_year(round_figure(seen.before_mm_yr)),
    }
    if seen.alone:
        said = _("Only new passes of the satellite, until %(until)s, show this.")
    elif seen.now.is_still:
        # Translators, here and below: %(since)s is "since March 2026", %(now)s and %(before)s are "30 mm a year"
        said = _("New passes of the satellite, until %(until)s, show it at rest %(since)s.")
    elif not seen.now.is_motion:
        said = _("New passes of the satellite, until %(until)s, show no certain motion %(since)s, after %(before)s.")
    else:
        said = _("New passes of the satellite, until %(until)s, show about %(now)s %(since)s, instead of %(before)s.")
    return [said % facts, _("That is provisional: the next release of the data replaces it.")]
