"""Voice of alerts where the surface changed: two images no longer match where earlier pairs did."""

from typing import Any

from monitor.families.voice import AlertFigures, DetectionFigures, Evidence, Finding, PairVoice, Severity
from monitor.wording.dates import days_words

SEVERITIES = {
    "minor": Severity("small change", "A small piece of ground."),
    "moderate": Severity("medium change", "More than ten hectares."),
    "strong": Severity("large change", "More than a square kilometre."),
}


class SurfaceVoice(PairVoice):
    severities = SEVERITIES
    evidence = Evidence("Finding", "Cells", "cells", "Change of coherence (GeoTIFF)", series="")

    def label(self, alert: AlertFigures) -> str:
        """'surface changed: match fell from 75% to 12%'."""
        return f"surface changed: match fell from {alert.coherence_before:.0%} to {alert.coherence_after:.0%}"

    def sentence(self, alert: AlertFigures) -> str:
        return (
            f"The surface here changed {days_words(alert.first_motion, alert.last_motion)}: radar images of these days "
            f"match to {alert.coherence_after:.0%}, where earlier pairs matched to {alert.coherence_before:.0%}."
        )

    def limits_of_pairs(self, cell_m: float, days: int) -> list[str]:
        return [
            "The cause cannot be identified: snow, ploughing, building work and a landslide look alike.",
            "Over water, in dense forest and under fresh snow such changes do not show.",
        ]

    def finding(self, detection: DetectionFigures, source: Any) -> Finding:
        fell = f"match fell from {detection.coherence_before:.0%} to {detection.coherence_after:.0%}"
        return Finding(
            f"{fell}, {-detection.change_sigma:.1f} times its usual spread", "compared with earlier pairs", []
        )
