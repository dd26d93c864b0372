"""Changes that a method finds in real OPERA RTC-S1 chips, whose truth is unknown.

Three properties must hold nevertheless: the sea keeps no coherence, land loses coherence with the days between two
images, and hardly any cell is confirmed as changed on ground without events.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from lab.coherence.change.evaluate import estimates_of
from lab.simulation.sar.series import EVENT_PX
from ml.coherence.change import FEWEST_PREDECESSORS, coherence_change, in_season
from ml.coherence.confirm import EPOCH, HIGH_SIGMA, LOW_SIGMA, Evidence, confirmed
from ml.rasters.geotiffs import open_pair
from ml.rasters.imagery import Float32
from ml.rasters.windows import Window

NAME = re.compile(r"T\d+-(?P<burst>\d+-IW\d)_(?P<date>\d{8})T.*_(?P<polarisation>V[VH])\.tif$")
BASELINES_DAYS = (6, 12, 24)  # temporal baselines in which changes are searched
SEA = "IW1"
SMOOTHED_PX = 9


class PairCoherence(NamedTuple):
    """Dates of a pair, and its coherence and sigma, (rows, cols)."""

    reference: date
    secondary: date
    coherence: Float32
    sigma: Float32

    @property
    def days(self) -> int:
        """Return the days between the dates."""
        return (self.secondary - self.reference).days


def chips(folder: Path, polarisation: str) -> dict[str, list[tuple[date, Path]]]:
    """Return the files of each burst ordered by date. Raises ValueError if there are none."""
    collected: dict[str, list[tuple[date, Path]]] = defaultdict(list)
    for path in sorted(folder.glob("*.tif")):
        match = NAME.search(path.name)
        if match and match["polarisation"] == polarisation:
            collected[match["burst"]].append((date.fromisoformat(match["date"]), path))
    if not collected:
        raise ValueError(f"{folder} holds no OPERA RTC-S1 chips of {polarisation}")
    return {burst: sorted(files) for burst, files in sorted(collected.items())}


def series_of(files: Sequence[tuple[date, Path]]) -> tuple[list[date], Float32]:
    """Read the images of a burst: dates, and power (dates, rows, cols)."""
    sources = [open_pair(path, path) for _, path in files]
    return [day for day, _ in files], np.stack([one.read(Window(0, 0, *one.shape))[0] for one in sources])


def seen_of(days: Sequence[date], power: Float32, method: str, first: int = 0) -> list[PairCoherence]:
    """Estimate the coherence of every pair whose days apart are within a day of one of BASELINES_DAYS.

    power: (dates, rows, cols); first: index of the first image that a pair's secondary may be.
    """
    indices = [
        (one, other)
        for other in range(first, len(days))
        for one in range(other)
        if any(abs((days[other] - days[one]).days - apart) <= 1 for apart in BASELINES_DAYS)
    ]
    if not indices:
        return []
    estimates = estimates_of(method, ((power[one], power[other]) for one, other in indices), None)
    return [
        PairCoherence(days[one], days[other], *values)
        for (one, other), *values in zip(indices, *estimates, strict=True)
    ]


def with_event(power: Float32, first: int, at: tuple[int, int], donor: tuple[int, int]) -> Float32:
    """Insert a loss of coherence into a square of EVENT_PX. Return the changed series, power (dates, rows, cols).

    From image `first` on, the square at `at` shows the images of the square at `donor`, scaled to the mean brightness
    of `at` (smoothed over SMOOTHED_PX). Its speckle is thus new, and afterwards as stable as that of real ground.
    """
    mean = ndimage.uniform_filter(np.nanmean(power, axis=0), SMOOTHED_PX)
    here, there = (tuple(slice(corner, corner + EVENT_PX) for corner in place) for place in (at, donor))
    changed = power.copy()
    changed[(slice(first, None), *here)] = power[(slice(first, None), *there)] * (mean[here] / mean[there])
    return changed


def evidence_of(seen: Sequence[PairCoherence]) -> list[Evidence]:
    """Return the change of every pair against its predecessors of the same baseline."""
    collected = []
    for baseline in BASELINES_DAYS:
        alike = sorted((one for one in seen if one.days == baseline), key=lambda one: one.secondary)
        for index in range(FEWEST_PREDECESSORS, len(alike)):
            now, days = alike[index], [one.secondary for one in alike[:index]]
            past = [alike[chosen] for chosen in in_season(days, now.secondary)]
            history, sigma = np.stack([one.coherence for one in past]), np.stack([one.sigma for one in past])
            collected.append(coherence_change(history, sigma, now.coherence).evidence(now.reference, now.secondary))
    return collected


def shares_by_date(evidence: Sequence[Evidence], high: float = HIGH_SIGMA, low: float = LOW_SIGMA) -> dict[date, float]:
    """Return the share of cells confirmed as changed on each date. Dates are those of the pairs' secondary images."""
    event = confirmed(evidence, high, low)
    dates = sorted({one.secondary for one in evidence})
    return {day: float((event.onset_day == (day - EPOCH).days).mean()) for day in dates}
