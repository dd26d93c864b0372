"""Voice of alerts that a person drew, as long as no satellite data show them: what is known, and nothing invented."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from detection.kinds import Family, family
from monitor.wording.dates import day_words
from monitor.wording.families.voice import AlertFigures, DetectionFigures, Evidence, FamilyVoice, Finding, Severity


class DrawnVoice:
    """Voice of one alert, in the place of its family's, which lends the names of grades and the advice."""

    def __init__(self, own: FamilyVoice) -> None:
        self._own = own
        self.ended = own.ended
        self.evidence: Evidence = own.evidence._replace(
            why=gettext_lazy("A specialist reported this place. No computer found it."), series=""
        )

    def label(self, alert: AlertFigures) -> str:
        """Return 'reported by a specialist'."""
        return _("reported by a specialist")

    def sentence(self, alert: AlertFigures) -> str:
        """Return what was reported and when it was seen."""
        # Translators, here and below: %(day)s is "12 October 2023"
        if family(alert.kind) is Family.SURFACE:
            said = _("A specialist reported that the surface changed here; it was seen on %(day)s.")
        else:
            said = _("A specialist reported that the ground moves here; it was seen on %(day)s.")
        unknown = _("No satellite data of this service show it, so that nothing is known of its speed.")
        return f"{said % {'day': day_words(alert.last_motion)}} {unknown}"

    def cause(self, alert: AlertFigures) -> str:
        """Return nothing: no cause is known."""
        return ""

    def severity(self, grade: str) -> Severity:
        """Return the family's name of the grade, with who judged it."""
        return Severity(self._own.severity(grade).label, gettext_lazy("A specialist judged how important this is."))

    def region_note(self, alert: AlertFigures) -> str:
        """Return nothing: no rate is known."""
        return ""

    def causes(self, alert: AlertFigures) -> list[str]:
        """Return nothing: no cause is known."""
        return []

    def advice(self, kind: str, state: str) -> list[str]:
        """Return the family's advice."""
        return self._own.advice(kind, state)

    def limits(self, alert: AlertFigures, sources: Sequence[Any]) -> list[str]:
        """Return what a drawn outline cannot show."""
        return [
            _("The outline was drawn by hand. The ground around it may move as well."),
            _("The computer did not find this place, so its end cannot be seen by the computer either."),
        ]

    def finding(self, detection: DetectionFigures, source: Any) -> Finding:
        """Return the family's words for a detection."""
        return self._own.finding(detection, source)
