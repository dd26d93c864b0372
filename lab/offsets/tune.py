"""`python -m lab.offsets.tune`: which window and threshold a single-window correlation should have.

On pairs that no benchmark and no training draws (Purpose.VALIDATION). Judged by the mean over nodes of the error, held
at 1 px, where an unknown node costs UNKNOWN_PX: neither silence nor noise may win.
"""

import numpy as np
import torch

from lab.offsets.evaluate import AT, GAMMAS, SEARCH_FIELDS_PX, errors, make_constant, make_field
from lab.simulation.sar.pairs import SarPair
from lab.simulation.seeds import Purpose
from lab.workers import over_seeds
from ml.offsets import baseline
from ml.rasters.imagery import pixels_per_cell
from ml.statistics.intervals import Float64

KERNELS = (24, 32, 48, 64)
MARGINS = (0.0, 0.75, 1.5)
UNKNOWN_PX = 0.5
PAIRS = 7


def costs(scene: int) -> Float64:
    """(kernels, margins): mean cost on one pair of the fields and one of each constant coherence."""
    pairs: list[SarPair] = [make_field(scene, Purpose.VALIDATION)]
    pairs += [make_constant(gamma, scene, Purpose.VALIDATION) for gamma in GAMMAS]
    table = np.zeros((len(KERNELS), len(MARGINS)))
    for pair in pairs:
        power = torch.from_numpy(pair.power)
        shared = pixels_per_cell(power)
        for row, kernel in enumerate(KERNELS):
            for col, margin in enumerate(MARGINS):
                tracked = baseline.track(
                    power, (kernel,), SEARCH_FIELDS_PX if pair is pairs[0] else 6, 8, shared, margin
                )
                rows = errors({name: band.numpy() for name, band in tracked._asdict().items()}, pair)
                length = np.minimum(np.hypot(rows[:, 0], rows[:, 1]), 1.0)
                table[row, col] += float(np.where(rows[:, AT.known] == 1, length, UNKNOWN_PX).mean()) / len(pairs)
    return table


def main() -> None:
    """Print the table."""
    mean = np.mean(over_seeds(costs, PAIRS), axis=0)
    print("kernel  " + "  ".join(f"margin {margin:.2f}" for margin in MARGINS))
    for kernel, row in zip(KERNELS, mean, strict=True):
        print(f"{kernel:6d}  " + "  ".join(f"{value:11.4f}" for value in row))


if __name__ == "__main__":
    main()
