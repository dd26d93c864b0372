"""Table of the kinds of alerts, from which pages, legend, filters, mails, marks and interfaces are rendered.

A new kind needs a value of `Kind`, a row of `KINDS` and the steps in CONTRIBUTING.md.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _

# Translators: %(way)s is "to the south-east", %(speed)s is "3 metres a day (probably 2 to 4)", %(when)s is "between 4
# and 16 October 2023"
MOVED = _("The ground here moved %(way)s by about %(speed)s %(when)s.")
NO_MOTION = _("Data after %(day)s show no motion.")


class Kind(StrEnum):
    """Kinds of alerts."""

    SUBSIDENCE = "subsidence"
    MINING = "mining-subsidence"
    GROUNDWATER = "groundwater-subsidence"
    FILL = "fill-or-quarry"
    LANDSLIDE = "landslide"
    UPLIFT = "uplift"
    VOLCANO = "volcano"
    UNKNOWN = "unknown"
    SURFACE_CHANGE = "surface-change"
    MOVING_GROUND = "moving-ground"
    GLACIER_SURGE = "glacier-surge"
    FAST_LANDSLIDE = "fast-landslide"


class Family(StrEnum):
    """Type of measurement behind an alert. Figures of two families are not combined; each has its own alerts."""

    VELOCITY = "velocity"
    SURFACE = "surface"
    OFFSETS = "offsets"


class Extent(StrEnum):
    """Extent of motion: a place, or a region that may contain places. Each extent has its own alerts."""

    LOCAL = "local"
    REGION = "region"


class Sign(StrEnum):
    """Vertical motion that a kind implies."""

    SINKING = "sinking"
    RISING = "rising"


class Shape(StrEnum):
    """Shapes of marks in static/css/mark.css."""

    DISC = "disc"
    RING = "ring"
    SQUARE = "square"
    ROUNDED = "rounded"
    TRIANGLE = "triangle"


class Mark(NamedTuple):
    """Mark on maps and lists. colour: a token `--kind-…` of static/css/variables.css; symbol: drawn inside."""

    shape: Shape
    colour: str
    symbol: str = ""

    @property
    def classes(self) -> str:
        """Return the classes of static/css/mark.css."""
        return f"mark--{self.shape} tone--{self.colour}"


@dataclass(frozen=True, kw_only=True)
class KindRow:
    """Facts and words of one kind.

    label: heading of its alerts; short: in the legend; meaning: on the about page, and as the likely cause;
    sign: None if the kind implies no vertical sign; advice, limits: in addition to those of the whole family;
    network_class, class_words: name in `rasters.areas.KINDS` and words for it; event: the kind happens once, so that
    motion at another time is another alert; moved: the sentence about motion by metres; names_cause: the kind says what
    moves, or where; over: what newer data show after its end; ended: what no longer happens, in the stored reason of
    its end; importance_steps: added to an importance (`detection.rules.importance`). Words, except `ended`, are
    translated when they are shown; they are neither stored nor compared.
    """

    label: Any
    short: Any
    meaning: Any
    mark: Mark
    family: Family = Family.VELOCITY
    sign: Sign | None = None
    advice: tuple[Any, ...] = ()
    limits: tuple[Any, ...] = ()
    network_class: str = ""
    class_words: Any = ""
    event: bool = False
    moved: Any = MOVED
    names_cause: bool = False
    over: Any = NO_MOTION
    ended: str = "motion"
    importance_steps: float = 0.0


KINDS: dict[Kind, KindRow] = {
    Kind.SUBSIDENCE: KindRow(
        label=_("Sinking ground, cause unknown"),
        short=_("sinking, cause unknown"),
        meaning=_("The ground goes down or moves away from the satellite."),
        mark=Mark(Shape.DISC, "subsidence"),
        sign=Sign.SINKING,
    ),
    Kind.MINING: KindRow(
        label=_("Sinking ground, likely mining"),
        short=_("sinking, likely mining"),
        meaning=_("Ground sinks like this over mines, tunnels and other hollows."),
        mark=Mark(Shape.DISC, "subsidence", "×"),
        sign=Sign.SINKING,
        network_class="mining_subsidence",
        class_words=_("mining"),
    ),
    Kind.GROUNDWATER: KindRow(
        label=_("Sinking ground, likely groundwater"),
        short=_("sinking, likely groundwater"),
        meaning=_("Ground sinks like this, widely and evenly, where much water is pumped from below."),
        mark=Mark(Shape.DISC, "subsidence", "≈"),
        sign=Sign.SINKING,
        network_class="groundwater_subsidence",
        class_words=_("pumped groundwater"),
    ),
    Kind.FILL: KindRow(
        label=_("Sinking ground, likely fill or quarry"),
        short=_("sinking, likely fill or quarry"),
        meaning=_("Fresh fill, waste heaps and the floors of quarries settle like this."),
        mark=Mark(Shape.SQUARE, "fill", "▬"),
        sign=Sign.SINKING,
        network_class="fill_or_quarry",
        class_words=_("fill or a quarry"),
    ),
    Kind.LANDSLIDE: KindRow(
        label=_("Sliding slope, likely a landslide"),
        short=_("likely a landslide"),
        meaning=_("Slopes that creep downhill look like this."),
        mark=Mark(Shape.TRIANGLE, "landslide"),
        advice=(
            _("On and below a slope, look also for leaning trees and poles, steps in the ground and new springs."),
        ),
        network_class="landslide",
        class_words=_("a landslide"),
        importance_steps=1.0,
    ),
    Kind.UPLIFT: KindRow(
        label=_("Rising ground, cause unknown"),
        short=_("rising, cause unknown"),
        meaning=_("The ground comes up or moves toward the satellite."),
        mark=Mark(Shape.RING, "uplift"),
        sign=Sign.RISING,
    ),
    Kind.VOLCANO: KindRow(
        label=_("Moving ground at a volcano"),
        short=_("at a volcano"),
        meaning=_("It lies at a volcano, where magma, hot water or a sliding flank may move the ground."),
        mark=Mark(Shape.DISC, "volcano", "▲"),
        advice=(
            _("Follow your country's volcano observatory: it watches this volcano and says what the motion means."),
            _("Tell the observatory of new steam, a smell of sulphur, dying plants or earthquakes that you feel."),
        ),
        names_cause=True,
        importance_steps=1.0,
    ),
    Kind.UNKNOWN: KindRow(
        label=_("Moving ground, cause unknown"),
        short=_("moving, cause unknown"),
        meaning=_("It moves, but neither its cause nor whether it sinks or rises is known."),
        mark=Mark(Shape.ROUNDED, "unknown", "?"),
        limits=(_("The cause of the motion cannot be identified from these data alone."),),
    ),
    Kind.SURFACE_CHANGE: KindRow(
        family=Family.SURFACE,
        label=_("Changed surface"),
        short=_("changed surface"),
        meaning=_(
            "Two radar images no longer match where earlier pairs did: building work, a flood, a fire, a "
            "landslide. The cause is not identified."
        ),
        mark=Mark(Shape.SQUARE, "surface-change", "≠"),
        advice=(
            _(
                "A harvest, building work, a flood, a fire or a landslide look alike from above: go and see, or ask "
                "there."
            ),
            _("If nothing of that is known, tell your municipality or the geological survey, and show them this page."),
        ),
        event=True,
        over=_("Data after %(day)s show no further change."),
        ended="change of the surface",
        importance_steps=-1.0,
    ),
    Kind.MOVING_GROUND: KindRow(
        family=Family.OFFSETS,
        label=_("Fast-moving ground"),
        short=_("fast-moving ground"),
        meaning=_("Two radar images show that the ground moved by metres. The cause is not identified."),
        mark=Mark(Shape.ROUNDED, "moving-ground", "»"),
        advice=(
            _("Glaciers and some slopes move like this all the time: ask whether this one is known."),
            _("If the motion is new to you, tell your municipality or the geological survey, and show them this page."),
        ),
    ),
    Kind.GLACIER_SURGE: KindRow(
        family=Family.OFFSETS,
        label=_("Glacier surge"),
        short=_("glacier surge"),
        meaning=_("A glacier flows at least twice as fast as usual, in three pairs of radar images or more."),
        mark=Mark(Shape.ROUNDED, "glacier-surge", "◆"),
        advice=(
            _("Ice that moves like this opens new crevasses: before you go on it, ask those who know this glacier."),
            _(
                "Rivers below it may rise, fall or turn muddy. Tell your municipality what you see; show them this "
                "page."
            ),
        ),
        limits=(_("Three pairs of images in a row must show it: a surge is reported weeks after it began."),),
        event=True,
        names_cause=True,
        over=_("Data after %(day)s show the usual speed."),
        ended="surge",
        importance_steps=1.0,
    ),
    Kind.FAST_LANDSLIDE: KindRow(
        family=Family.OFFSETS,
        label=_("Fast landslide"),
        short=_("fast landslide"),
        meaning=_("Ground outside known glaciers moved by metres, down a slope."),
        mark=Mark(Shape.ROUNDED, "fast-landslide", "▲"),
        advice=(
            _(
                "Ask your municipality or the geological survey whether this landslide is known, and show them this "
                "page."
            ),
            _("New cracks, leaning trees, tilted walls or fresh debris there are worth a photo with its date."),
        ),
        limits=(
            _("Called a landslide because it moves down a slope outside known glaciers; unmapped ice does so too."),
        ),
        moved=_("The slope here slid %(way)s by about %(speed)s %(when)s."),
        names_cause=True,
        importance_steps=1.0,
    ),
}

FAMILIES: dict[Family, tuple[Kind, ...]] = {
    family: tuple(kind for kind, row in KINDS.items() if row.family is family) for family in Family
}
EVENTS = frozenset(kind for kind, row in KINDS.items() if row.event)
KIND_LABELS: dict[str, Any] = {kind.value: row.label for kind, row in KINDS.items()}
SINKING = frozenset(kind for kind, row in KINDS.items() if row.sign is Sign.SINKING)
KIND_OF_CLASS: dict[str, Kind] = {row.network_class: kind for kind, row in KINDS.items() if row.network_class}


def row_of(kind: str) -> KindRow:
    """Return the row of a kind. kind: its value in the database."""
    return KINDS[Kind(kind)]


def family(kind: str) -> Family:
    """Return the family of a kind."""
    return row_of(kind).family
