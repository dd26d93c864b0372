"""Components of motion (los, up, east, north) in words, and the sentences for each direction of motion."""

from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from detection.kinds import Sign, row_of
from monitor.wording.figures import mm_a_year, round_figure

COMPONENT_LABELS = {
    "los": gettext_lazy("along the satellite's line of sight"),
    "up": gettext_lazy("up and down"),
    "east": gettext_lazy("east and west"),
    "north": gettext_lazy("north and south"),
}


class Way(NamedTuple):
    """Direction of motion in words, as templates of sentences whose figures the comment below explains."""

    label: Any
    rate: Any
    moved: Any
    has_moved: Any
    since_then: Any
    now: Any
    point: Any
    line: Any  # It names a line of a chart.
    there: Any  # It stands at a place on a profile.
    arrow: str
    fastest: Any
    around: Any
    moved_short: Any = ""  # It has at most twenty words, where `moved` and `has_moved` have more.
    has_moved_short: Any = ""


# Translators: %(rate)s is "8 mm a year (probably 7 to 10)", "14 mm/year" or "14"; %(when)s is "between 2020 and 2024",
# "until March 2023" or "when this was last reported, on 3 February 2025"; %(since)s is "since March 2023";
# %(number)s is the number of a line, %(first)s and %(last)s are months, "March 2021"
SANK = Way(
    gettext_lazy("sinking"),
    gettext_lazy("sinking %(rate)s"),
    gettext_lazy("The ground here sank by about %(rate)s %(when)s."),
    gettext_lazy("The ground here has sunk by about %(rate)s %(since)s."),
    gettext_lazy("Since then it has sunk by about %(rate)s."),
    gettext_lazy("Now it sinks by about %(rate)s."),
    gettext_lazy("This point sank by about %(rate)s %(when)s."),
    gettext_lazy("Line %(number)s sank by about %(rate)s between %(first)s and %(last)s."),
    gettext_lazy("There the ground sinks by about %(rate)s mm a year."),
    "↓",
    gettext_lazy("The fastest part sank by about %(rate)s %(when)s."),
    gettext_lazy("The ground around it sank by about %(rate)s in the same time."),
)
ROSE = Way(
    gettext_lazy("rising"),
    gettext_lazy("rising %(rate)s"),
    gettext_lazy("The ground here rose by about %(rate)s %(when)s."),
    gettext_lazy("The ground here has risen by about %(rate)s %(since)s."),
    gettext_lazy("Since then it has risen by about %(rate)s."),
    gettext_lazy("Now it rises by about %(rate)s."),
    gettext_lazy("This point rose by about %(rate)s %(when)s."),
    gettext_lazy("Line %(number)s rose by about %(rate)s between %(first)s and %(last)s."),
    gettext_lazy("There the ground rises by about %(rate)s mm a year."),
    "↑",
    gettext_lazy("The fastest part rose by about %(rate)s %(when)s."),
    gettext_lazy("The ground around it rose by about %(rate)s in the same time."),
)
AWAY = Way(
    gettext_lazy("away from the satellite"),
    gettext_lazy("moving %(rate)s away from the satellite"),
    gettext_lazy("The ground here moved away from the satellite (down or sideways) by about %(rate)s %(when)s."),
    gettext_lazy("The ground here has moved away from the satellite (down or sideways) by about %(rate)s %(since)s."),
    gettext_lazy("Since then it has moved away from the satellite (down or sideways) by about %(rate)s."),
    gettext_lazy("Now it moves away from the satellite (down or sideways) by about %(rate)s."),
    gettext_lazy("This point moved away from the satellite (down or sideways) by about %(rate)s %(when)s."),
    gettext_lazy(
        "Line %(number)s moved away from the satellite (down or sideways) by about %(rate)s between %(first)s and "
        "%(last)s."
    ),
    gettext_lazy("There the ground moves away from the satellite by about %(rate)s mm a year."),
    "↘",
    gettext_lazy("The fastest part moved away from the satellite by about %(rate)s %(when)s."),
    gettext_lazy("The ground around it moved away from the satellite by about %(rate)s in the same time."),
    moved_short=gettext_lazy("The ground here moved away from the satellite by about %(rate)s %(when)s."),
    has_moved_short=gettext_lazy("The ground here has moved away from the satellite by about %(rate)s %(since)s."),
)
TOWARD = Way(
    gettext_lazy("toward the satellite"),
    gettext_lazy("moving %(rate)s toward the satellite"),
    gettext_lazy("The ground here moved toward the satellite (up or sideways) by about %(rate)s %(when)s."),
    gettext_lazy("The ground here has moved toward the satellite (up or sideways) by about %(rate)s %(since)s."),
    gettext_lazy("Since then it has moved toward the satellite (up or sideways) by about %(rate)s."),
    gettext_lazy("Now it moves toward the satellite (up or sideways) by about %(rate)s."),
    gettext_lazy("This point moved toward the satellite (up or sideways) by about %(rate)s %(when)s."),
    gettext_lazy(
        "Line %(number)s moved toward the satellite (up or sideways) by about %(rate)s between %(first)s and %(last)s."
    ),
    gettext_lazy("There the ground moves toward the satellite by about %(rate)s mm a year."),
    "↖",
    gettext_lazy("The fastest part moved toward the satellite by about %(rate)s %(when)s."),
    gettext_lazy("The ground around it moved toward the satellite by about %(rate)s in the same time."),
    moved_short=gettext_lazy("The ground here moved toward the satellite by about %(rate)s %(when)s."),
    has_moved_short=gettext_lazy("The ground here has moved toward the satellite by about %(rate)s %(since)s."),
)
WEST = Way(
    gettext_lazy("moving west"),
    gettext_lazy("moving west %(rate)s"),
    gettext_lazy("The ground here moved west by about %(rate)s %(when)s."),
    gettext_lazy("The ground here has moved west by about %(rate)s %(since)s."),
    gettext_lazy("Since then it has moved west by about %(rate)s."),
    gettext_lazy("Now it moves west by about %(rate)s."),
    gettext_lazy("This point moved west by about %(rate)s %(when)s."),
    gettext_lazy("Line %(number)s moved west by about %(rate)s between %(first)s and %(last)s."),
    gettext_lazy("There the ground moves west by about %(rate)s mm a year."),
    "←",
    gettext_lazy("The fastest part moved west by about %(rate)s %(when)s."),
    gettext_lazy("The ground around it moved west by about %(rate)s in the same time."),
)
EAST = Way(
    gettext_lazy("moving east"),
    gettext_lazy("moving east %(rate)s"),
    gettext_lazy("The ground here moved east by about %(rate)s %(when)s."),
    gettext_lazy("The ground here has moved east by about %(rate)s %(since)s."),
    gettext_lazy("Since then it has moved east by about %(rate)s."),
    gettext_lazy("Now it moves east by about %(rate)s."),
    gettext_lazy("This point moved east by about %(rate)s %(when)s."),
    gettext_lazy("Line %(number)s moved east by about %(rate)s between %(first)s and %(last)s."),
    gettext_lazy("There the ground moves east by about %(rate)s mm a year."),
    "→",
    gettext_lazy("The fastest part moved east by about %(rate)s %(when)s."),
    gettext_lazy("The ground around it moved east by about %(rate)s in the same time."),
)
SOUTH = Way(
    gettext_lazy("moving south"),
    gettext_lazy("moving south %(rate)s"),
    gettext_lazy("The ground here moved south by about %(rate)s %(when)s."),
    gettext_lazy("The ground here has moved south by about %(rate)s %(since)s."),
    gettext_lazy("Since then it has moved south by about %(rate)s."),
    gettext_lazy("Now it moves south by about %(rate)s."),
    gettext_lazy("This point moved south by about %(rate)s %(when)s."),
    gettext_lazy("Line %(number)s moved south by about %(rate)s between %(first)s and %(last)s."),
    gettext_lazy("There the ground moves south by about %(rate)s mm a year."),
    "↓",
    gettext_lazy("The fastest part moved south by about %(rate)s %(when)s."),
    gettext_lazy("The ground around it moved south by about %(rate)s in the same time."),
)
NORTH = Way(
    gettext_lazy("moving north"),
    gettext_lazy("moving north %(rate)s"),
    gettext_lazy("The ground here moved north by about %(rate)s %(when)s."),
    gettext_lazy("The ground here has moved north by about %(rate)s %(since)s."),
    gettext_lazy("Since then it has moved north by about %(rate)s."),
    gettext_lazy("Now it moves north by about %(rate)s."),
    gettext_lazy("This point moved north by about %(rate)s %(when)s."),
    gettext_lazy("Line %(number)s moved north by about %(rate)s between %(first)s and %(last)s."),
    gettext_lazy("There the ground moves north by about %(rate)s mm a year."),
    "↑",
    gettext_lazy("The fastest part moved north by about %(rate)s %(when)s."),
    gettext_lazy("The ground around it moved north by about %(rate)s in the same time."),
)
SIGN_WAYS = {Sign.SINKING: SANK, Sign.RISING: ROSE}
WAYS = {"los": (AWAY, TOWARD), "up": (SANK, ROSE), "east": (WEST, EAST), "north": (SOUTH, NORTH)}


