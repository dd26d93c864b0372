"""Kind of motion in an area. Nothing is claimed that the measurements do not show."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from detection.kinds import KIND_OF_CLASS, KINDS, Kind
from ground_motion.methods.deformation.places.context import OTHER, Surroundings, weigh
from ground_motion.rasters.areas import KINDS as CLASSES
from ground_motion.rasters.areas import SURE_SHARE

UNKNOWN_PLACE = Surroundings()
# Along a slope a landslide moves as much sideways as down; from one direction such an area may be either.
SMALL_M2 = 150_000.0
SLOW_MM_YR = 3.0
VERTICAL_SHARE = 1 / 3  # The mean rate of all directions must be at least this share of the fastest direction's.


class Evidence(NamedTuple):
    """Evidence of one area in one product. component: los, up or east; direction: of the pass, or empty; rates mm/yr.

    shares: class of a network -> its probability, 0-1; empty if the method knows the sign only.
    """

    component: str
    direction: str
    rate_mm_yr: float
    area_m2: float
    shares: Mapping[str, float] = {}


def evidence_of(
    reasons: Sequence[Mapping[str, Any]], component: str, rate_mm_yr: float, area_m2: float, shares: Mapping[str, float]
) -> list[Evidence]:
    """Return one item of evidence per track: the track that gave the area's rate, then others that show it moving.

    reasons: of the tracks in this order, as `ground_motion.statistics.reasons` describes them.
    """
    first, *others = reasons
    items = [Evidence(component, first["track"], rate_mm_yr, area_m2, shares)]
    for reason in others:
        if reason["seen"]:
            rate = reason["rate_mm_yr"] - reason["around_mm_yr"]
            items.append(Evidence(reason["component"], reason["track"], rate, area_m2))
    return items


def classify(evidence: Sequence[Evidence], place: Surroundings = UNKNOWN_PLACE) -> Kind:
    """Name the kind of motion of one area from all its evidence and the surroundings of its place.

    On a volcano no shape tells a cause. Elsewhere a network's class counts if it is sure after weighing with the
    surroundings, and no sign contradicts it. If another cause is the likeliest, the kind is unknown. Else the sign
    alone decides, as it does where the network only says that ground rises.
    """
    if place.volcano:
        return Kind.VOLCANO
    shares = weigh(mean_shares([e.shares for e in evidence]), place).shares
    if shares:
        name = max(shares, key=lambda each: shares[each])
        if name == OTHER:
            return Kind.UNKNOWN
        kind, los_or_up = KIND_OF_CLASS.get(name), [e for e in evidence if e.component in {"los", "up"}]
        if kind and shares[name] >= SURE_SHARE and los_or_up and _fits(kind, los_or_up):
            return kind
    return classify_by_sign(evidence)


def mean_shares(shares: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean share of each class over detections of an area; empty where no network classified any."""
    known = [each for each in shares if each]
    return {name: sum(each.get(name, 0.0) for each in known) / len(known) for name in CLASSES} if known else {}


def _fits(kind: Kind, evidence: Sequence[Evidence]) -> bool:
    """Return whether the signs of the rates allow a network's kind: it sinks, or (a slope) has no sign and fits any.

    Mined ground moves toward its middle as well as down. If only one side of it has points, one direction may measure
    motion toward the satellite. The mean of two directions cancels sideways motion; it must have the right sign and at
    least VERTICAL_SHARE of the fastest rate.
    """
    if KINDS[kind].sign is None:
        return True
    rates = {e.direction: [o.rate_mm_yr for o in evidence if o.direction == e.direction] for e in evidence}
    means = [sum(each) / len(each) for each in rates.values()]
    sinks = -sum(means) / len(means)
    return sinks > 0 and sinks >= VERTICAL_SHARE * max(abs(mean) for mean in means)


def classify_by_sign(evidence: Sequence[Evidence]) -> Kind:
    """Classify by sign, size and speed.

    A vertical product decides by its sign. Line-of-sight rates decide by their sign if both directions agree; a single
    direction decides only for an area so wide and fast that sideways motion is unlikely. All else is unknown.
    """
    vertical = [e for e in evidence if e.component == "up"]
    los = [e for e in evidence if e.component == "los"]
    deciding = vertical or los
    signs = {e.rate_mm_yr > 0 for e in deciding}
    if len(signs) != 1:
        return Kind.UNKNOWN
    two_directions = len({e.direction for e in los}) > 1
    plain = any(e.area_m2 >= SMALL_M2 and abs(e.rate_mm_yr) >= SLOW_MM_YR for e in deciding)
    if not (vertical or two_directions or plain):
        return Kind.UNKNOWN
    return Kind.UPLIFT if signs == {True} else Kind.SUBSIDENCE
