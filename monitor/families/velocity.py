"""Voice of alerts from velocity fields: millimetres a year, compared with the ground around."""

import math
from collections.abc import Sequence
from typing import Any

from detection.kinds import KIND_OF_CLASS, KINDS, Extent, Sign, row_of
from ingest.readers.records import Reference
from monitor.families.changes import change_words, changed_when, is_at_rest, motion_of
from monitor.families.voice import AlertFigures, DetectionFigures, Evidence, Finding, Severity, advice_in_state
from monitor.wording.components import COMPONENT_LABELS, direction, moved_plainly
from monitor.wording.dates import period_words
from monitor.wording.figures import figure, likely_words, rate_words, round_figure, with_uncertainty
from monitor.wording.points import agreement_sentences, reason_sentences, tilt_sentence

SEVERITIES = {
    "minor": Severity(
        "low importance", "Slow motion of a small area; few or no buildings, roads or tracks are known on it."
    ),
    "moderate": Severity(
        "medium importance",
        "More than 10 mm a year where it is fastest, a square kilometre or more, or slow motion under many buildings "
        "or people.",
    ),
    "strong": Severity(
        "high importance",
        "More than 50 mm a year where it is fastest, or more than 10 mm under many buildings, people or a railway.",
    ),
}
SIGN_VERBS = {Sign.SINKING: "sank", Sign.RISING: "rose"}
LEAST_SHARE = 0.1  # of a cause that is worth naming
AGAINST = {  # what the rates of a region are compared with
    "gnss": "permanent GPS stations",
    "local": "the stillest ground in these data",
}
ASSUMES = {
    "gnss": "Assumed: the stations themselves do not sink. Between them, errors of about a millimetre a year remain.",
    "local": "Assumed: the stillest ground does not move at all. If it does, the rate is wrong by as much.",
}
FEW_IMAGES = 30
COARSE_M = 50.0


class VelocityVoice:
    ended = "The ground here has come to rest."
    evidence = Evidence(
        "A computer compared the speed of this ground with that of the ground around it.",
        "Rate",
        "Points",
        "measurement points",
        "Score map (GeoTIFF)",
        series="points",
    )

    def label(self, alert: AlertFigures) -> str:
        """'sinking 14 mm/year', 'moving up to 17 mm/year away from the satellite' where parts are much faster."""
        rate = f"up to {figure(alert.peak_rate_mm_yr)}" if _uneven(alert) else figure(alert.rate_mm_yr)
        sign, way = row_of(alert.kind).sign, direction(alert.component, alert.rate_mm_yr)
        seen = f"moving {rate} mm/year {way}" if alert.component == "los" else f"{way} {rate} mm/year"
        label = f"{sign} {rate} mm/year" if sign else seen
        motion = motion_of(alert)
        if motion and is_at_rest(alert):
            label = f"at rest since {changed_when(motion)}, before that {label}"
        return f"{label}, a wide region" if _is_region(alert) else label

    def sentence(self, alert: AlertFigures) -> str:
        """How it moves; where parts are much faster, how fast they are stands in a second sentence."""
        sign, motion = row_of(alert.kind).sign, motion_of(alert)
        verb = SIGN_VERBS[sign] if sign else moved_plainly(alert.component, alert.rate_mm_yr)
        when = period_words(alert.first_motion, alert.last_motion)
        if motion:
            moved = change_words(motion, alert.component, verb, alert.rate_sigma_mm_yr or 0.0)
        else:
            moved = f"{verb} by about {rate_words(alert.rate_mm_yr, alert.rate_sigma_mm_yr)} {when}"
        # without a sign, the direction itself is seen from the satellite
        seen = "as seen from the satellite and compared" if sign and alert.component == "los" else "compared"
        ground = "The ground of a wide region" if _is_region(alert) else "The ground here"
        with_what = AGAINST[alert.reference] if _is_region(alert) else "the ground around it"
        fastest = f" {_fastest(alert, when if motion else '')}" if _uneven(alert) else ""
        return f"{ground} {moved}, {seen} with {with_what}.{fastest}"

    def cause(self, alert: AlertFigures) -> str:
        row, likely = row_of(alert.kind), _likely_causes(alert)
        if not likely or row.sign is Sign.RISING:
            return ""
        share, words = next((one for one in likely if one[1] == row.class_words), likely[0])
        tenths = "more than 9" if share > 0.95 else f"about {10 * share:.0f}"
        sure = f"{words}, as in {tenths} of 10 such places."
        return (
            f"Likely cause: {sure}" if words == row.class_words else f"The cause is not sure; the likeliest is {sure}"
        )

    def severity(self, grade: str) -> Severity:
        return SEVERITIES[grade]

    def region_note(self, alert: AlertFigures) -> str:
        return f"It is kilometres wide. {ASSUMES[alert.reference]}" if _is_region(alert) else ""

    def causes(self, alert: AlertFigures) -> list[str]:
        """By a network: how sure it is, and what that rests on; nothing where no network classified the area."""
        likely = _likely_causes(alert)
        if not likely:
            return []
        row, causes = row_of(alert.kind), ", ".join(f"{words} in {_of_ten(share)}" for share, words in likely)
        return [
            row.meaning if row.network_class else "The computer is not sure enough of a cause to name one.",
            f"In ten such cases the computer would expect, by all that it knows here: {causes}.",
            "It has learnt shapes and speeds from simulated ground, and knows no map of wells.",
        ]

    def advice(self, kind: str, state: str) -> list[str]:
        steps = (
            "Look for fresh cracks in walls, doors and windows that jam, or pipes that leak. Note the date and take "
            "a photo.",
            *row_of(kind).advice,
            "If you see such signs, tell your municipality or the geological survey, and show them this page.",
        )
        return advice_in_state(state, steps)

    def limits(self, alert: AlertFigures, sources: Sequence[Any]) -> list[str]:
        lines = list(row_of(alert.kind).limits)
        directions = {product.direction for product in sources if product.component == "los"}
        if alert.component == "los" and len(directions) < 2:
            lines.append("Seen from one direction only: sideways motion looks the same as sinking or rising.")
        posting_m = max((product.posting_m or 0 for product in sources), default=0)
        if posting_m > COARSE_M:
            lines.append(
                f"Each measurement stands for a square of about {posting_m:.0f} metres, not for a single building."
            )
        n_dates = min((product.n_dates for product in sources), default=0)
        if n_dates == 0:
            lines.append("Only mean speeds are known, no series: seasonal and lasting motion look the same.")
        elif n_dates < FEW_IMAGES:
            lines.append(f"Only {n_dates} images: seasonal swelling and shrinking may look like lasting motion.")
        measured = "Measured against the ground around it: motion of the whole region does not show."
        return [
            *lines,
            *(_limits_of_region(alert) if _is_region(alert) else [measured]),
            "Gaps between the points (forest, fields, water, snow) do not mean that the ground is still.",
        ]

    def finding(self, detection: DetectionFigures, source: Any) -> Finding:
        rate = with_uncertainty(detection.rate_mm_yr, detection.rate_sigma_mm_yr)
        reasons = [line for one in detection.reasons for line in reason_sentences(source.component, one)]
        if len(detection.reasons) > 1:
            reasons = [*agreement_sentences(detection.reasons), *reasons]
        if len(detection.places) > 1:
            *others, last = [figure(place["peak_rate_mm_yr"]) for place in detection.places]
            rates = f"{', '.join(others)} and {last}"
            reasons.append(f"It moves fastest in {len(detection.places)} separate places: by up to {rates} mm a year.")
        reasons += [line for line in [tilt_sentence(detection.places[0])] if line] if detection.places else []
        return Finding(
            f"{direction(source.component, detection.rate_mm_yr)}, {rate} mm/year",
            COMPONENT_LABELS[source.component],
            reasons,
        )


