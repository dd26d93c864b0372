"""Detection of simulated events at thresholds tuned on simulated series without events, all of Purpose.VALIDATION.

Used to choose between networks, because the service must confirm events within three acquisitions, not only estimate
coherence. Neither the events nor the quiet series are those of the benchmark `change-confirmed`.
"""

from __future__ import annotations

import numpy as np

from lab.coherence.change import confirm_evaluate
from lab.coherence.change.chips_evaluate import THRESHOLDS, Judged, chosen
from lab.coherence.change.confirm_evaluate import Estimates
from lab.coherence.real.chips import shares_by_date
from lab.results import exact
from lab.simulation.seeds import Purpose
from ml.coherence.confirm import HIGH_SIGMA, LOW_SIGMA, confirmed
from ml.statistics.intervals import Float64, Interval, bootstrap


def quiet(estimates: Estimates, size: int) -> Judged:
    """Return the share of cells confirmed on each date of series without an event, for each pair of thresholds."""
    series = [
        confirm_evaluate.evidence_by(estimates, confirm_evaluate.make_quiet(scene, Purpose.VALIDATION))
        for scene in range(size)
    ]
    return Judged({both: [shares_by_date(one, *both) for one in series] for both in THRESHOLDS}, land=True)


def found(estimates: Estimates, size: int) -> Float64:
    """Return 1 for each series whose event is found and 0 for the others, (series, pairs of thresholds)."""
    rows = []
    for scene in range(size):
        series = confirm_evaluate.make_series(scene, Purpose.VALIDATION)
        evidence = confirm_evaluate.evidence_by(estimates, series.power)
        rows.append([confirm_evaluate.outcome(confirmed(evidence, *both), series)[1] for both in THRESHOLDS])
    return np.array(rows)


def judged(estimates: Estimates, size: int) -> dict[str, Interval]:
    """Return the share of events found at the shipped thresholds, and at thresholds tuned on as many quiet series.

    quiet_share_shipped: share of the cells of quiet series confirmed per date, at the shipped thresholds.
    """
    without, events = quiet(estimates, size), found(estimates, size)
    both, shipped = chosen([without], events.mean(axis=0)), (HIGH_SIGMA, LOW_SIGMA)
    return {
        "found_share": bootstrap(events[:, THRESHOLDS.index(both)]),
        "found_share_shipped": bootstrap(events[:, THRESHOLDS.index(shipped)]),
        "quiet_share_shipped": bootstrap(np.array([np.mean([*one.values()]) for one in without.shares[shipped]])),
        "high_sigma": exact(both[0]),
        "low_sigma": exact(both[1]),
    }
