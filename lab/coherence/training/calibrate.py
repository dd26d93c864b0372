"""`python -m lab.coherence.training.calibrate [TRUTH ...]`: calibrate the shipped network's sigma on validation pairs.

A TRUTH is one of the two kinds of coherence that the network estimates; by default both are calibrated.
"""

import dataclasses
import sys
from collections.abc import Sequence

from lab.coherence.training.task import CoherenceSettings, CoherenceTrainingTask, finish
from ml.coherence import TRUTHS
from ml.coherence.network import card_shipped, untrained
from ml.runtime.checkpoints import WEIGHTS, load, write_card


def main(arguments: Sequence[str]) -> int:
    """Fit sigma to the errors and write the card; weights stay unchanged. Raises ValueError for an unknown truth."""
    if unknown := set(arguments) - set(TRUTHS):
        raise ValueError(f"there is no truth {', '.join(sorted(unknown))}; choose of {', '.join(TRUTHS)}")
    card = card_shipped()
    network = untrained(card.network)
    load(card, network)
    task = CoherenceTrainingTask([], CoherenceSettings())
    calibration = finish(network.eval(), task, arguments or TRUTHS)
    figures = task.validate(network)
    write_card(WEIGHTS, dataclasses.replace(card, settings=card.settings | calibration, figures=figures))
    print(calibration)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
