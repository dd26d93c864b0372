"""Measurement points in words: one point, the points behind an alert, and what a new release changed."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from detection.rules.motion import Figure
from ground_motion.statistics.comparison import Verdict
from monitor.wording.components import direction, way
from monitor.wording.dates import day_words, month_words, period_words
from monitor.wording.figures import decimal, figure, mm_a_year, percent, rate_words, whole, with_uncertainty
from monitor.wording.images import DIRECTION_WORDS

TILT_OVER_M = 10.0
MANY = 0.5  # share of an area's points
FAST_MM_YR = 3000.0  # ice, and fast landslides: from here on in metres
CHANGED_SHARE = 0.1  # A smaller share of an area is not reported: one cell in twenty differs by chance.
SINCE_WORDS = {  # The second is for an older release without a name.
    # Translators, here and below: %(release)s is "2019–2023, version 1", %(share)s "40 %", %(rate)s "3 ± 1 mm a year"
    Verdict.UNCHANGED: (
        gettext_lazy("Since the release %(release)s, the speed here is unchanged within its uncertainty."),
        gettext_lazy("Since the previous release, the speed here is unchanged within its uncertainty."),
    ),
    Verdict.SLOWER: (
        gettext_lazy("Since the release %(release)s, %(share)s of this ground moves slower, by %(rate)s."),
        gettext_lazy("Since the previous release, %(share)s of this ground moves slower, by %(rate)s."),
    ),
    Verdict.VANISHED: (
        gettext_lazy("Since the release %(release)s, most points vanished from %(share)s of this ground."),
        gettext_lazy("Since the previous release, most points vanished from %(share)s of this ground."),
    ),
    Verdict.FASTER: (
        gettext_lazy("Since the release %(release)s, %(share)s of this ground moves faster, by %(rate)s."),
        gettext_lazy("Since the previous release, %(share)s of this ground moves faster, by %(rate)s."),
    ),
    Verdict.NEW_MOTION: (
        gettext_lazy(
            "Since the release %(release)s, %(share)s of this ground has begun to move or changed direction, "
            "by %(rate)s."
        ),
        gettext_lazy(
            "Since the previous release, %(share)s of this ground has begun to move or changed direction, by %(rate)s."
        ),
    ),
}


def point_sentence(rate: Figure) -> str:
    """Return one sentence on the motion of a single measurement point, mm/yr."""
    when = period_words(rate.since, rate.until)
    if not rate.surely_moves:
        # Translators: %(when)s is "between 2020 and 2024", %(rate)s is "0.6 mm a year"
        still = _("This point moved very little %(when)s: %(rate)s, too little to be sure of.")
        return still % {"when": when, "rate": mm_a_year(figure(rate.value))}
    unit, factor = ("m a year", 1000.0) if abs(rate.value) >= FAST_MM_YR else ("mm a year", 1.0)
    words = rate_words(rate.value / factor, None if rate.sigma is None else rate.sigma / factor, unit)
    return str(way(rate.along, rate.value).point % {"rate": words, "when": when})


def agreement_sentences(reasons: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return sentences on which data sets were searched together, and how many show the motion by themselves."""
    n = len(reasons)
    names = ", ".join(
        f"{reason['product']} ({DIRECTION_WORDS.get(reason['track'], reason['track'])})" for reason in reasons
    )
    searched = ngettext(
        "%(n)s data set was looked at: %(names)s.",
        "%(n)s data sets were looked at together: %(names)s; their points follow in this order.",
        n,
    ) % {"n": n, "names": names}
    n_seen = sum(reason["seen"] for reason in reasons)
    if n_seen == n:
        return [searched, _("Each of them shows the motion by itself.")]
    if n_seen == 0:
        return [searched, _("None of them shows the motion clearly by itself.")]
    shown = ngettext("One of them shows the motion by itself.", "%(n)s of them show it by themselves.", n_seen)
    return [searched, shown % {"n": n_seen}]


def reason_sentences(component: str, reason: Mapping[str, Any]) -> list[str]:
    """Return sentences comparing points inside an area with those around. reason: see `statistics.reasons`."""
    inside, around, n = reason["rate_mm_yr"], reason["around_mm_yr"], reason["n_points"]
    if inside is None:
        return []
    figures = {"n": whole(n), "rate": mm_a_year(figure(inside)), "way": direction(component, inside)}
    # Translators, here and below: %(rate)s is "6.1 mm a year", %(way)s is "sinking" or "away from the satellite"
    first = ngettext(
        "The only point inside moves by %(rate)s (%(way)s).",
        "%(n)s points inside move by %(rate)s (%(way)s; median).",
        n,
    )
    first %= figures
    more = _of_series(reason)
    if around is None:
        return [first, _("There are too few points around it to compare with."), *more]
    figures = {
        "n": whole(reason["n_around"]),
        "rate": mm_a_year(figure(around)),
        "way": direction(component, around),
        "scatter": figure(reason["scatter_mm_yr"]),
    }
    still = _("The %(n)s points around it do not move; two thirds of them lie within %(scatter)s mm a year of that.")
    moving = _(
        "The %(n)s points around it move by %(rate)s (%(way)s); two thirds of them lie within %(scatter)s mm a "
        "year of that."
    )
    differ = _("%(share)s of the points inside differ from those around by more than twice this spread.")
    beyond = differ % {"share": percent(reason["beyond"])}
    return [first, (still if abs(around) < 0.05 else moving) % figures, beyond, *more]


