"""The state of living series between two passes, as one file: arrays by name, and the rest as JSON."""

import json
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.methods.deformation.living.drift import Drift
from ground_motion.methods.deformation.living.forecast import Forecast
from ground_motion.methods.deformation.living.inversion import LivingState
from ground_motion.methods.deformation.living.screening import Ground
from ground_motion.methods.deformation.series.regression import Float64


class Kept(NamedTuple):
    """State between two passes.

    Attributes:
        state: State of the inversion.
        days: Provisional days so far.
        deviation_mm: (clusters, days), mm, by `ground_motion.methods.deformation.living.changes.cluster_deviations`.
        order: (points,), numbers of the points in the order in which values are stored.
    """

    state: LivingState
    days: tuple[date, ...]
    deviation_mm: Float64
    order: NDArray[np.int32]


ARRAYS = ("anchor_mm", "position_mm", "covariance", "drift_mm", "drift_variance", "seam_variance", "anchor", "cycles")


def save(path: Path, kept: Kept) -> None:
    """Write a state. Raises OSError."""
    state, curve = kept.state, kept.state.forecast
    facts = {
        "half_wave_mm": state.half_wave_mm,
        "released": state.released.isoformat(),
        "first": curve.first.isoformat(),
        "drift": state.drift,
        "active": [day.isoformat() for day in state.days],
        "days": [day.isoformat() for day in kept.days],
    }
    with path.open("wb") as stream:
        np.savez(
            stream,
            facts=np.array(json.dumps(facts)),
            **state.ground._asdict(),
            **{name: getattr(state, name) for name in ARRAYS},
            coefficients=curve.coefficients,
            covariance_of_curve=curve.covariance,
            noise_mm=curve.noise_mm,
            deviation_mm=kept.deviation_mm,
            order=kept.order,
        )


def load(path: Path) -> Kept:
    """Read a state that `save` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        held: dict[str, Any] = {name: arrays[name] for name in arrays.files}
    for later in ("anchor", "cycles"):  # States saved before 2026-12 lack these, or hold eight bits of them.
        held[later] = held.get(later, np.zeros(len(held["x_m"]))).astype(int)
    facts = json.loads(str(held["facts"]))
    first = date.fromisoformat(facts["first"])
    state = LivingState(
        ground=Ground(held["x_m"], held["y_m"], held["height_m"]),
        forecast=Forecast(first, held["coefficients"], held["covariance_of_curve"], held["noise_mm"]),
        half_wave_mm=facts["half_wave_mm"],
        released=date.fromisoformat(facts["released"]),
        drift=Drift(*facts["drift"]),
        days=tuple(map(date.fromisoformat, facts["active"])),
        **{name: held[name] for name in ARRAYS},
    )
    days = tuple(map(date.fromisoformat, facts["days"]))
    return Kept(state, days, held["deviation_mm"], held["order"])
