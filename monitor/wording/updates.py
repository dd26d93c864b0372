"""Changes of an alert since it was last reported, in words. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from detection.kinds import row_of
from detection.rules.updates import Cause
from monitor.wording.components import rate_and_way, way_of
from monitor.wording.dates import day_words, month_words
from monitor.wording.figures import area_label, figure, mm_a_year, speed_words, whole

Change = Mapping[str, Any]
GRADES_NOW = {
    "minor": gettext_lazy("Its importance is low now."),
    "moderate": gettext_lazy("Its importance is medium now."),
    "strong": gettext_lazy("Its importance is high now."),
}
GRADES_BEFORE = {
    "minor": gettext_lazy("It was low before."),
    "moderate": gettext_lazy("It was medium before."),
    "strong": gettext_lazy("It was high before."),
}


def change_sentences(kind: str, changes: Iterable[Change], reported_on: date) -> list[str]:
    """Return sentences for each change, a stored `detection.rules.updates.Change`. kind: the alert's present kind."""
    day = day_words(reported_on)
    said = (_sentences(kind, change, day) for change in changes)
    return [" ".join(sentences) for sentences in said if sentences]


def _sentences(kind: str, change: Change, day: str) -> list[str]:
    before, after = change["before"], change["after"]
    match Cause(change["cause"]):
        case Cause.RATE if change["unit"] == "m/day":
            speeds = {"before": speed_words(before), "after": speed_words(after), "day": day}
            # Translators: %(before)s and %(after)s are "40 centimetres a day"
            moved = _(
                "It moved by about %(before)s when this was last reported, on %(day)s, and now by about %(after)s."
            )
            return [moved % speeds]
        case Cause.RATE:
            return [*_rates(kind, change, day, "moved"), _("The difference is larger than the uncertainty of both.")]
        case Cause.PEAK:
            return _rates(kind, change, day, "fastest")
        case Cause.AREA:
            areas = {"before": area_label(before), "after": area_label(after), "day": day}
            # Translators: %(before)s and %(after)s are "21 hectares"
            covered = _("It covered about %(before)s when this was last reported, on %(day)s, and now about %(after)s.")
            return [covered % areas]
        case Cause.KIND | Cause.NAMED as cause:
            labels = {"before": row_of(before).label, "after": row_of(after).label}
            # Translators, here and below: %(before)s and %(after)s are headings: "Sinking ground, likely mining"
            computed = _("It was reported as “%(before)s” before; with the newest data it is “%(after)s”.")
            named = _("A specialist has changed what it is called, from “%(before)s” to “%(after)s”.")
            return [(computed if cause is Cause.KIND else named) % labels]
        case Cause.SEVERITY:
            return [str(GRADES_NOW[after]), str(GRADES_BEFORE[before])]
        case Cause.ACCELERATION:
            month = month_words(date.fromisoformat(after))
            return [_("Since %(month)s it has moved faster than before.") % {"month": month}]
        case Cause.PASSES:
            rates = {name: rate_and_way(change[name], change["component"]) for name in ("before", "after")}
            # Translators: %(before)s and %(after)s are "30 mm a year (away from the satellite)"
            now = _("New passes of the satellite show about %(after)s now, instead of %(before)s.")
            return [now % rates, _("That is provisional: the next release of the data replaces it.")]
        case Cause.FINISHED:
            return [str(row_of(kind).over % {"day": day_words(date.fromisoformat(after))})]
        case Cause.OUTLINE:
            areas = {"before": area_label(before), "after": area_label(after)}
            # Translators: %(before)s and %(after)s are "21 hectares"
            return [_("A specialist has changed its outline, from about %(before)s to about %(after)s.") % areas]
        case Cause.TEXT if after == "removed":
            return [_("A specialist has removed what was written about it.")]
        case Cause.TEXT:
            return [_("A specialist has changed what is written about it.")]
    return []  # If an alert moves again, the step's own words suffice.


def _rates(kind: str, change: Change, day: str, words: str) -> list[str]:
    """Return sentences on the old and the new rate, with the direction if it turned. words: 'moved' or 'fastest'."""
    earlier, now = (way_of(kind, change["component"], change[name]) for name in ("before", "after"))
    # Translators: stands for a period, as in "The ground here sank by about 8 mm a year when this was last reported, …"
    when = _("when this was last reported, on %(day)s") % {"day": day}
    template = _("Now it is about %(rate)s.") if now is earlier else now.now
    first = getattr(earlier, words) % {"rate": mm_a_year(figure(change["before"])), "when": when}
    return [first, str(template % {"rate": mm_a_year(figure(change["after"]))})]


def preview_sentence(mails: int, years: int, records_begin: datetime | None) -> str:
    """Return how many mails a subscription would have brought in `years` (two or more), and when records begin."""
    if mails:
        # Translators: %(years)s is 2 or more
        sentence = ngettext(
            "In the last %(years)s years this would have sent you one mail.",
            "In the last %(years)s years this would have sent you %(mails)s mails.",
            mails,
        )
    else:
        sentence = _("In the last %(years)s years this would have sent you no mail.")
    sentence %= {"years": whole(years), "mails": whole(mails)}
    if records_begin is None:
        nothing = _("Nothing has been recorded here yet.")
        return f"{sentence} {nothing}"
    if records_begin > datetime.now(UTC) - timedelta(days=365 * years):
        begin = _("Our records begin on %(day)s.") % {"day": day_words(records_begin)}
        return f"{sentence} {begin}"
    return sentence