def _is_region(alert: AlertFigures) -> bool:
    return alert.extent == Extent.REGION


def _limits_of_region(alert: AlertFigures) -> list[str]:
    lines = ["Places inside that move faster than the region have alerts of their own."]
    if alert.reference == Reference.GNSS and alert.component == "los":
        lines.append("Slow sideways drift of the whole region, as of continents, may be part of it.")
    return lines


def _of_ten(share: float) -> str:
    """Never all of them: no network is that sure."""
    return "more than 9" if share >= 0.95 else f"{10 * share:.0f}"


def _likely_causes(alert: AlertFigures) -> list[tuple[float, str]]:
    """Share and words of each cause that is worth naming, the likeliest first."""
    shares = sorted(((share, name) for name, share in alert.class_shares.items()), reverse=True)
    return [(share, KINDS[KIND_OF_CLASS[name]].class_words) for share, name in shares if share >= LEAST_SHARE]


def _fastest(alert: AlertFigures, when: str) -> str:
    """'The fastest part sank by about 26 mm a year (probably 22 to 30).' when: where the rate has changed, the time of
    which this is the mean."""
    peak, mean = alert.peak_rate_mm_yr, f", on average {when}" if when else ""
    sign = row_of(alert.kind).sign
    verb = SIGN_VERBS[sign] if sign else "moved"
    if alert.peak_low_mm_yr is None or alert.peak_high_mm_yr is None:
        return f"The fastest part {verb} by up to {round_figure(peak)} mm a year{mean}."
    low, high = (math.copysign(1.0, peak) * end for end in (alert.peak_low_mm_yr, alert.peak_high_mm_yr))
    return f"The fastest part {verb} by about {likely_words(abs(peak), low, high, 'mm a year')}{mean}."


def _uneven(alert: AlertFigures) -> bool:
    return abs(alert.peak_rate_mm_yr) > 1.3 * abs(alert.rate_mm_yr)