def _of_series(reason: Mapping[str, Any]) -> list[str]:
    """Return sentences on jumps and scatter of the series inside (`deformation.series.evidence`), if stored."""
    lines = []
    if reason.get("jump_share", 0) >= MANY:
        figures = {
            "share": percent(reason["jump_share"]),
            "size": figure(reason["jump_mm"]),
            "day": day_words(date.fromisoformat(reason["jump_date"])),
        }
        jump = _(
            "%(share)s of the points inside made most of their way in one jump of %(size)s mm, first seen on %(day)s, "
            "not steadily."
        )
        error = _(
            "%(share)s of the points inside made most of their way in one jump of %(size)s mm, first seen on %(day)s, "
            "a whole number of half wavelengths: it may be an error of processing and no motion."
        )
        lines.append((error if reason["jump_cycles"] else jump) % figures)
    if reason.get("odd_even_mm_yr") is not None:
        halves = _("By themselves, half of the images and the other half give speeds %(rate)s apart.")
        lines.append(halves % {"rate": mm_a_year(figure(reason["odd_even_mm_yr"]))})
    return lines


def release_words(release: str, first: date, last: date) -> str:
    """Return a release's name, with its period unless it names years: '2019–2023, version 1'."""
    name = release_name(release)
    if re.search(r"\d{4}", name):
        return name
    # Translators: two months, "January 2019 to December 2023"
    period = _("%(first)s to %(last)s") % {"first": month_words(first), "last": month_words(last)}
    return f"{name} ({period})" if name else period


def release_name(release: str) -> str:
    """Return a release's name in words: '2019–2023, version 1' for 2019_2023_1; empty if it has none."""
    years, _sep, version = release.replace("_", "–", 1).partition("_")
    return _("%(years)s, version %(version)s") % {"years": years, "version": version} if version else years


def change_sentences(
    release: str, n_gone: int, n_new: int, common_offset_mm_yr: float | None, verdicts: Mapping[str, int] | None
) -> str:
    """Return sentences on how points and speeds changed since an older release of the same ground."""
    figures = {"gone": whole(n_gone), "new": whole(n_new), "release": release_name(release)}
    if release:
        # Translators: %(release)s is "2019–2023, version 1"
        counts = _("Since the release %(release)s, %(gone)s points are gone and %(new)s are new.")
    else:
        counts = _("Since the previous release, %(gone)s points are gone and %(new)s are new.")
    lines = [counts % figures]
    if common_offset_mm_yr is not None:
        offset = _("Still ground differs by %(rate)s mm a year between the two releases; this is subtracted.")
        lines.append(offset % {"rate": figure(common_offset_mm_yr)})
    if verdicts:
        cells = _(
            "Of %(all)s cells, %(faster)s move faster, %(slower)s move slower, %(new_motion)s show new motion, and "
            "%(vanished)s have lost most of their points."
        )
        numbers = {name: whole(n) for name, n in verdicts.items()} | {"all": whole(sum(verdicts.values()))}
        lines.append(cells % numbers)
    return " ".join(lines)


class VerdictShare(NamedTuple):
    """Share of an area's ground with one verdict, 0-1, and its median change, mm/yr without sign; NaN if unknown."""

    share: float
    change_mm_yr: float
    sigma_mm_yr: float


def since_sentence(release: str, shares: Mapping[Verdict, VerdictShare]) -> str:
    """Return one sentence on how an area changed since an older release. shares: of its known ground, by verdict."""
    changed = {verdict: one for verdict, one in shares.items() if verdict != Verdict.UNCHANGED}
    most = max(changed, key=lambda verdict: changed[verdict].share, default=Verdict.UNCHANGED)
    if most == Verdict.UNCHANGED or changed[most].share < CHANGED_SHARE:
        most = Verdict.UNCHANGED
    figures = {"release": release_name(release)}
    if most != Verdict.UNCHANGED:
        figures["share"] = percent(changed[most].share)
    if most not in (Verdict.UNCHANGED, Verdict.VANISHED):
        figures["rate"] = mm_a_year(with_uncertainty(changed[most].change_mm_yr, changed[most].sigma_mm_yr))
    return SINCE_WORDS[most][0 if release else 1] % figures


def tilt_sentence(place: Mapping[str, Any]) -> str:
    """Return a sentence on the steepest tilt of a place, over a house's length; empty if it was not measured."""
    if not place.get("tilt_mm_m_yr"):
        return ""
    names = {"rate": "tilt_mm_m_yr", "least": "tilt_low_mm_m_yr", "most": "tilt_high_mm_m_yr"}
    tilts = {name: TILT_OVER_M * place[column] for name, column in names.items()}
    if round(tilts["rate"], 1) == 0:
        return _("Over ten metres, both ends of a building move alike, to within a tenth of a millimetre a year.")
    return _(
        "Where it tilts most, one end of something ten metres long moves about %(rate)s mm a year more than the other "
        "(probably %(least)s to %(most)s)."
    ) % {name: decimal(value, 1) for name, value in tilts.items()}
