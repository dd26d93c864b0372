"""Base of the voices, which word the alerts of each family; the figures they read; and the parts they share."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple, Protocol

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from detection.kinds import Family, family, row_of
from detection.rules.lifecycle import TAKEN_BACK
from monitor.wording.dates import day_words
from monitor.wording.figures import whole
from monitor.wording.states import UNREVIEWED

UNREVIEWED_HINT = gettext_lazy("Take this as a hint, not as a finding.")
REJECTED_ADVICE = (
    gettext_lazy("Nothing needs to be done because of this alert."),
    gettext_lazy(
        "If you see fresh cracks or doors that jam all the same, tell your municipality or the geological survey."
    ),
)


class AreaFigures(Protocol):
    """Figures of an alert or a detection, columns of `detection.models.AreaFigures`; None if of another family."""

    kind: str
    extent: str
    reference: str
    area_m2: float
    rate_mm_yr: float | None
    peak_rate_mm_yr: float | None
    peak_low_mm_yr: float | None
    peak_high_mm_yr: float | None
    rate_sigma_mm_yr: float | None
    speed_m_day: float | None
    speed_sigma_m_day: float | None
    usual_speed_m_day: float | None
    bearing_deg: float | None
    onset: date | None
    onset_sigma_days: float | None
    coherence_before: float | None
    coherence_after: float | None
    change_sigma: float | None


class AlertFigures(AreaFigures, Protocol):
    """Figures of an alert. is_measured: False for a place that a person drew and no data show.

    n_fast_places: places inside that surely move far faster than the median.
    """

    n_fast_places: int
    component: str
    first_motion: date
    last_motion: date
    class_shares: Mapping[str, float]
    passes: Mapping[str, Any] | None

    @property
    def is_measured(self) -> bool:
        """Return whether data have shown the alert."""
        ...


class DetectionFigures(AreaFigures, Protocol):
    """Figures of a detection. reasons: see `statistics.reasons`; places: `rasters.areas.place_as_dict`."""

    reasons: Sequence[Mapping[str, Any]]
    places: Sequence[Mapping[str, Any]]


class Severity(NamedTuple):
    """Name of a grade of severity, and its meaning."""

    label: Any
    meaning: Any


class Evidence(NamedTuple):
    """Words for the evidence on an alert's page: headings and labels of a family's detections."""

    why: Any  # what the computer compared
    raster_label: Any
    figure_heading: Any = gettext_lazy("Finding")
    count_heading: Any = gettext_lazy("Cells")
    counted: Any = gettext_lazy("cells")
    series: str = ""  # what its page draws over time: 'points', 'speeds' or nothing


class Finding(NamedTuple):
    """Detection in words. figure: the measured value; direction: its component, or what it is compared with."""

    figure: str
    direction: str
    reasons: list[str]


class Headline(NamedTuple):
    """Figure that an alert's page and cards show large, such as ↓ 40 ± 13 mm a year, sinking, since March 2023.

    margin: empty if the uncertainty is unknown; part: "on average" or "in the fastest part"; beside: the figure of the
    other part, with its label and its period if that is another one, or empty.
    """

    number: str
    margin: str
    unit: str
    arrow: str
    says: str
    when: str
    part: str = ""
    beside: str = ""

    @property
    def line(self) -> str:
        """Return the figure in one line: '↓ 40 ± 13 mm a year on average since March 2023'."""
        margin = self.margin and f"± {self.margin}"
        words = (self.arrow or f"{self.says},", self.number, margin, self.unit, self.part, self.when)
        line = " ".join(word for word in words if word)
        return f"{line}; {self.beside}" if self.beside else line


class FamilyVoice(ABC):
    """Base of a voice, which words the alerts of one family. sources: products or image pairs behind an alert."""

    evidence: Evidence
    ended: Any  # what it means that an alert is finished
    severities: Mapping[str, Severity]

    @abstractmethod
    def label(self, alert: AlertFigures) -> str:
        """Return the figure of an alert in a few words: 'sinking 14 mm/year'."""

    @abstractmethod
    def sentence(self, alert: AlertFigures) -> str:
        """Return in plain words what happened, how fast and when, with the uncertainty."""

    @abstractmethod
    def brief(self, alert: AlertFigures) -> str:
        """Return one sentence of at most twenty words, whose figure is that of the headline."""

    def headline(self, alert: AlertFigures) -> Headline | None:
        """Return the figure that is shown large, with its uncertainty, direction and time; None if none is known."""
        return None

    def trend(self, alert: AlertFigures) -> str:
        """Return whether the motion became faster or slower: 'faster than before'; empty if that is unknown."""
        return ""

    def cause(self, alert: AlertFigures) -> str:
        """Return the likeliest cause and its probability, in one sentence; empty if none is known."""
        return ""

    def cause_shares(self, alert: AlertFigures) -> list[tuple[str, float]]:
        """Return each likely cause in words, with its share (0-1), the likeliest first; empty if none is known."""
        return []

    def severity(self, grade: str) -> Severity:
        """Return the name and the meaning of a grade of severity."""
        return self.severities[grade]

    def region_note(self, alert: AlertFigures) -> str:
        """Return the assumption behind the rate of a wide region; empty for a place."""
        return ""

    def causes(self, alert: AlertFigures) -> list[str]:
        """Return likely causes and their probabilities; empty if none is known."""
        return []

    def steps(self, kind: str) -> Sequence[Any]:
        """Return steps that a resident can take: calm, concrete, and supported by the data."""
        return row_of(kind).advice

    def advice(self, kind: str, state: str) -> list[str]:
        """Return the advice to residents for an alert's kind and state."""
        if state in TAKEN_BACK:
            return [str(step) for step in REJECTED_ADVICE]
        hint = [UNREVIEWED_HINT] if state in UNREVIEWED else []
        return [str(step) for step in (*hint, *self.steps(kind))]

    @abstractmethod
    def limits(self, alert: AlertFigures, sources: Sequence[Any]) -> list[str]:
        """Return what the data of this alert cannot show."""

    @abstractmethod
    def finding(self, detection: DetectionFigures, source: Any) -> Finding:
        """Return one detection in words."""


