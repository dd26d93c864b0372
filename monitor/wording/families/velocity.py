"""Voice of alerts from velocity fields: rates in millimetres a year, relative to the ground around."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core.errors import promised
from detection.kinds import KIND_OF_CLASS, KINDS, Extent, Sign, row_of
from detection.rules.motion import is_at_rest, motion_of, rate_now
from ingest.readers.records import Reference
from ml.deformation.motion.series import Trend
from monitor.wording.components import ROSE, SANK, Way, component_label, direction, way
from monitor.wording.dates import IN, period_words
from monitor.wording.families.changes import EVENLY, TREND_LABELS, change_sentences, since_change
from monitor.wording.families.passes import passes_sentences, provisional, rests_on_passes
from monitor.wording.families.voice import (
    AlertFigures,
    DetectionFigures,
    Evidence,
    FamilyVoice,
    Finding,
    Headline,
    Severity,
)
from monitor.wording.figures import (
    WITHIN_90,
    figure,
    likely_words,
    listed,
    mm_a_year,
    rate_words,
    round_figure,
    whole,
    with_uncertainty,
)
from monitor.wording.points import agreement_sentences, reason_sentences, tilt_sentence

SIGN_WAYS = {Sign.SINKING: SANK, Sign.RISING: ROSE}
MIN_SHARE = 0.1  # of a cause that is worth naming
AROUND, SEEN_FROM_SATELLITE = (
    gettext_lazy("This is compared with the ground around it."),
    gettext_lazy("This is as seen from the satellite and compared with the ground around it."),
)
AGAINST = {  # what the rates of a region are compared with: measured as they are stated, or as seen from the satellite
    "gnss": (
        gettext_lazy("This is the motion of a wide region, compared with permanent GPS stations."),
        gettext_lazy(
            "This is the motion of a wide region as seen from the satellite, compared with permanent GPS stations."
        ),
    ),
    "local": (
        gettext_lazy("This is the motion of a wide region, compared with the stillest ground in these data."),
        gettext_lazy(
            "This is the motion of a wide region as seen from the satellite, compared with the stillest "
            "ground in these data."
        ),
    ),
}
ASSUMES = {
    "gnss": gettext_lazy(
        "It is kilometres wide. Assumed: the stations themselves do not sink. Between them, errors of about a "
        "millimetre a year remain."
    ),
    "local": gettext_lazy(
        "It is kilometres wide. Assumed: the stillest ground does not move at all. If it does, the rate is wrong by as "
        "much."
    ),
}
GAPS = gettext_lazy("Gaps between the points (forest, fields, water, snow) do not mean that the ground is still.")
FEW_IMAGES = 30
UNEVEN = 1.3  # times as fast as all of it is the fastest part that is worth a sentence
COARSE_M = 50.0
ALMOST_ALL = 0.95  # share of cases from which on ten of ten would be the nearest


class VelocityVoice(FamilyVoice):
    """Voice of slow motion in velocity fields."""

    severities = {
        "minor": Severity(
            gettext_lazy("low importance"),
            gettext_lazy("Slow motion with little on it, motion that is not certain, or ground at rest."),
        ),
        "moderate": Severity(
            gettext_lazy("medium importance"),
            gettext_lazy(
                "Surely more than 10 mm a year now where it is fastest, or slower motion that speeds up, slides or "
                "lies under buildings, roads or railways."
            ),
        ),
        "strong": Severity(
            gettext_lazy("high importance"),
            gettext_lazy(
                "Surely more than 40 mm a year now where it is fastest, or slower motion that speeds up, slides or "
                "lies under many buildings or people."
            ),
        ),
    }
    ended = gettext_lazy("The ground here has come to rest.")
    evidence = Evidence(
        gettext_lazy("A computer compared the speed of this ground with that of the ground around it."),
        gettext_lazy("Score map (GeoTIFF)"),
        figure_heading=gettext_lazy("Rate"),
        count_heading=gettext_lazy("Points"),
        counted=gettext_lazy("measurement points"),
        series="points",
    )

    def label(self, alert: AlertFigures) -> str:
        """Return a label with the headline's figure: 'sinking 14 mm/year'; of ground at rest, with the rate before."""
        motion, current = motion_of(alert), _current(alert)
        at_rest = motion is not None and is_at_rest(alert)
        number = figure(motion.before_mm_yr or 0.0 if motion and at_rest else current.rate_mm_yr)
        rate = _("%(number)s mm/year") % {"number": number}
        label: str = current.way.rate % {"rate": f"{current.most} {rate}" if current.most else rate}
        if current.most:
            return f"{label} {current.beside}"
        if motion and at_rest:
            # Translators: %(since)s is "since March 2023", %(label)s is "sinking 14 mm/year"
            label = _("at rest %(since)s; before that: %(label)s") % {"since": since_change(motion), "label": label}
        if rests_on_passes(alert):
            label = provisional(label)
        return ", ".join([label, _("a wide region")]) if _is_region(alert) else label

    def headline(self, alert: AlertFigures) -> Headline:
        """Return the rate since its change, in the last month if it changes evenly, else of all data.

        Without a change it is the rate of the fastest place, if that is far faster than most of the area.
        """
        now = _current(alert)
        number, _sign, margin = with_uncertainty(now.rate_mm_yr, now.sigma_mm_yr).partition(" ± ")
        arrow, says = ("", _("at rest")) if is_at_rest(alert) else (now.way.arrow, str(now.way.label))
        unit = mm_a_year("").strip()
        unit = provisional(unit) if rests_on_passes(alert) else unit
        return Headline(number, margin, unit, arrow, says, now.when, now.most, now.beside)

    def brief(self, alert: AlertFigures) -> str:
        """Return 'The ground here has sunk by about 8.2 mm a year since March 2023.'."""
        now = _current(alert)
        if is_at_rest(alert):
            return _("The ground here has been at rest %(since)s.") % {"since": now.when}
        if now.most:
            # Translators: %(rate)s is "75 mm a year", %(around)s is "9"
            rate = _("%(rate)s (%(around)s around it)") % {
                "rate": mm_a_year(figure(now.rate_mm_yr)),
                "around": round_figure(promised(alert.rate_mm_yr)),
            }
            return str(now.way.fastest_up_to % {"rate": rate, "when": now.when})
        since, between = (now.way.has_moved_short or now.way.has_moved), (now.way.moved_short or now.way.moved)
        said = since if now.is_since else between
        when = provisional(now.when) if rests_on_passes(alert) else now.when
        return str(said % {"rate": mm_a_year(figure(now.rate_mm_yr)), "since": when, "when": when})

    def trend(self, alert: AlertFigures) -> str:
        """Return the trend of the alert's series."""
        if getattr(alert, "motion", None) is None:
            return ""
        motion = motion_of(alert)
        return str(TREND_LABELS[Trend(motion.trend) if motion else Trend.STEADY])

    def sentence(self, alert: AlertFigures) -> str:
        """Return how the ground moved, since when and relative to what; also the fastest part if it is much faster."""
        motion, when = motion_of(alert), period_words(alert.first_motion, alert.last_motion)
        own, now = _way(alert), _current(alert)
        stands_out = bool(now.most)
        if stands_out:
            moved = [_fastest(alert, own, when)]
        elif motion:
            moved = change_sentences(motion, alert, own)
        else:
            moved = [own.moved % {"rate": rate_words(promised(alert.rate_mm_yr), alert.rate_sigma_mm_yr), "when": when}]
        # without a sign, the direction itself is seen from the satellite
        in_line_of_sight = row_of(alert.kind).sign is not None and alert.component == "los"
        compared = (AGAINST[alert.reference] if _is_region(alert) else (AROUND, SEEN_FROM_SATELLITE))[in_line_of_sight]
        uneven = abs(promised(alert.peak_rate_mm_yr)) > max(
            UNEVEN * abs(promised(alert.rate_mm_yr)), abs(now.rate_mm_yr)
        )
        parts = []
        if stands_out:
            parts = [_around(alert)]
        elif uneven:
            parts = [_fastest(alert, own, when if motion else _("in the same time"))]
        return " ".join([*moved, str(compared), *parts, *passes_sentences(alert)])

    def cause(self, alert: AlertFigures) -> str:
        """Return a sentence on the kind's own cause, else on the likeliest; empty if unknown and for rising ground."""
        row, likely = row_of(alert.kind), _likely_causes(alert)
        if not likely or row.sign is Sign.RISING:
            return ""
        own = next((one for one in likely if one[1] == row.network_class), None)
        share, name = own or likely[0]
        # Translators, here and below: %(cause)s is "mining (7 in 10)"
        said = _("Most likely cause: %(cause)s.") if own else _("The cause is not sure; most likely %(cause)s.")
        return said % {"cause": _in_ten(name, share)}

    def region_note(self, alert: AlertFigures) -> str:
        """Return the assumption behind the rate of a wide region; empty for a place."""
        return str(ASSUMES[alert.reference]) if _is_region(alert) else ""

    def causes(self, alert: AlertFigures) -> list[str]:
        """Return sentences on the network's causes and their basis; empty if no network classified the area."""
        likely = _likely_causes(alert)
        if not likely:
            return []
        row, causes = row_of(alert.kind), ", ".join(words for words, _share in self.cause_shares(alert))
        return [
            str(row.meaning) if row.network_class else _("The computer is not sure enough of a cause to name one."),
            _("Most likely cause: %(cause)s.") % {"cause": causes},
            _("The cause is estimated from shape and speed, learnt on simulated ground; maps of wells are not used."),
        ]

    def cause_shares(self, alert: AlertFigures) -> list[tuple[str, float]]:
        """Return 'mining (7 in 10)' and its share for every likely cause."""
        return [(_in_ten(name, share), share) for share, name in _likely_causes(alert)]

    def steps(self, kind: str) -> Sequence[Any]:
        """Return signs to look for, the kind's advice, and whom to inform."""
        return (
            _(
                "Look for fresh cracks in walls, doors and windows that jam, or pipes that leak. Note the date and "
                "take a photo."
            ),
            *row_of(kind).advice,
            _("If you see such signs, tell your municipality or the geological survey, and show them this page."),
        )

    def limits(self, alert: AlertFigures, sources: Sequence[Any]) -> list[str]:
        """Return what these velocity fields cannot show."""
        lines = [*(str(line) for line in row_of(alert.kind).limits), *limits_of_fields(alert.component, sources)]
        if not _is_region(alert):
            lines.append(_("Measured against the ground around it: motion of the whole region does not show."))
        else:
            lines.append(_("Places inside that move faster than the region have alerts of their own."))
            if alert.reference == Reference.GNSS and alert.component == "los":
                lines.append(_("Slow sideways drift of the whole region, as of continents, may be part of it."))
        return [*lines, str(GAPS)]

    def finding(self, detection: DetectionFigures, source: Any) -> Finding:
        """Return the rate of a detection in words, with the reasons for the detection."""
        rate = with_uncertainty(promised(detection.rate_mm_yr), detection.rate_sigma_mm_yr)
        reasons = [line for reason in detection.reasons for line in reason_sentences(source.component, reason)]
        if len(detection.reasons) > 1:
            reasons = [*agreement_sentences(detection.reasons), *reasons]
        if len(detection.places) > 1:
            rates = listed([figure(place["peak_rate_mm_yr"]) for place in detection.places])
            # Translators: %(rates)s is "45, 30 and 12"
            fastest = _("It moves fastest in %(n)s separate places: by up to %(rates)s mm a year.")
            reasons.append(fastest % {"n": len(detection.places), "rates": rates})
        reasons += [line for line in [tilt_sentence(detection.places[0])] if line] if detection.places else []
        figures = [
            direction(source.component, promised(detection.rate_mm_yr)),
            _("%(number)s mm/year") % {"number": rate},
        ]
        return Finding(", ".join(figures), component_label(source.component), reasons)


