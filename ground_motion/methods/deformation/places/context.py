"""Evidence for a cause from an area's surroundings: a sum of log-odds, one term for each known fact.

The network's shares are the prior; each fact multiplies the odds of the causes that it supports or contradicts. Layers
that are not loaded give no term, and a cause whose own layer is not loaded is never more than likely. `OTHER` means
none of the network's causes. Factors of the slope were estimated on simulated ground; all others are judgements,
explained in docs/models/kinds.md.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

OTHER = "other"
MINING, GROUNDWATER, FILL = "mining_subsidence", "groundwater_subsidence", "fill_or_quarry"
LANDSLIDE = "landslide"
LIKELY, DOUBT = 0.8, 0.6  # Highest share of a cause whose layer is not loaded, and of a contradicted one.
SMALLEST = 1e-300
MIN_SHARE = 0.002  # Least probability of a cause; with more, even correct and certain causes would look doubtful.
OTHER_SHARE = 0.05
AT_MINE_M, NEAR_MINE_M = 300.0, 2_000.0
AT_SLIDE_M, NEAR_SLIDE_M = 500.0, 5_000.0
LONG, ALONG_SHARE = 3.0, 0.6
ON_ICE_SHARE = 0.3
FLAT_DEG = 2.0
# (least slope in degrees, factor of a landslide's odds from there to the next)
SLOPES = ((0.0, 0.12), (FLAT_DEG, 0.56), (5.0, 1.1), (10.0, 1.7))


class Surroundings(NamedTuple):
    """Facts about an area's place. None: not loaded; inf: loaded, but none is near.

    mine_m, slide_m: distance to the nearest mine's outline, the nearest reported landslide; mine_state: closed, active
    or empty; ice_share: of the area on glaciers, 0-1; line_share: of the area near mapped roads and railways, 0-1;
    in_tunnel: whether these run in a tunnel there; elongation: longer over shorter side; across_m: diameter of the
    circle of the same area; volcano: name of the one whose reach includes the area, or empty.
    """

    mine_m: float | None = None
    mine_state: str = ""
    slide_m: float | None = None
    ice_share: float | None = None
    slope_deg: float | None = None
    line_share: float | None = None
    in_tunnel: bool = False
    elongation: float = 1.0
    across_m: float = 0.0
    volcano: str = ""


class Term(NamedTuple):
    """Term of one fact. fact: its name; value: its figure, for a text; factors: by cause, each multiplies its odds."""

    fact: str
    value: float
    factors: Mapping[str, float]
    detail: str = ""


class Weighed(NamedTuple):
    """Probability of each cause and of OTHER, with a sum of 1. terms: the facts used."""

    shares: dict[str, float]
    terms: tuple[Term, ...]


def weigh(shares: Mapping[str, float], place: Surroundings) -> Weighed:
    """Weigh the causes by the surroundings, which also limit the likeliest one. shares: by cause, with a sum of 1."""
    known = terms_of(place)
    if not shares:
        return Weighed({}, ())
    score = {name: math.log(max(share, MIN_SHARE)) for name, share in shares.items()}
    if any(OTHER in term.factors for term in known):
        score[OTHER] = math.log(OTHER_SHARE)
    for term in known:
        for name, factor in term.factors.items():
            score[name] += math.log(factor)
    odds = {name: math.exp(value) for name, value in score.items()} if known else shares
    return Weighed(capped(odds, _ceiling(max(odds, key=lambda name: odds[name]), place)), known)


def capped(shares: Mapping[str, float], highest: float) -> dict[str, float]:
    """Return shares with a sum of 1, of which the likeliest is lowered to `highest` in favour of all others."""
    parts = {name: max(part, SMALLEST) for name, part in shares.items()}  # Beside a share of 1, all others can be 0.
    name = max(parts, key=lambda each: parts[each])
    rest = sum(part for each, part in parts.items() if each != name)
    share = min(highest, parts[name] / (parts[name] + rest))
    return {each: share if each == name else (1 - share) * part / rest for each, part in parts.items()}


def _ceiling(cause: str, place: Surroundings) -> float:
    """Return the highest share that the context of a cause allows. No layer has wells or basins."""
    if cause == MINING:
        return LIKELY if place.mine_m is None else 1.0 if place.mine_m <= NEAR_MINE_M else DOUBT
    if cause == LANDSLIDE:
        reported = place.slide_m is not None and place.slide_m <= NEAR_SLIDE_M
        steep = reported or (place.slope_deg or 0.0) >= FLAT_DEG
        return 1.0 if steep else LIKELY if place.slope_deg is None else DOUBT
    return LIKELY if cause == GROUNDWATER else 1.0


def terms_of(place: Surroundings) -> tuple[Term, ...]:
    """Return a term for each fact that is known."""
    return (*_mine(place), *_landslide(place), *_slope(place), *_ice(place), *_line(place))


def _mine(place: Surroundings) -> Sequence[Term]:
    """Return the terms of mines: ground sinks over workings, and heaps lie beside pits.

    A missing mine counts little, because lists of mines have gaps.
    """
    if place.mine_m is None:
        return ()
    if place.mine_m > NEAR_MINE_M:
        return (Term("no mine", place.mine_m, {MINING: 0.6}),)
    near = place.mine_m <= AT_MINE_M
    factors = {MINING: 4.0, FILL: 3.0} if near else {MINING: 2.5, FILL: 1.5}
    if place.mine_state == "closed":
        factors |= {MINING: factors[MINING] / 1.5}
    return (Term("mine", place.mine_m, factors, place.mine_state),)


def _landslide(place: Surroundings) -> Sequence[Term]:
    """Return the terms of slides; a missing report counts little, because few creeping slopes are reported."""
    if place.slide_m is None or place.slide_m > NEAR_SLIDE_M:
        return ()
    return (Term("landslide", place.slide_m, {LANDSLIDE: 4.0 if place.slide_m <= AT_SLIDE_M else 1.5}),)


def _slope(place: Surroundings) -> Sequence[Term]:
    """Return the slope's term; it uses the root of the factor if heights have shown the network the slope already."""
    if place.slope_deg is None:
        return ()
    factor = next(factor for least, factor in reversed(SLOPES) if place.slope_deg >= least)
    return (Term("slope", place.slope_deg, {LANDSLIDE: math.sqrt(factor)}),)


def _ice(place: Surroundings) -> Sequence[Term]:
    """Return the terms of ice: motion on a glacier is that of the ice."""
    if place.ice_share is None or place.ice_share < ON_ICE_SHARE:
        return ()
    return (Term("ice", place.ice_share, {OTHER: 40.0, LANDSLIDE: 0.5}),)


def _line(place: Surroundings) -> Sequence[Term]:
    """Return the terms of long, thin motion: embankments settle; over a tunnel, which counts as OTHER, ground sinks."""
    if place.line_share is None or place.line_share < ALONG_SHARE or place.elongation < LONG:
        return ()
    factors = {OTHER: 20.0, GROUNDWATER: 0.5} if place.in_tunnel else {FILL: 4.0, GROUNDWATER: 0.5}
    return (Term("tunnel" if place.in_tunnel else "line", place.line_share, factors),)
