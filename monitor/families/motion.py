"""Voice of alerts where ground moved by metres between two images: metres a day, along the ground."""

from typing import Any

from detection.kinds import Kind, row_of
from detection.search.patches import MOTION
from monitor.families.voice import AlertFigures, DetectionFigures, Evidence, Finding, PairVoice, Severity
from monitor.wording.compass import compass
from monitor.wording.dates import days_words
from monitor.wording.figures import likely_speed, speed_words

SEVERITIES = {
    "minor": Severity("low importance", "Motion by metres is never small."),
    "moderate": Severity(
        "medium importance", "Less than a metre a day at its fastest; few or no buildings are known on it."
    ),
    "strong": Severity(
        "high importance", "More than a metre a day at its fastest, or motion by metres under many buildings or people."
    ),
}


class MotionVoice(PairVoice):
    severities = SEVERITIES
    ended = "The ground here has come to rest."
    evidence = Evidence(
        "A computer looked for each patch of the earlier radar image in the later one. Here they have moved, all in "
        "one direction, while the rest of the image stayed.",
        "Finding",
        "Cells",
        "cells",
        "Offsets (GeoTIFF)",
        series="speeds",
    )

    def label(self, alert: AlertFigures) -> str:
        """'moving 3.1 metres a day to the south-east'."""
        return f"moving {speed_words(alert.speed_m_day)} to the {compass(alert.bearing_deg)}"

    def sentence(self, alert: AlertFigures) -> str:
        speed, way = likely_speed(alert.speed_m_day, alert.speed_sigma_m_day), compass(alert.bearing_deg)
        when = days_words(alert.first_motion, alert.last_motion)
        return f"{row_of(alert.kind).moved} to the {way} by about {speed} {when}, as radar images show."

    def cause(self, alert: AlertFigures) -> str:
        return "" if alert.kind == Kind.FAST_LANDSLIDE else "The cause is not identified."

    def limits_of_pairs(self, cell_m: float, days: int) -> list[str]:
        least_m = MOTION.least_px * cell_m
        return [
            f"Motion of less than about {least_m:.0f} metres in {days} days does not show in these images.",
            "Only motion along the ground is measured, not sinking or rising.",
        ]

    def finding(self, detection: DetectionFigures, source: Any) -> Finding:
        speed = speed_words(detection.speed_m_day, detection.speed_sigma_m_day)
        return Finding(f"{speed} to the {compass(detection.bearing_deg)}", "along the ground", [])
