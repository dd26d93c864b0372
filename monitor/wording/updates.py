"""What has changed in an alert since it was last reported, in words. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from detection.kinds import Kind, Sign, row_of
from detection.rules.updates import Cause
from monitor.wording.components import moved
from monitor.wording.dates import day_words
from monitor.wording.figures import area_label, figure, speed_words

Change = Mapping[str, Any]
GRADES = {"minor": "low", "moderate": "medium", "strong": "high"}
OVER = {Kind.SURFACE_CHANGE: "no further change", Kind.GLACIER_SURGE: "the usual speed"}
VERBS = {Sign.SINKING: "sank", Sign.RISING: "rose"}


def change_sentences(kind: str, changes: Iterable[Change], reported_on: date) -> list[str]:
    """A sentence for each change, as `detection.rules.updates.Change` is stored. kind: of the alert now."""
    before = f"when this was last reported, on {day_words(reported_on)}"
    sentences = (_SENTENCES[Cause(change["cause"])](kind, change, before) for change in changes)
    return [sentence for sentence in sentences if sentence]


def _rate(kind: str, change: Change, before: str) -> str:
    if change["unit"] == "m/day":
        earlier, now = speed_words(change["before"]), speed_words(change["after"])
        return f"It moved by about {earlier} {before}, and now by about {now}."
    first, last = (_verb(kind, change["component"], change[name]) for name in ("before", "after"))
    now = "and now" if first == last else f"and in the newest data it {last}"
    return (
        f"The ground here {first} by about {figure(change['before'])} mm a year {before}, "
        f"{now} by about {figure(change['after'])}. The difference is larger than the uncertainty of both."
    )


def _verb(kind: str, component: str, rate_mm_yr: float) -> str:
    sign = row_of(kind).sign
    fits = sign is not None and (rate_mm_yr > 0) == (sign is Sign.RISING)
    return VERBS[sign] if sign is not None and fits else moved(component, rate_mm_yr)


def _peak(kind: str, change: Change, before: str) -> str:
    first, last = (_verb(kind, change["component"], change[name]) for name in ("before", "after"))
    again = "" if first == last else f"it {last} "
    return (
        f"The fastest part {first} by about {figure(change['before'])} mm a year {before}, "
        f"and now {again}by about {figure(change['after'])}."
    )


def _area(kind: str, change: Change, before: str) -> str:
    return f"It covered about {area_label(change['before'])} {before}, and now about {area_label(change['after'])}."


def _kind(kind: str, change: Change, before: str) -> str:
    earlier, now = (row_of(change[name]).label.lower() for name in ("before", "after"))
    return f"It was reported as “{earlier}” before; with the newest data it is “{now}”."


def _severity(kind: str, change: Change, before: str) -> str:
    return f"Its importance is {GRADES[change['after']]} now, and was {GRADES[change['before']]} before."


def _acceleration(kind: str, change: Change, before: str) -> str:
    since = date.fromisoformat(change["after"])
    return f"Since {since:%B %Y} it has moved faster than before."


def _finished(kind: str, change: Change, before: str) -> str:
    shown = OVER.get(Kind(kind), "no motion")
    return f"Data after {day_words(date.fromisoformat(change['after']))} show {shown}."


def _nothing(kind: str, change: Change, before: str) -> str:
    """The words of the step suffice."""
    return ""


_SENTENCES: dict[Cause, Callable[[str, Change, str], str]] = {
    Cause.RATE: _rate,
    Cause.PEAK: _peak,
    Cause.AREA: _area,
    Cause.KIND: _kind,
    Cause.SEVERITY: _severity,
    Cause.ACCELERATION: _acceleration,
    Cause.FINISHED: _finished,
    Cause.WOKEN: _nothing,
}