def limits_of_fields(component: str, sources: Sequence[Any]) -> list[str]:
    """Return what a rate along a component cannot show because of its velocity fields (products)."""
    lines = []
    directions = {product.direction for product in sources if product.component == "los"}
    if component == "los" and len(directions) < 2:
        lines.append(_("Seen from one direction only: sideways motion looks the same as sinking or rising."))
    posting_m = max((product.posting_m or 0 for product in sources), default=0)
    if posting_m > COARSE_M:
        lines.append(
            _("Each measurement stands for a square of about %(metres)s metres, not for a single building.")
            % {"metres": whole(posting_m)}
        )
    n_dates = min((product.n_dates for product in sources), default=0)
    if n_dates == 0:
        lines.append(_("Only mean speeds are known, no series: seasonal and lasting motion look the same."))
    elif n_dates < FEW_IMAGES:
        few = ngettext(
            "Only %(n)s image: seasonal swelling and shrinking may look like lasting motion.",
            "Only %(n)s images: seasonal swelling and shrinking may look like lasting motion.",
            n_dates,
        )
        lines.append(few % {"n": n_dates})
    return lines


class Current(NamedTuple):
    """Latest known rate of an alert. when: its time in words; is_since: whether it lasts from a change to the end.

    most, beside: see `Headline`.
    """

    rate_mm_yr: float
    sigma_mm_yr: float | None
    way: Way
    when: str
    is_since: bool = False
    most: str = ""
    beside: str = ""


