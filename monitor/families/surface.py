"""Voice of alerts where the surface changed: two images no longer match where earlier pairs did."""

from typing import Any

from monitor.families.voice import AlertFigures, AreaFigures, DetectionFigures, Evidence, Finding, PairVoice, Severity
from monitor.wording.dates import days_words

SEVERITIES = {
    "minor": Severity("small change", "A small piece of ground."),
    "moderate": Severity("medium change", "More than ten hectares."),
    "strong": Severity("large change", "More than a square kilometre."),
}
FAR_SIGMAS = 6.0  # an alert needs 4.5


class SurfaceVoice(PairVoice):
    severities = SEVERITIES
    ended = "The surface here changed once; nothing has changed since."
    evidence = Evidence(
        "Two radar images of ground that stays as it is match, spot by spot. These two match much less than earlier "
        "pairs of this place did.",
        "Finding",
        "Cells",
        "cells",
        "Change of coherence (GeoTIFF)",
        series="",
    )

    def label(self, alert: AlertFigures) -> str:
        """'surface changed: match fell from 75% to 12%'."""
        return f"surface changed: {_fell(alert)}"

    def sentence(self, alert: AlertFigures) -> str:
        sure = "far" if -alert.change_sigma >= FAR_SIGMAS else "clearly"
        return (
            f"The surface here changed {days_words(alert.first_motion, alert.last_motion)}: radar images of these days "
            f"match to only {alert.coherence_after:.0%}, where earlier ones matched to {alert.coherence_before:.0%}; "
            f"that is {sure} beyond their usual ups and downs."
        )

    def cause(self, alert: AlertFigures) -> str:
        return "The images do not show why: building work, a harvest, a flood, a fire and a landslide look alike."

    def limits_of_pairs(self, cell_m: float, days: int) -> list[str]:
        return [
            "The cause cannot be identified: snow, ploughing, building work and a landslide look alike.",
            "Over water, in dense forest and under fresh snow such changes do not show.",
        ]

    def finding(self, detection: DetectionFigures, source: Any) -> Finding:
        return Finding(
            f"{_fell(detection)}, {-detection.change_sigma:.1f} times its usual spread",
            "compared with earlier pairs",
            [],
        )


def _fell(area: AreaFigures) -> str:
    return f"match fell from {area.coherence_before:.0%} to {area.coherence_after:.0%}"
