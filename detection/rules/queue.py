"""Order in which cases wait for a specialist: severity × exposure × certainty × age. The highest product is first.

| factor | values | why |
|---|---|---|
| severity | minor 1, moderate 2, strong 4 | each step counts twice the one below |
| exposure | nothing known there 1, something 1.5, much 2 | also part of `severity`: here it decides within a grade |
| certainty | 0.5 to 1 by score, times 0.6 while only one data set shows it | what is probably noise can wait |
| age | 1 at first, 2 after 30 days, 3 after 60 days and later | no minor case waits for ever behind moderate ones |

With equal exposure and certainty, a new strong case precedes any minor one, however old.
"""

from detection.rules.lifecycle import State
from detection.rules.severity import Severity

SEVERITY = {Severity.MINOR: 1.0, Severity.MODERATE: 2.0, Severity.STRONG: 4.0}
EXPOSURE = (1.0, 1.5, 2.0)
LEAST_CERTAIN = 0.5
SEEN_ONCE = 0.6
AGE_DAYS, AGED_MOST = 30, 2.0


def priority(
    *, severity: Severity, exposure_weight: int | None, state: State, score: float | None, days_waiting: int
) -> float:
    """Return the urgency of a case, 0.3 to 24.

    exposure_weight: 0 to 2, None where it was not counted; score: the highest of its detections, 0-1; days_waiting:
    whole days since it was found. Without a score it counts as the least certain.
    """
    exposure = EXPOSURE[min(exposure_weight or 0, len(EXPOSURE) - 1)]
    certainty = LEAST_CERTAIN + (1 - LEAST_CERTAIN) * min(max(score or 0.0, 0.0), 1.0)
    seen = SEEN_ONCE if state is State.FIRST else 1.0
    age = 1.0 + min(max(days_waiting, 0) / AGE_DAYS, AGED_MOST)
    return SEVERITY[severity] * exposure * certainty * seen * age