def _current(alert: AlertFigures) -> Current:
    """Return the present rate; that of the fastest place, if it is far faster than the rest and nothing changed."""
    motion, own, rate = motion_of(alert), _way(alert), rate_now(alert)
    when, n_fast = period_words(alert.first_motion, alert.last_motion), alert.n_fast_places
    if motion is None and n_fast:
        return Current(
            promised(alert.peak_rate_mm_yr), _peak_sigma(alert), own, when, most=_("up to"), beside=_beside(alert)
        )
    if motion is None:
        return Current(*rate, own, when)
    fastest = ""
    if n_fast and not is_at_rest(alert):
        fastest = str(own.fastest_up_to % {"rate": mm_a_year(figure(promised(alert.peak_rate_mm_yr))), "when": when})
    if motion.trend in EVENLY:
        return Current(*rate, own, IN.of(alert.last_motion, 0.0), beside=fastest)
    now = way(alert.component, motion.rate_mm_yr) if motion.trend == Trend.REVERSED else own
    return Current(*rate, now, since_change(motion), is_since=True, beside=fastest)


def _peak_sigma(alert: AlertFigures) -> float | None:
    if alert.peak_low_mm_yr is None or alert.peak_high_mm_yr is None:
        return None
    return abs(alert.peak_high_mm_yr - alert.peak_low_mm_yr) / 2 / WITHIN_90


