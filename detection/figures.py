"""Table of the figures of an area, from which columns, interfaces, warnings, exports and tables on pages are made."""

from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _

from detection.kinds import Family
from detection.rules.lifecycle import State
from detection.rules.motion import AROUND, DATUM, Part

ALONG = "sign: see component"
PARTS = {Part.WHOLE: "of the whole area", Part.FASTEST: "of its fastest part", Part.AROUND: "of the ground around it"}
AGAINST = {
    AROUND: "relative to the ground around it; of a region, to `reference`",
    DATUM: "relative to the zero of the data set",
}


class Span(StrEnum):
    """Period that a figure covers. Figures since a change of the rate are those of the series."""

    ALL = "all dates of the data"
    PAIR = "between the two images"
    NONE = ""


class FigureRow(NamedTuple):
    """Facts and words of one figure.

    Attributes:
        about: Meaning, for programs, in English.
        label: Name for people, translated.
        family: Family whose areas have it; None for all.
        against: What it is relative to, as in `rules.motion.Figure`.
        in_region: Name for people where the area is a wide region, whose rates are not compared with the ground around.
        sigma: Name of the figure that is its standard deviation.
        stored: Whether it is a column; other figures follow from columns.
        public: Whether pages for everybody show it; operators and programs read every figure.
    """

    name: str
    unit: str
    about: str
    label: Any
    family: Family | None = Family.VELOCITY
    part: Part | None = Part.WHOLE
    span: Span = Span.ALL
    against: str = ""
    in_region: Any = ""
    sigma: str = ""
    stored: bool = True
    public: bool = True

    @property
    def description(self) -> str:
        """Return all that a program must know of the figure, in English."""
        part, against = PARTS.get(self.part, "") if self.part else "", AGAINST.get(self.against, self.against)
        sigma = self.sigma and f"standard deviation: {self.sigma}"
        return "; ".join(filter(None, (f"{self.unit}: {self.about}", part, self.span, against, sigma)))


_peak = partial(FigureRow, part=Part.FASTEST, against=AROUND)
_total = partial(FigureRow, against=DATUM, stored=False)
_speed = partial(FigureRow, family=Family.OFFSETS, span=Span.PAIR, against="relative to the rest of the image")
_change = partial(FigureRow, family=Family.SURFACE, span=Span.PAIR, against="relative to earlier pairs")

FIGURES = (
    FigureRow("area_m2", "m2", "size of the outline", _("Area"), family=None, span=Span.NONE),
    FigureRow(
        "rate_mm_yr",
        "mm/yr",
        f"median rate, {ALONG}",
        _("Rate relative to the ground around"),
        against=AROUND,
        in_region=_("Rate of the region"),
        sigma="rate_sigma_mm_yr",
    ),
    _peak(
        "peak_rate_mm_yr",
        "mm/yr",
        f"highest rate, {ALONG}; of a region, outside places with alerts of their own",
        _("Fastest part, relative to the ground around"),
        in_region=_("Its fastest part, without places that have alerts of their own"),
    ),
    _peak("peak_low_mm_yr", "mm/yr", "end of its 90 % interval nearer to zero", _("Fastest part, at least")),
    _peak("peak_high_mm_yr", "mm/yr", "other end of its 90 % interval", _("Fastest part, at most")),
    FigureRow(
        "rate_sigma_mm_yr",
        "mm/yr",
        "one standard deviation of rate_mm_yr",
        _("Standard deviation of the rate"),
        against=AROUND,
    ),
    FigureRow(
        "around_mm_yr",
        "mm/yr",
        f"median rate of the ground around, {ALONG}",
        _("Rate of the ground around"),
        part=Part.AROUND,
        against=DATUM,
        sigma="around_sigma_mm_yr",
    ),
    FigureRow(
        "around_sigma_mm_yr",
        "mm/yr",
        "one standard deviation of around_mm_yr, without that of the zero",
        _("Standard deviation of the rate of the ground around"),
        part=Part.AROUND,
    ),
    _total(
        "total_rate_mm_yr", "mm/yr", f"rate_mm_yr + around_mm_yr, {ALONG}", _("Rate plus that of the ground around")
    ),
    _total(
        "total_peak_mm_yr",
        "mm/yr",
        f"peak_rate_mm_yr + around_mm_yr, {ALONG}",
        _("Fastest part plus the rate of the ground around"),
        part=Part.FASTEST,
    ),
    FigureRow(
        "datum_sigma_mm_yr",
        "mm/yr",
        "one standard deviation of the zero of the data set; 0: not estimated",
        _("Standard deviation of the zero"),
        part=None,
    ),
    _speed("speed_m_day", "m/day", "median speed, never negative", _("Speed"), sigma="speed_sigma_m_day"),
    _speed("peak_speed_m_day", "m/day", "highest speed", _("Highest speed"), part=Part.FASTEST),
    _speed("speed_sigma_m_day", "m/day", "one standard deviation of speed_m_day", _("Standard deviation of the speed")),
    _speed("bearing_deg", "degrees", "toward where it moves, clockwise from north", _("Direction")),
    _change("coherence_before", "0 to 1", "coherence of earlier pairs", _("Match of earlier images")),
    _change("coherence_after", "0 to 1", "coherence of this pair", _("Match of these images")),
    _change(
        "change_sigma",
        "usual scatters",
        "change of coherence, negative: lost",
        _("Change, as a multiple of the usual scatter"),
        public=False,
    ),
)
STORED = tuple(row.name for row in FIGURES if row.stored)


def stored_of(family: Family) -> tuple[str, ...]:
    """Return the columns of the figures that only areas of a family have."""
    return tuple(row.name for row in FIGURES if row.family is family and row.stored)


def figures_of(area: Any) -> dict[str, float | None]:
    """Return the name and the value of each figure; None where it is not known, or rests on data taken back."""
    is_taken_back = getattr(area, "state", "") == State.WITHDRAWN
    return {row.name: None if is_taken_back and row.family else getattr(area, row.name) for row in FIGURES}


def figures_known(area: Any) -> dict[str, float]:
    """Return the name and the value of each figure that an alert or a detection has."""
    return {name: value for name, value in figures_of(area).items() if value is not None}
