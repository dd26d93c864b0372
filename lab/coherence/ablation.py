"""`python -m lab.coherence.ablation CACHE OUT [STEPS]`: ablation models of coherence, each for equally many steps.

Every model sees the same pairs in the same order; figures are on pairs of validation. So short a training shows what
helps early, not what wins in the end.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from lab.coherence.training.task import CoherenceSettings, CoherenceTrainingTask, prepare
from lab.training import Schedule, train

BASE = CoherenceSettings(pairs=1024, textured=0, history=0, from_shipped=False, sample_weight=0.3, batch=6)
ABLATION_MODELS = {
    "as shipped": BASE,
    "three levels": replace(BASE, widths=(48, 64, 96), blocks=(1, 2, 2)),
    "blocks not residual": replace(BASE, residual=False),
    "sign of the ratio shown": replace(BASE, symmetric=False),
    "secondary not registered": replace(BASE, register=False),
    "no misregistered pairs": replace(BASE, misregistered=False),
    "even ground only": replace(BASE, structured=False),
}
STEPS = 300


def main(arguments: Sequence[str]) -> int:
    """Train and print one line a model; what is done already is kept in OUT."""
    cache, out = Path(arguments[0]), Path(arguments[1])
    steps = int(arguments[2]) if len(arguments) > 2 else STEPS
    first: CoherenceTrainingTask | None = None
    for name, settings in ABLATION_MODELS.items():
        torch.manual_seed(0)
        network, task, _ = prepare(settings, cache, seed=0)
        if first is not None:
            task.share(first)
        first = first or task
        folder = out / name.replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        schedule = Schedule(minutes=600, steps=steps, averaged_steps=50, validate_s=1e9)
        done = train(network, task, schedule, folder, torch.device("cpu"), report=lambda line: None)
        print(name, json.dumps({"steps": done.steps, "seconds": round(done.seconds)} | done.figures), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