def way(component: str, rate_mm_yr: float) -> Way:
    """Return the words for a rate's direction, by its sign along the component."""
    return WAYS[component][rate_mm_yr > 0]


def way_of(kind: str, component: str, rate_mm_yr: float) -> Way:
    """Return the words for a rate's direction: those of the alert's kind, if it has one and the rate's sign fits it."""
    sign = row_of(kind).sign if kind else None
    fits = sign is not None and (rate_mm_yr > 0) == (sign is Sign.RISING)
    return SIGN_WAYS[sign] if sign is not None and fits else way(component, rate_mm_yr)


def direction(component: str, rate_mm_yr: float) -> str:
    """Return the label of a direction: 'sinking', 'toward the satellite'. It is not for use within a sentence."""
    return str(way(component, rate_mm_yr).label)


def rate_and_way(rate_mm_yr: float, component: str = "los") -> str:
    """Return a rate with its direction: '30 mm a year (toward the satellite)'."""
    # Translators: %(rate)s is "30 mm a year", %(way)s is "sinking" or "away from the satellite"
    facts = {"rate": mm_a_year(round_figure(rate_mm_yr)), "way": direction(component, rate_mm_yr)}
    return _("%(rate)s (%(way)s)") % facts


def both_directions(component: str) -> tuple[str, str]:
    """Return 'sinking' and 'rising', for a negative and a positive value; empty for an unknown component."""
    negative, positive = WAYS.get(component, (None, None))
    return (str(negative.label), str(positive.label)) if negative and positive else ("", "")


def component_label(component: str) -> str:
    """Return the label of a component: 'along the satellite's line of sight'."""
    return str(COMPONENT_LABELS[component])


def colour_caption(component: str, stretch_mm_yr: int) -> str:
    """Return the caption of a small map's colours, which run from -stretch_mm_yr to +stretch_mm_yr."""
    negative, positive = both_directions(component)
    # Translators: %(negative)s is "sinking" or "away from the satellite", %(positive)s the opposite
    return _("Brown: %(negative)s. Grey: still. Blue: %(positive)s. Full colour at %(stretch)s mm a year.") % {
        "negative": negative,
        "positive": positive,
        "stretch": stretch_mm_yr,
    }
