"""`python -m lab.coherence.real.chips FOLDER`: what a method finds in real OPERA RTC-S1 chips, truth unknown.

What must hold all the same: the sea keeps no coherence, land loses it with the days between two images, and of ground
without events hardly a cell is confirmed as changed.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ml.coherence import NETWORK
from ml.coherence.change import FEWEST_PREDECESSORS, coherence_change, in_season
from ml.coherence.confirm import EPOCH, HIGH_SIGMA, LOW_SIGMA, Evidence, confirmed
from ml.coherence.infer import estimate_coherence
from ml.rasters.imagery import Float32, open_pair

NAME = re.compile(r"T\d+-(?P<burst>\d+-IW\d)_(?P<date>\d{8})T.*_(?P<polarisation>V[VH])\.tif$")
BASELINES_DAYS = (6, 12, 24)  # of which changes are looked for
GROUPS = {"6 days": (5, 7), "12 days": (11, 13), "24 days": (23, 25), "1 year": (353, 377), "2 years": (718, 742)}
SEA = "IW1"


class Seen(NamedTuple):
    """One pair: its dates, coherence and sigma (rows, cols)."""

    reference: date
    secondary: date
    coherence: Float32
    sigma: Float32

    @property
    def days(self) -> int:
        return (self.secondary - self.reference).days


def chips(folder: Path, polarisation: str) -> dict[str, list[tuple[date, Path]]]:
    """The files of each burst in the order of their dates. ValueError where there are none."""
    collected: dict[str, list[tuple[date, Path]]] = defaultdict(list)
    for path in sorted(folder.glob("*.tif")):
        match = NAME.search(path.name)
        if match and match["polarisation"] == polarisation:
            collected[match["burst"]].append((date.fromisoformat(match["date"]), path))
    if not collected:
        raise ValueError(f"{folder} holds no OPERA RTC-S1 chips of {polarisation}")
    return {burst: sorted(files) for burst, files in sorted(collected.items())}


def seen_of(
    files: Sequence[tuple[date, Path]], method: str, groups: Mapping[str, tuple[int, int]] = GROUPS
) -> list[Seen]:
    """Coherence of every pair whose days are in one of the groups."""
    collected = []
    for index, (first, reference) in enumerate(files):
        for second, secondary in files[index + 1 :]:
            if not any(low <= (second - first).days <= high for low, high in groups.values()):
                continue
            bands = estimate_coherence(open_pair(reference, secondary), method, torch.device("cpu")).bands
            collected.append(Seen(first, second, bands["coherence"], bands["coherence_sigma"]))
    return collected


def medians(seen: Sequence[Seen]) -> dict[str, tuple[float, int]]:
    """Median over pairs of the median coherence of a chip, and how many pairs, by the days between the images."""
    of_group = {
        name: [float(np.nanmedian(one.coherence)) for one in seen if low <= one.days <= high]
        for name, (low, high) in GROUPS.items()
    }
    return {name: (float(np.median(values)), len(values)) for name, values in of_group.items() if values}


def evidence_of(seen: Sequence[Seen]) -> list[Evidence]:
    """The change of every pair against its predecessors of the same baseline."""
    collected = []
    for baseline in BASELINES_DAYS:
        alike = sorted((one for one in seen if one.days == baseline), key=lambda one: one.secondary)
        for index in range(FEWEST_PREDECESSORS, len(alike)):
            now, days = alike[index], [one.secondary for one in alike[:index]]
            past = [alike[chosen] for chosen in in_season(days, now.secondary)]
            history, sigma = np.stack([one.coherence for one in past]), np.stack([one.sigma for one in past])
            change = coherence_change(history, sigma, now.coherence)
            collected.append(Evidence(now.reference, now.secondary, change.change_sigma, change.before))
    return collected


def shares_by_date(evidence: Sequence[Evidence], high: float = HIGH_SIGMA, low: float = LOW_SIGMA) -> dict[date, float]:
    """Share of cells confirmed, by the dates that evidence ends at."""
    event = confirmed(evidence, high, low)
    dates = sorted({one.secondary for one in evidence})
    return {day: float((event.onset_day == (day - EPOCH).days).mean()) for day in dates}


def main(arguments: Sequence[str]) -> int:
    """Print the tables."""
    folder, methods = Path(arguments[0]), arguments[1:] or [NETWORK, "guarnieri-prati"]
    for method in methods:
        for polarisation in ("VV", "VH"):
            for burst, files in chips(folder, polarisation).items():
                seen = seen_of(files, method)
                kind = "sea " if burst.endswith(SEA) else "land"
                table = ", ".join(f"{name} {value:.2f} ({n})" for name, (value, n) in medians(seen).items())
                shares = [*shares_by_date(evidence_of(seen)).values()]
                confirmed_words = f"confirmed {np.mean(shares):.4%} of the cells a date, at worst {max(shares):.4%}"
                print(f"{method} {polarisation} {burst} {kind}: {table}; {confirmed_words}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
