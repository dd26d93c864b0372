"""Weights as files: NAME.safetensors, and NAME.json, the card, which describes them and their training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ground_motion.core.errors import InputError
from ground_motion.core.files import file_sha256

WEIGHTS = Path(__file__).parents[1] / "weights"


@dataclass(frozen=True)
class Card:
    """Card of a weight file.

    network: arguments of its constructor; settings: further parameters of inference (normalisation, thresholds,
    calibration); training: command, commit, seed, device, seconds, steps, data; figures: metric -> value on validation
    scenes, never on those of a benchmark.
    """

    task: str
    name: str
    version: str
    network: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    weights_sha256: str = ""


def save(folder: Path, card: Card, network: nn.Module | Mapping[str, Tensor]) -> Card:
    """Write weights and card, each completely or not at all; return the card with the weights' hash."""
    weights = network.state_dict() if isinstance(network, nn.Module) else network
    path = folder / f"{card.name}.safetensors"
    partial = path.with_suffix(".partial")
    save_file({key: value.detach().cpu().contiguous() for key, value in weights.items()}, partial)
    card = replace(card, weights_sha256=file_sha256(partial))
    partial.replace(path)
    write_card(folder, card)
    return card


def write_card(folder: Path, card: Card) -> None:
    """Write a card alone, completely or not at all, for new settings of unchanged weights."""
    partial = folder / f"{card.name}.partial"
    partial.write_text(json.dumps(asdict(card), indent=2) + "\n")
    partial.replace(folder / f"{card.name}.json")


def read_card(name: str, folder: Path = WEIGHTS) -> Card:
    """Read the card of a weight file. InputError if it is missing or not a card."""
    path = folder / f"{name}.json"
    try:
        return Card(**json.loads(path.read_text()))
    except FileNotFoundError as fault:
        raise InputError(path, "this model has no card", "Train it (python -m ml train) or name another") from fault
    except (ValueError, TypeError) as fault:
        raise InputError(path, f"not a model's card: {fault}", "Restore the file or train the model anew") from fault


def load(card: Card, network: nn.Module, folder: Path = WEIGHTS) -> None:
    """Put the weights of a card into a network made with card.network.

    InputError if the file is missing, is not that of the card (by its hash) or does not fit the network.
    """
    path = folder / f"{card.name}.safetensors"
    remedy = "Restore the file or train the model anew"
    if not path.exists():
        raise InputError(path, "the weights are missing", remedy)
    actual = file_sha256(path)
    if actual != card.weights_sha256:
        raise InputError(path, f"sha-256 {actual} is not the card's {card.weights_sha256}", remedy)
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as fault:
        raise InputError(path, f"does not fit its network: {fault}", remedy) from fault
