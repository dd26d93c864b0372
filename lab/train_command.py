"""`python -m ml train`: train a network on simulated scenes for a given time; the same command again continues."""

import argparse
import dataclasses
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import torch

from ground_motion.core.errors import InputError
from ground_motion.runtime.checkpoints import save
from ground_motion.runtime.code_version import code_version
from ground_motion.runtime.device import choose_device
from lab.coherence.training.task import RECIPE as COHERENCE
from lab.deformation.training.train import RECIPE as DEFORMATION
from lab.deformation.wrapped import RECIPE as OVERWRAPPED
from lab.offsets.recipe import RECIPE as OFFSETS
from lab.training import Schedule, train

RECIPES = {"coherence": COHERENCE, "deformation": DEFORMATION, "offsets": OFFSETS, "overwrapped-cnn": OVERWRAPPED}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the task, its configuration, limits, device and folders."""
    parser.add_argument("task", choices=[*RECIPES])
    parser.add_argument("--config", type=Path, metavar="F.json", help="settings that replace the defaults")
    parser.add_argument("--minutes", type=float, help="training time in all, resumed parts included")
    parser.add_argument("--steps", type=int, help="largest number of training steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder of checkpoint, log, weights and card"
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="folder of the simulated scenes (default: OUT/cache)")


def run(args: argparse.Namespace) -> int:
    """Simulate in advance, train, calibrate, write weights and card. InputError for an invalid config."""
    recipe = RECIPES[args.task]
    settings = read_settings(recipe.settings, args.config)
    minutes = recipe.minutes if args.minutes is None else args.minutes
    if minutes <= 0 or (args.steps is not None and args.steps < 1):
        raise ValueError("--minutes and --steps must be more than 0.")
    args.out.mkdir(parents=True, exist_ok=True)
    device = choose_device(args.device)
    torch.manual_seed(args.seed)
    network, task, card = recipe.prepare(settings, args.cache or args.out / "cache", args.seed)
    schedule = Schedule(minutes, args.steps, args.seed, getattr(settings, "learning_rate", recipe.learning_rate))
    done = train(network, task, schedule, args.out, device)
    network.load_state_dict(done.weights)
    calibration = recipe.finish(network.eval(), task)
    training = {
        "command": shlex.join(["python", "-m", "ml", *sys.argv[1:]]),
        "commit": code_version(),
        "seed": args.seed,
        "device": str(device),
        "seconds": round(done.seconds, 1),
        "steps": done.steps,
        "settings": dataclasses.asdict(settings),
    }
    card = dataclasses.replace(
        card, settings=card.settings | calibration, training=card.training | training, figures=done.figures
    )
    card = save(args.out, card, network)
    print(f"{card.name}: {done.steps} steps, {done.seconds:.0f} s -> {args.out / card.name}.safetensors")
    return 0


def read_settings(kind: type, path: Path | None) -> Any:
    """Read a settings dataclass from a JSON file, or its defaults. InputError for an unknown setting."""
    if path is None:
        return kind()
    try:
        given = json.loads(path.read_text())
    except (OSError, ValueError) as fault:
        raise InputError(path, f"not readable as JSON: {fault}", "Give a file of settings") from fault
    known = {field.name: field for field in dataclasses.fields(kind)}
    for key in given if isinstance(given, dict) else ["(no object)"]:
        if key not in known:
            raise InputError(path, f"{key!r} is no setting", f"Choose among {', '.join(known)}")
    return kind(**given)
