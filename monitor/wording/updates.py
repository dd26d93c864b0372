"""Changes of an alert since it was last reported, in words. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from detection.kinds import Kind, Sign, row_of
from detection.rules.updates import Cause
from monitor.wording.components import ROSE, SANK, Way, way
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
OVER = {
    Kind.SURFACE_CHANGE: gettext_lazy("Data after %(day)s show no further change."),
    Kind.GLACIER_SURGE: gettext_lazy("Data after %(day)s show the usual speed."),
}
NO_MOTION = gettext_lazy("Data after %(day)s show no motion.")
SIGN_WAYS = {Sign.SINKING: SANK, Sign.RISING: ROSE}


def change_sentences(kind: str, changes: Iterable[Change], reported_on: date) -> list[str]:
    """Return sentences for each change, as `detection.rules.updates.Change` is stored. kind: of the alert now."""
    day = day_words(reported_on)
    said = (_SENTENCES[Cause(change["cause"])](kind, change, day) for change in changes)
    return [" ".join(sentences) for sentences in said if sentences]


def _rate(kind: str, change: Change, day: str) -> list[str]:
    if change["unit"] == "m/day":
        speeds = {"before": speed_words(change["before"]), "after": speed_words(change["after"]), "day": day}
        # Translators: %(before)s and %(after)s are "40 centimetres a day"
        return [
            _("It moved by about %(before)s when this was last reported, on %(day)s, and now by about %(after)s.")
            % speeds
        ]
    earlier, now = _ways(kind, change)
    return [
        earlier.moved % {"rate": mm_a_year(figure(change["before"])), "when": _last_reported(day)},
        _now(change) if now is earlier else _turned(now, change),
        _("The difference is larger than the uncertainty of both."),
    ]


def _peak(kind: str, change: Change, day: str) -> list[str]:
    earlier, now = _ways(kind, change)
    return [
        earlier.fastest % {"rate": mm_a_year(figure(change["before"])), "when": _last_reported(day)},
        _now(change) if now is earlier else _turned(now, change),
    ]


def _ways(kind: str, change: Change) -> tuple[Way, Way]:
    first, last = (_way(kind, change["component"], change[name]) for name in ("before", "after"))
    return first, last


def _way(kind: str, component: str, rate_mm_yr: float) -> Way:
    sign = row_of(kind).sign
    fits = sign is not None and (rate_mm_yr > 0) == (sign is Sign.RISING)
    return SIGN_WAYS[sign] if sign is not None and fits else way(component, rate_mm_yr)


def _last_reported(day: str) -> str:
    # Translators: stands for a period, as in "The ground here sank by about 8 mm a year when this was last reported, …"
    return _("when this was last reported, on %(day)s") % {"day": day}


def _now(change: Change) -> str:
    return _("Now it is about %(rate)s.") % {"rate": mm_a_year(figure(change["after"]))}


def _turned(now: Way, change: Change) -> str:
    return str(now.now % {"rate": mm_a_year(figure(change["after"]))})


def _area(kind: str, change: Change, day: str) -> list[str]:
    areas = {"before": area_label(change["before"]), "after": area_label(change["after"]), "day": day}
    # Translators: %(before)s and %(after)s are "21 hectares"
    return [_("It covered about %(before)s when this was last reported, on %(day)s, and now about %(after)s.") % areas]


def _kind(kind: str, change: Change, day: str) -> list[str]:
    labels = {name: row_of(change[name]).label for name in ("before", "after")}
    # Translators: %(before)s and %(after)s are headings, such as "Sinking ground, likely mining"
    return [_("It was reported as “%(before)s” before; with the newest data it is “%(after)s”.") % labels]


def _severity(kind: str, change: Change, day: str) -> list[str]:
    return [str(GRADES_NOW[change["after"]]), str(GRADES_BEFORE[change["before"]])]


def _acceleration(kind: str, change: Change, day: str) -> list[str]:
    month = month_words(date.fromisoformat(change["after"]))
    return [_("Since %(month)s it has moved faster than before.") % {"month": month}]


def _finished(kind: str, change: Change, day: str) -> list[str]:
    last = day_words(date.fromisoformat(change["after"]))
    return [str(OVER.get(Kind(kind), NO_MOTION) % {"day": last})]


def _nothing(kind: str, change: Change, day: str) -> list[str]:
    """Return nothing: the words of the step suffice."""
    return []


def _named(kind: str, change: Change, day: str) -> list[str]:
    labels = {name: row_of(change[name]).label for name in ("before", "after")}
    # Translators: %(before)s and %(after)s are headings, such as "Sinking ground, likely mining"
    return [_("A specialist has changed what it is called, from “%(before)s” to “%(after)s”.") % labels]


def _outline(kind: str, change: Change, day: str) -> list[str]:
    areas = {"before": area_label(change["before"]), "after": area_label(change["after"])}
    # Translators: %(before)s and %(after)s are "21 hectares"
    return [_("A specialist has changed its outline, from about %(before)s to about %(after)s.") % areas]


def _text(kind: str, change: Change, day: str) -> list[str]:
    if change["after"] == "removed":
        return [_("A specialist has removed what was written about it.")]
    return [_("A specialist has changed what is written about it.")]


_SENTENCES: dict[Cause, Callable[[str, Change, str], list[str]]] = {
    Cause.RATE: _rate,
    Cause.PEAK: _peak,
    Cause.AREA: _area,
    Cause.KIND: _kind,
    Cause.SEVERITY: _severity,
    Cause.ACCELERATION: _acceleration,
    Cause.FINISHED: _finished,
    Cause.WOKEN: _nothing,
    Cause.NAMED: _named,
    Cause.OUTLINE: _outline,
    Cause.TEXT: _text,
}


def preview_sentence(mails: int, years: int, records_begin: datetime | None) -> str:
    """Return the mails that a subscription would have brought in two or more years, and when records begin."""
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
