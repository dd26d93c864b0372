"""Plan of an alert's next step from the results of a search. Pure: shapes and figures in, steps out; no database."""

import math
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from shapely import affinity, unary_union
from shapely.geometry.base import BaseGeometry

from detection.kinds import row_of
from detection.rules.lifecycle import LIVING, State, state_after_sighting
from detection.rules.updates import Cause, Change, may_report
from ground_motion.core.areas import join_halves, turn_near
from ground_motion.rasters.areas import DEFAULT_THRESHOLDS

SAME_PLACE_SHARE = 0.1  # Areas that share this part of the smaller one are the same place.
INSIDE_SHARE = 0.5  # An alert takes over another one if this share of the other's area lies in it.
METRES_PER_DEGREE = 111_320.0


class Step(NamedTuple):
    """Planned change of an alert to another state; if `to` is its present state, an update of its figures."""

    to: State
    reason: str
    changes: tuple[Change, ...] = ()


class Facts(NamedTuple):
    """Facts on which the next step of an alert depends.

    n_views: number of independent views in the current detections; n_views_in_run: in those of the newest run only;
    since_report: time since the last step; source: name of the newest data.
    """

    state: State
    n_detections: int
    n_views: int
    n_views_in_run: int
    changes: tuple[Change, ...]
    since_report: timedelta
    source: str


def next_step(facts: Facts) -> Step | None:
    """Plan the step that current detections require. Return None if nothing is to be reported, or not yet."""
    state, source = facts.state, facts.source
    if state is State.FINISHED:
        to = state_after_sighting(State.FIRST, facts.n_views_in_run)
        return Step(to, f"moves again: seen in {source}", (Change(Cause.WOKEN, None, None), *facts.changes))
    to = state_after_sighting(state, facts.n_views)
    if to is not state:
        seen_again = facts.n_detections > 1
        return Step(to, f"seen again in {source}" if seen_again else f"two tracks show it in {source}", facts.changes)
    if state in LIVING and may_report(facts.changes, facts.since_report):
        return Step(state, f"changed in {source}", facts.changes)
    return None


def end_step(kind: str, state: State, rest: tuple[date, Change], source: str) -> Step:
    """Plan the end of an alert that has rested for long enough. rest: date since when it rests, change to report."""
    since, change = rest
    reason = f"no {row_of(kind).ended} after {since:%-d %B %Y} in {source}"
    if state is State.CONFIRMED:
        reason = f"{reason}; a specialist had confirmed the motion, its end is the computer's finding"
    return Step(State.FINISHED, reason, (change,))


def best_match(area: BaseGeometry, known: Iterable[tuple[BaseGeometry, State]]) -> int | None:
    """Return the index of the alert that shares most area with `area`, at least a tenth of the smaller outline.

    Finished alerts are matched only if no other one overlaps. Without a match, None is returned.
    """
    shared = []
    for number, (outline, state) in enumerate(known):
        overlap = area.intersection(outline).area
        if overlap >= SAME_PLACE_SHARE * min(area.area, outline.area):
            shared.append((state != State.FINISHED, overlap, -number))
    return -max(shared)[2] if shared else None


def is_taken_over(outline: BaseGeometry, by: BaseGeometry) -> bool:
    """Return whether at least INSIDE_SHARE of the area of `outline` lies inside `by`."""
    return bool(outline.intersection(by).area >= INSIDE_SHARE * outline.area)


def parts_apart(shapes: Sequence[BaseGeometry], areas_m2: Sequence[float]) -> list[list[int]]:
    """Group outlines (degrees) into separate parts; return indices by part, that with the largest outline first.

    Outlines closer than the distance over which the search joins patches belong to one part.
    """
    shrink = math.cos(math.radians(shapes[0].centroid.y))
    near = join_halves(shapes[0]).centroid.x
    on_plane = [affinity.scale(turn_near(shape, near), xfact=shrink, origin=(0, 0)) for shape in shapes]
    grown = unary_union(on_plane).buffer(DEFAULT_THRESHOLDS.joined_m / 2 / METRES_PER_DEGREE)
    outlines = list(getattr(grown, "geoms", [grown]))
    parts: dict[int, list[int]] = {}
    for position, shape in enumerate(on_plane):
        number = next(at for at, outline in enumerate(outlines) if outline.intersects(shape))
        parts.setdefault(number, []).append(position)
    return sorted(parts.values(), key=lambda part: -max(areas_m2[position] for position in part))
