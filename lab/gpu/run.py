"""`scripts/gpu`: the three networks on a card, what happens if its memory runs out, and a training on it.

Writes figures.json, and in `training` log.jsonl, checkpoint.pt and the weights of teacher and student with their cards.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ground_motion.runtime.checkpoints import Card, save
from ground_motion.runtime.code_version import code_version
from ground_motion.runtime.device import choose_device, precision
from ground_motion.runtime.memory import compute_or_fall_back
from lab.gpu.inference import CPU, JOBS, coherence_on, measure, pair_of
from lab.gpu.student import STUDENT_WIDTHS, TEACHER_WIDTHS, Pair, SideBySide
from lab.training import Schedule, train

VERSION = "trial"
LITTLE_MEMORY = 0.01  # The memory trial may use this share of the card.
SMALL = {"size": 64, "compared": 64, "batch": 2, "crop": 32}
SMALL_WIDTHS, WIDTHS = (8, 8, 8), {"teacher": TEACHER_WIDTHS, "student": STUDENT_WIDTHS}
WHOLE = {"size": 4096, "compared": 512, "batch": 32, "crop": 96}


def main() -> None:
    """Measure, try, train; print and write the figures."""
    parser = argparse.ArgumentParser(prog="scripts/gpu", description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for figures, log and weights")
    parser.add_argument("--minutes", type=float, default=8.0, help="of training; the rest takes about three")
    parser.add_argument("--steps", type=int, help="largest number of training steps")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--small", action="store_true", help="tiny inputs and networks, to try the command on a CPU")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    device = choose_device(args.device)
    figures = run(device, args.out, args.minutes, args.steps, args.small)
    print(json.dumps(figures, indent=2))


def run(device: torch.device, out: Path, minutes: float, steps: int | None, small: bool) -> dict[str, Any]:
    """Run the three parts; figures are written after each, so that none is lost if a later one fails."""
    sizes = SMALL if small else WHOLE
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    figures: dict[str, Any] = {"commit": code_version(), "torch": torch.__version__, "device": name}
    figures["precision"] = precision(device)
    parts: dict[str, Callable[[], Any]] = {
        "inference": lambda: [measure(job, device, sizes["size"], sizes["compared"]) for job in JOBS],
        "out_of_memory": lambda: short_of_memory(device, sizes["size"]),
        "training": lambda: trained(device, out / "training", minutes, steps, small),
    }
    for part, work in parts.items():
        figures[part] = work()
        (out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    return figures


def short_of_memory(device: torch.device, size: int) -> dict[str, Any]:
    """Compute coherence with LITTLE_MEMORY of the card; return on which device it was computed in the end."""
    if device.type != "cuda":
        return {"tried": False}
    power = pair_of(size)
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(LITTLE_MEMORY, device)
    try:
        found, used = compute_or_fall_back(lambda on: coherence_on(on, power), device)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)
    return {"tried": True, "computed_on": used.type, "known_share": float(torch.isfinite(found).float().mean())}


def trained(device: torch.device, folder: Path, minutes: float, steps: int | None, small: bool) -> dict[str, Any]:
    """Train teacher and student, write their weights; return steps, seconds and figures on validation pairs."""
    sizes = SMALL if small else WHOLE
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    widths = {"teacher": SMALL_WIDTHS, "student": SMALL_WIDTHS} if small else WIDTHS
    pair, task = Pair(**widths), SideBySide(device, sizes["batch"], sizes["crop"])
    done = train(pair, task, Schedule(minutes, steps), folder, device)
    pair.load_state_dict(done.weights)
    training = {
        "command": shlex.join(["scripts/gpu", *sys.argv[1:]]),
        "commit": code_version(),
        "device": str(device),
        "seconds": round(done.seconds, 1),
        "steps": done.steps,
        "pairs": done.steps * sizes["batch"],
    }
    for name in ("teacher", "student"):
        own = {key: value for key, value in done.figures.items() if name in key}
        card = Card("coherence", f"coherence-{name}", VERSION, {"widths": widths[name]}, {}, training, own)
        save(folder, card, getattr(pair.to(CPU), name))
    return training | done.figures


if __name__ == "__main__":
    main()
