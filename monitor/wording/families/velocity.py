"""Voice of alerts from velocity fields: rates in millimetres a year, relative to the ground around."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from detection.kinds import KIND_OF_CLASS, KINDS, Extent, Sign, row_of
from detection.rules.motion import AROUND, DATUM, TURNED, Figure, Part, Stated, compared, rate_stated, stated
from ground_motion.core.errors import promised
from ground_motion.methods.deformation.motion.series import Trend
from ground_motion.rasters.areas import SURE_SHARE
from ground_motion.readers.records import Reference
from monitor.wording.components import component_label, direction, way, way_of
from monitor.wording.dates import IN, period_words
from monitor.wording.datum import zero_of_several
from monitor.wording.families.changes import (
    EVENLY,
    change_sentences,
    passes_sentences,
    provisional,
    rate_sentence,
    rests_on_passes,
    since_change,
    trend_label,
)
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
    area_label,
    figure,
    figure_words,
    listed,
    mm_a_year,
    rate_and_margin,
    unclear_sentence,
    whole,
    with_uncertainty,
)
from monitor.wording.points import agreement_sentences, reason_sentences, tilt_sentence

PARTS = {Part.WHOLE: gettext_lazy("on average"), Part.FASTEST: gettext_lazy("in the fastest part")}
MIN_SHARE = 0.1  # A cause of a smaller share is not named.
AGAINST = {  # what rates are compared with: measured as they are stated, or as seen from the satellite
    DATUM: (
        gettext_lazy("This is measured against the zero of the data set."),
        gettext_lazy("This is as seen from the satellite and measured against the zero of the data set."),
    ),
    AROUND: (
        gettext_lazy("This is compared with the ground around it."),
        gettext_lazy("This is as seen from the satellite and compared with the ground around it."),
    ),
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
    DATUM: gettext_lazy("It is kilometres wide. If the zero of the data set is wrong, this rate is wrong by as much."),
    "local": gettext_lazy(
        "It is kilometres wide. Assumed: the stillest ground does not move at all. If it does, the rate is wrong by as "
        "much."
    ),
}
GAPS = gettext_lazy("Gaps between the points (forest, fields, water, snow) do not mean that the ground is stable.")
UNNAMED = gettext_lazy("The computer is not sure enough of a cause to name one.")
NOT_IDENTIFIED = gettext_lazy("The cause is not identified.")
MISFITS = gettext_lazy("The likeliest cause does not fit the direction of the motion, so that none is named.")
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
                "Where fastest, now surely more than 10 mm a year beyond the ground around it, or slower motion that "
                "speeds up, slides or lies under buildings, roads or railways."
            ),
        ),
        "strong": Severity(
            gettext_lazy("high importance"),
            gettext_lazy(
                "Where fastest, now surely more than 40 mm a year beyond the ground around it, or slower motion that "
                "speeds up, slides or lies under many buildings or people."
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
        told = _stated(alert)
        one = told.before if told.at_rest and told.before else told.headline
        rate = _("%(number)s mm/year") % {"number": figure(one.value)}
        label = str(way_of(alert.kind, one.along, one.value).rate % {"rate": rate})
        if not one.is_motion:
            rate = _("%(number)s mm/year") % {"number": with_uncertainty(one.value, one.sigma)}
            # Translators: %(rate)s is "1.6 ± 3.1 mm/year"
            label = _("motion not certain: %(rate)s") % {"rate": f"{rate} {PARTS[one.part]}"}
        elif one.part is Part.FASTEST:
            label = f"{label} {PARTS[one.part]}"
        if told.change and told.at_rest:
            # Translators: %(since)s is "since March 2023", %(label)s is "sinking 14 mm/year"
            label = _("at rest %(since)s; before that: %(label)s") % {
                "since": since_change(told.change),
                "label": label,
            }
        label = _compared(label, told)
        if rests_on_passes(alert):
            label = provisional(label)
        return ", ".join([label, _("a wide region")]) if _is_region(alert) else label

    def headline(self, alert: AlertFigures) -> Headline:
        """Return the rate since its change, in the last month if it changes evenly, else of all data.

        Without a change it is the rate of the fastest place, if that is far faster than most of the area.
        """
        told = _stated(alert)
        one = told.headline
        number, _sign, margin = with_uncertainty(one.value, one.sigma).partition(" ± ")
        own, arrow, says = way_of(alert.kind, one.along, one.value), "", _("motion not certain")
        if told.at_rest:
            says = _("at rest")
        elif one.is_motion:
            arrow, says = own.arrow, str(own.label)
        says = _compared(says, told)
        part, beside = str(PARTS[one.part]), ""
        if one.part is Part.FASTEST:
            beside = f"{with_uncertainty(told.whole.value, told.whole.sigma)} {PARTS[Part.WHOLE]}"
        elif told.n_fast_places and told.fastest and _is_faster(told.fastest, told.now) and not told.at_rest:
            fastest = f"{with_uncertainty(told.fastest.value, told.fastest.sigma)} {PARTS[Part.FASTEST]}"
            beside = f"{fastest} {_when(told, told.fastest)}"
        part = provisional(part) if rests_on_passes(alert) else part
        return Headline(number, margin, mm_a_year("").strip(), arrow, says, _when(told, one), part, beside)

    def brief(self, alert: AlertFigures) -> str:
        """Return 'The ground here has sunk by about 8.2 mm a year since March 2023.'."""
        told = _stated(alert)
        one, when = told.headline, _when(told, told.headline)
        if told.at_rest:
            rest = _("The ground here has been at rest %(since)s.")
            if told.around:
                rest = _("The ground here has moved as the ground around it does %(since)s.")
            return rest % {"since": when}
        when = _compared(provisional(when) if rests_on_passes(alert) else when, told)
        if _is_region(alert):
            # Translators: %(when)s is "between 2020 and 2024", %(area)s is "700 km²"
            when = _("%(when)s, over %(area)s") % {"when": when, "area": area_label(alert.area_m2)}
        if not one.is_motion:
            return unclear_sentence(rate_and_margin(one.value, one.sigma), when)
        own = way_of(alert.kind, one.along, one.value)
        said = own.moved_short or own.moved
        if one.part is Part.FASTEST:
            said = own.fastest
        elif told.change and Trend(told.change.trend) not in EVENLY:
            said = own.has_moved_short or own.has_moved
        return str(said % {"rate": mm_a_year(figure(one.value)), "since": when, "when": when})

    def trend(self, alert: AlertFigures) -> str:
        """Return the trend of the alert's series."""
        return "" if getattr(alert, "motion", None) is None else trend_label(_stated(alert))

    def sentence(self, alert: AlertFigures) -> str:
        """Return how the ground moved, since when and relative to what; also the fastest part if it is much faster."""
        told = _stated(alert)
        main, fastest = told.whole, told.fastest
        when, own = _when(told, main), way_of(alert.kind, main.along, main.value)
        stands_out, parts = told.headline.part is Part.FASTEST, []
        if stands_out:
            around = ngettext(
                "On average over this area, it was %(rate)s in the same time.",
                "It is one of %(n)s such places; on average over this area, it was %(rate)s in the same time.",
                max(1, told.n_fast_places),
            )
            moved = [rate_sentence(own.fastest, told.headline, when)]
            parts = [around % {"n": whole(told.n_fast_places), "rate": figure_words(main)}]
        elif told.change:
            moved = change_sentences(alert.kind, told)
        else:
            moved = [rate_sentence(own.moved, main, when)]
        uneven = fastest and _is_faster(fastest, told.now) and abs(fastest.value) > UNEVEN * abs(main.value)
        before = told.before if told.change and Trend(told.change.trend) in TURNED else None
        is_clear = all(one.is_motion for one in (main, told.now, before) if one)
        if fastest and uneven and is_clear and not stands_out:
            parts = [rate_sentence(own.fastest, fastest, when if told.change else _("in the same time"))]
            if _is_region(alert):
                parts.append(_("Places with alerts of their own do not count here."))
        # A kind without a sign is described as seen from the satellite already.
        in_line_of_sight = row_of(alert.kind).sign is not None and alert.component == "los"
        against = [str(AGAINST[main.against][in_line_of_sight]), *_around_sentences(alert, told)]
        if stands_out:  # The average belongs beside the fastest part, before sentences on the ground around.
            against, parts = [*parts, *against], []
        return " ".join([*moved, *against, *parts, *passes_sentences(alert)])

    def cause(self, alert: AlertFigures) -> str:
        """Return a sentence on the kind's own cause, else on the likeliest; empty if no network looked for one."""
        row, likely = row_of(alert.kind), likely_causes(alert)
        if row.names_cause:
            return str(row.meaning)
        if not likely:
            return str(NOT_IDENTIFIED) if alert.class_shares else ""
        if _misfits(alert, likely):
            return str(MISFITS)
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
        likely, row = likely_causes(alert), row_of(alert.kind)
        if row.names_cause:
            return [str(row.meaning)]
        if not alert.class_shares:
            return []
        misfits = bool(likely) and _misfits(alert, likely)
        causes = ", ".join(words for words, _share in self.cause_shares(alert))
        named = _("Most likely cause: %(cause)s.") % {"cause": causes} if likely else str(NOT_IDENTIFIED)
        return [
            str(row.meaning if row.network_class else MISFITS if misfits else UNNAMED),
            *([] if misfits else [named]),
            _("The cause is estimated from shape and speed, learnt on simulated ground; maps of wells are not used."),
        ]

    def cause_shares(self, alert: AlertFigures) -> list[tuple[str, float]]:
        """Return 'mining (7 in 10)' and its share for every likely cause; empty if the likeliest does not fit."""
        likely = likely_causes(alert)
        return [] if likely and _misfits(alert, likely) else [(_in_ten(name, share), share) for share, name in likely]

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
        lines.append(zero_of_several([source.datum for source in sources]))
        if not _is_region(alert):
            lines.append(_("Measured against the ground around it: motion of the whole region does not show."))
        elif alert.reference != Reference.LOCAL and alert.component == "los":
            lines.append(_("Slow sideways drift of the whole region, as of continents, may be part of it."))
        return [*lines, str(GAPS)]

    def finding(self, detection: DetectionFigures, source: Any) -> Finding:
        """Return the rate of a detection in words, with the reasons for the detection."""
        one = rate_stated(detection, source.component, source.dates[0], source.dates[-1])
        reasons = [line for reason in detection.reasons for line in reason_sentences(source.component, reason)]
        if len(detection.reasons) > 1:
            reasons = [*agreement_sentences(detection.reasons), *reasons]
        if len(detection.places) > 1:
            rates = listed([figure(place["peak_rate_mm_yr"]) for place in detection.places])
            # Translators: %(rates)s is "45, 30 and 12"
            fastest = _("It moves fastest in %(n)s separate places: by up to %(rates)s mm a year (%(way)s).")
            way_words = direction(source.component, one.value)
            reasons.append(fastest % {"n": len(detection.places), "rates": rates, "way": way_words})
        reasons += [line for line in [tilt_sentence(detection.places[0])] if line] if detection.places else []
        rate = _("%(number)s mm/year") % {"number": with_uncertainty(one.value, one.sigma)}
        figures = [
            direction(source.component, one.value) if one.is_motion else _("motion not certain"),
            f"{rate} {PARTS[one.part]}",
            period_words(one.since, one.until),
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


def _stated(alert: AlertFigures) -> Stated:
    return promised(stated(alert))


def _when(told: Stated, one: Figure) -> str:
    """Return the time of a figure in words."""
    if told.change is None or one is not told.now:
        return period_words(one.since, one.until)
    return IN.of(one.until, 0.0) if Trend(told.change.trend) in EVENLY else since_change(told.change)


def _is_faster(fastest: Figure, now: Figure) -> bool:
    """Return whether a part was surely fast, and faster than the whole is now."""
    return fastest.is_motion and abs(fastest.value) > abs(now.value)


def _compared(text: str, told: Stated) -> str:
    """Add to a text that its rate is compared with the ground around, if that moves and its rate is not included."""
    # Translators: %(text)s is "rising 18 mm/year", "at rest" or "between 2020 and 2024"
    against = _("%(text)s, compared with the ground around it") % {"text": text}
    return against if told.around and not told.shift_mm_yr else text


def _around_sentences(alert: AlertFigures, told: Stated) -> list[str]:
    """Return how fast the ground around moved and, of a rate relative to the datum, how far it is from that."""
    around, sentences = told.around, list[str]()
    if around is None:
        return sentences
    if told.shift_mm_yr:
        own = promised(compared(alert))
        one = own.fastest if told.headline.part is Part.FASTEST else own.now
        # Translators: %(difference)s is "40 mm a year (probably 35 to 45)"
        differs = _("Its motion differs by %(difference)s from that of the ground around it.")
        sentences.append(differs % {"difference": figure_words(promised(one))})
    return [*sentences, str(way(around.along, around.value).around % {"rate": figure_words(around)})]


def _is_region(alert: AlertFigures) -> bool:
    return alert.extent == Extent.REGION


def _in_ten(name: str, share: float) -> str:
    """Return a cause and its cases in ten: 'mining (7 in 10)', at most 'more than 9', as no network is certain."""
    cause = KINDS[KIND_OF_CLASS[name]].class_words
    if share >= ALMOST_ALL:
        return _("%(cause)s (more than 9 in 10)") % {"cause": cause}
    # Translators: of ten such places: "mining (7 in 10)"
    return _("%(cause)s (%(n)s in 10)") % {"cause": cause, "n": whole(10 * share)}


def _misfits(alert: AlertFigures, likely: Sequence[tuple[float, str]]) -> bool:
    """Return whether the network is sure of a cause that the measured direction does not allow."""
    return not row_of(alert.kind).network_class and likely[0][0] >= SURE_SHARE


def likely_causes(alert: AlertFigures) -> list[tuple[float, str]]:
    """Return (share, network's class) of each cause with a share of at least MIN_SHARE, the likeliest first.

    Causes that move the ground the other way than the alert's kind are left out, and so is rising ground, which is no
    cause.
    """
    rises = row_of(alert.kind).sign is Sign.RISING
    named = [name for name, kind in KIND_OF_CLASS.items() if not (rises and KINDS[kind].sign)]
    shares = sorted(((alert.class_shares.get(name, 0.0), name) for name in named), reverse=True)
    return [(share, name) for share, name in shares if share >= MIN_SHARE]
