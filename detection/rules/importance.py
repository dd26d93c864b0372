"""Importance of a place: one number for the order of every list, and its grade, the severity. Pure.

The number is a sum of steps. A step of motion is a doubling of speed, in which all other terms are counted, too.

| term | steps | why |
|---|---|---|
| motion | 0 to 8; 3 at 10 mm a year, and one more for each doubling | of the fastest part now (`_parts`), less its |
| | | uncertainty: one standard deviation where two independent views show it, two where only one does |
| trend | 1 if it became faster in the last three years or still speeds up; −½ if slower | |
| exposure | 1 anything, 2 much on it | `severity.exposure_points`; what is not known adds nothing |
| kind | 1 landslide, surge; −1 changed surface | the former may turn sudden; the latter may be building work |
| judgement | the steps that are missing to the severity that a person gave | |
| passes | −13 if it rests on provisional values of new passes alone | after everything that moves in a release |
| standing | −20 if no part moves by its stated uncertainty; −40 at rest or finished | last in every list |

Only the queue adds time: a step for every 30 days without a look, two at most. So a case that waits moves up, but an
old minor case never stands before a new strong one. A severity is minor below 3 steps and strong from 5 on. A changed
surface has no rate: its size counts as its motion, and alone gives its severity.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

from detection.kinds import Family, family, row_of
from detection.rules.lifecycle import State
from detection.rules.motion import Figure, Stated, compared, is_known
from detection.rules.passes import passes_of
from detection.rules.severity import Severity
from ground_motion.methods.deformation.motion.series import Trend

MODERATE_STEPS, STRONG_STEPS, MAX_STEPS = 3.0, 5.0, 8.0
MODERATE_MM_YR = 10.0  # A decimetre in ten years is far above the noise of every product.
MIN_SHARE = 2.0**-MODERATE_STEPS  # Slower motion, as a share of MODERATE_MM_YR, adds no step.
MODERATE_M2, STEPS_PER_DECADE_M2 = 100_000.0, 2.0  # Ten hectares are moderate, a square kilometre is strong.
MODERATE_TILT_MM_M_YR = 0.2  # 1/500 in ten years, a safe limit for buildings (Skempton and MacDonald 1956)
MAX_UNEVEN = 4.0  # A larger ratio of the fastest part to the median comes from noise in the median.
MM_YR_PER_M_DAY = 365_250.0
SURE_SIGMAS, ONE_VIEW_SIGMAS = 1.0, 2.0
RECENT = timedelta(days=3 * 365)
FASTER, SLOWER = 1.0, -0.5
NO_MOTION, AT_REST = -20.0, -40.0  # The two lie farther apart than all other terms together.
PROVISIONAL = -13.0  # It sorts below all motion in releases (at least -1.5) and above ground without motion.
MIN_MOVING = -14.5  # Every place that moves has a higher importance than this.
DAYS_PER_STEP, MAX_WAIT_STEPS = 30, 2.0
BELOW = 0.001  # A grade ends this many steps below the next one.


class Terms(NamedTuple):
    """Terms of an importance, in steps; see the table of this module."""

    motion: float
    trend: float
    exposure: float
    kind: float
    standing: float
    passes: float = 0.0
    judgement: float = 0.0

    @property
    def score(self) -> float:
        """Return the importance."""
        return round(sum(self), 3)


def importance(
    alert: Any, *, exposure_weight: int | None = None, tilt_mm_m_yr: float | None = None, judgement: str = ""
) -> Terms:
    """Return the terms of an alert's importance. alert: columns of `models.Alert`, with its `motion` if there is one.

    exposure_weight: 0 to 2, None where it was not counted; tilt_mm_m_yr: lower end of the interval of the steepest
    tilt, mm a year per m; judgement: severity that a person gave, which counts in place of the computed one.
    """
    told = compared(alert)
    parts = list(_parts(told)) if told else []
    moving = [part for part in parts if part.is_motion]
    if alert.state == State.FINISHED or (told and told.at_rest):
        standing = AT_REST
    else:
        standing = NO_MOTION if parts and not moving else 0.0
    if moving and told and told.change is None and tilt_mm_m_yr is not None and is_known(tilt_mm_m_yr):
        moving.append(replace(told.now, value=MODERATE_MM_YR / MODERATE_TILT_MM_M_YR * tilt_mm_m_yr, sigma=0.0))
    trend = _trend(told) if told else 0.0
    if _is_surface(alert):
        motion = MODERATE_STEPS + STEPS_PER_DECADE_M2 * math.log10(max(alert.area_m2, 1.0) / MODERATE_M2)
    else:
        motion = _steps(moving, alert.n_views)
    terms = Terms(
        motion=min(max(motion, 0.0), MAX_STEPS),
        trend=trend,
        exposure=float(exposure_weight or 0),
        kind=row_of(alert.kind).importance_steps,
        standing=standing,
        passes=PROVISIONAL if (seen := passes_of(alert)) and seen.alone else 0.0,
    )
    return terms._replace(judgement=_missing(terms.score - standing - terms.passes, judgement)) if judgement else terms


def severity(alert: Any, terms: Terms) -> Severity:
    """Return the computed severity of an alert with these terms."""
    steps = terms.motion if _is_surface(alert) else terms.score - terms.judgement - terms.passes
    if steps >= STRONG_STEPS:
        return Severity.STRONG
    return Severity.MODERATE if steps >= MODERATE_STEPS else Severity.MINOR


def _parts(told: Stated) -> Iterator[Figure]:
    """Yield the present rates of the area and its fastest part, mm/yr; a change is assumed to affect both alike."""
    now, whole, fastest = told.now, told.whole, told.fastest
    if now.unit == "m/day":
        for one in (now, fastest):
            if one is not None:
                sigma_mm_yr = (one.sigma or 0.0) * MM_YR_PER_M_DAY
                yield replace(one, value=one.value * MM_YR_PER_M_DAY, sigma=sigma_mm_yr, unit="mm/yr")
        return
    yield now
    if told.change is not None:
        uneven = abs((fastest.value if fastest else 0.0) / whole.value)
        factor = min(max(uneven, 1.0), MAX_UNEVEN)
        yield replace(now, value=factor * now.value, sigma=factor * now.known_sigma)
        return
    if fastest is not None:
        yield fastest if fastest.sigma is not None else replace(fastest, sigma=now.sigma)


def _steps(moving: list[Figure], n_views: int) -> float:
    sigmas = SURE_SIGMAS if n_views > 1 else ONE_VIEW_SIGMAS
    surely = max((abs(part.value) - sigmas * part.known_sigma for part in moving), default=0.0)
    return MODERATE_STEPS + math.log2(max(surely / MODERATE_MM_YR, MIN_SHARE))


def _trend(told: Stated) -> float:
    """Return the steps for a change of speed; motion that still speeds up always counts as a recent change."""
    change = told.change
    if change is None or change.changed_on is None:
        return 0.0
    if change.trend in (Trend.SLOWER, Trend.SLOWING):
        return SLOWER
    lately = told.now.until - change.changed_on <= RECENT
    faster = change.trend == Trend.SPEEDING or (lately and change.trend in (Trend.FASTER, Trend.BEGAN))
    return FASTER if faster else 0.0


def _missing(steps: float, grade: str) -> float:
    """Return how many steps are missing to a grade; negative if there are too many."""
    least, most = {
        Severity.MINOR: (-math.inf, MODERATE_STEPS - BELOW),
        Severity.MODERATE: (MODERATE_STEPS, STRONG_STEPS - BELOW),
        Severity.STRONG: (STRONG_STEPS, math.inf),
    }[Severity(grade)]
    return min(max(steps, least), most) - steps


def _is_surface(alert: Any) -> bool:
    return family(alert.kind) is Family.SURFACE