class PairVoice(FamilyVoice):
    """Base of the voices of families that are detected in pairs of images."""

    def limits(self, alert: AlertFigures, sources: Sequence[Any]) -> list[str]:
        """Return what pairs of images cannot show."""
        cell_m = max((pair.reference.posting_m for pair in sources), default=30.0)
        days = max((pair.temporal_baseline_days for pair in sources), default=12)
        return [
            _("Each value stands for a square of about %(metres)s metres, not for a single house or field.")
            % {"metres": whole(cell_m)},
            *self.limits_of_pairs(cell_m, days),
            *map(str, row_of(alert.kind).limits),
            _("Measured against the rest of the image: motion of everything in it does not show."),
        ]

    @abstractmethod
    def limits_of_pairs(self, cell_m: float, days: int) -> list[str]:
        """Return the limits of the family. cell_m: widest posting; days: longest temporal baseline."""


class DrawnVoice(FamilyVoice):
    """Voice of an alert that a person drew; names of grades and advice come from the voice of its family."""

    def __init__(self, own: FamilyVoice) -> None:
        self._own, self.ended = own, own.ended
        reported = gettext_lazy("A specialist reported this place. No computer found it.")
        self.evidence = own.evidence._replace(why=reported, series="")

    def label(self, alert: AlertFigures) -> str:
        """Return 'reported by a specialist'."""
        return _("reported by a specialist")

    def sentence(self, alert: AlertFigures) -> str:
        """Return what was reported and when it was seen, and that nothing is measured."""
        unknown = _("No satellite data of this service show this, so its speed is unknown.")
        return f"{self.brief(alert)} {unknown}"

    def brief(self, alert: AlertFigures) -> str:
        """Return what was reported and when it was seen."""
        # Translators, here and below: %(day)s is "12 October 2023"
        if family(alert.kind) is Family.SURFACE:
            said = _("A specialist reported that the surface changed here; it was seen on %(day)s.")
        else:
            said = _("A specialist reported that the ground moves here; it was seen on %(day)s.")
        return said % {"day": day_words(alert.last_motion)}

    def steps(self, kind: str) -> Sequence[Any]:
        """Return the family's steps."""
        return self._own.steps(kind)

    def finding(self, detection: DetectionFigures, source: Any) -> Finding:
        """Return one detection in the family's words."""
        return self._own.finding(detection, source)

    def severity(self, grade: str) -> Severity:
        """Return the family's name of the grade, with who judged it."""
        return Severity(self._own.severity(grade).label, gettext_lazy("A specialist judged how important this is."))

    def limits(self, alert: AlertFigures, sources: Sequence[Any]) -> list[str]:
        """Return what a drawn outline cannot show."""
        return [
            _("The outline was drawn by hand. The ground around it may move as well."),
            _("The computer did not find this place, so its end cannot be seen by the computer either."),
        ]