def _beside(alert: AlertFigures) -> str:
    """Return 'in 4 places; 9 around them': where the fastest rate is reached, and the rate of the ground around."""
    # Translators: after "sinking up to 75 mm/year"; %(around)s is "9", a rate
    beside = ngettext(
        "in one place; %(around)s around it", "in %(n)s places; %(around)s around them", alert.n_fast_places
    )
    return beside % {"n": whole(alert.n_fast_places), "around": round_figure(promised(alert.rate_mm_yr))}


def _around(alert: AlertFigures) -> str:
    around = ngettext(
        "The rest of this area moved by about %(rate)s in the same time.",
        "It is one of %(n)s such places; the rest of this area moved by about %(rate)s in the same time.",
        alert.n_fast_places,
    )
    return around % {
        "n": whole(alert.n_fast_places),
        "rate": rate_words(promised(alert.rate_mm_yr), alert.rate_sigma_mm_yr),
    }


def _is_region(alert: AlertFigures) -> bool:
    return alert.extent == Extent.REGION


def _way(alert: AlertFigures) -> Way:
    sign = row_of(alert.kind).sign
    return SIGN_WAYS[sign] if sign else way(alert.component, promised(alert.rate_mm_yr))


def _in_ten(name: str, share: float) -> str:
    """Return a cause and its cases in ten: 'mining (7 in 10)', at most 'more than 9', as no network is certain."""
    if share >= ALMOST_ALL:
        return _("%(cause)s (more than 9 in 10)") % {"cause": _cause(name)}
    # Translators: of ten such places: "mining (7 in 10)"
    return _("%(cause)s (%(n)s in 10)") % {"cause": _cause(name), "n": whole(10 * share)}


def _cause(name: str) -> Any:
    return KINDS[KIND_OF_CLASS[name]].class_words


def _likely_causes(alert: AlertFigures) -> list[tuple[float, str]]:
    """Return (share, network's class) of each cause with a share (0-1) of at least MIN_SHARE, the likeliest first."""
    shares = sorted(((share, name) for name, share in alert.class_shares.items()), reverse=True)
    return [(share, name) for share, name in shares if share >= MIN_SHARE]


def _fastest(alert: AlertFigures, own: Way, when: str) -> str:
    """Return 'The fastest part sank by about 26 mm a year (probably 22 to 30) in the same time.'."""
    peak = promised(alert.peak_rate_mm_yr)
    if alert.peak_low_mm_yr is None or alert.peak_high_mm_yr is None:
        return str(own.fastest_up_to % {"rate": mm_a_year(round_figure(peak)), "when": when})
    low, high = (math.copysign(1.0, peak) * end for end in (alert.peak_low_mm_yr, alert.peak_high_mm_yr))
    return str(own.fastest % {"rate": likely_words(abs(peak), low, high, "mm a year"), "when": when})
