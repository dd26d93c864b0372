"""`python -m lab.coherence.tune`: which window each classical estimator should have, on pairs of validation only."""

import numpy as np

from lab.coherence.evaluate import errors, estimated, make_even, make_structured
from lab.simulation.sar.pairs import SarPair
from lab.simulation.seeds import Purpose
from lab.workers import over_seeds
from ml.coherence.infer import ESTIMATORS
from ml.statistics.intervals import Float64

WINDOWS = (5, 7, 9, 13, 17, 21, 29, 41, 61)
PAIRS = 14


def squares(scene: int) -> Float64:
    """(2, methods, windows): mean square error on one even and one structured pair."""
    pairs = make_even(0.0, scene, Purpose.VALIDATION), make_structured(0.0, scene, Purpose.VALIDATION)

    def square(method: str, pair: SarPair, window: int) -> float:
        return float((errors(estimated(method, pair, window), pair)[:, 0] ** 2).mean())

    return np.array([[[square(method, pair, window) for window in WINDOWS] for method in ESTIMATORS] for pair in pairs])


def main() -> None:
    """Print the tables."""
    mean = np.sqrt(np.mean(over_seeds(squares, PAIRS), axis=0))
    for name, table in zip(("even", "structured"), mean, strict=True):
        print(f"{name:16s}" + "".join(f"{window:8d}" for window in WINDOWS))
        for method, row in zip(ESTIMATORS, table, strict=True):
            print(f"{method:16s}" + "".join(f"{value:8.3f}" for value in row))


if __name__ == "__main__":
    main()
