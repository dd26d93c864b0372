"""Inference of the three networks on a device, against the CPU: throughput, the host's share, and differences.

Only the networks run here: reading, gridding and writing need packages that a machine lent for its card lacks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ground_motion.methods.coherence import network as coherence
from ground_motion.methods.coherence.features import SCATTERERS
from ground_motion.methods.coherence.registration import facts_of
from ground_motion.methods.offsets import network as offsets
from ground_motion.networks.deformation_unet import DeformationUnet
from ground_motion.rasters.imagery import ImagePair
from ground_motion.runtime.checkpoints import load, read_card
from ground_motion.runtime.device import low_precision, ready
from ground_motion.runtime.memory import compute_or_fall_back
from lab.gpu.drawn import draw

WINDOW, SEARCH_PX, POINT_SHARE = (17, 17), 8, 0.3
CPU = torch.device("cpu")
Infer = Callable[[torch.device, Tensor], Tensor]


class Job(NamedTuple):
    """One inference. infer: (device, input on the CPU) -> result on the CPU; of_size: side -> input; unit: per item."""

    name: str
    infer: Infer
    of_size: Callable[[int], Tensor]
    unit: str


def pair_of(size: int) -> Tensor:
    """Draw a pair, (2, rows, cols), linear power, the same for every device."""
    return draw(torch.Generator().manual_seed(size), 1, size).power[0]


def cells_of(size: int) -> Tensor:
    """Return inputs of the deformation network, (1, channels, rows, cols): rates of noise on a share of the cells."""
    chance = torch.Generator().manual_seed(size)
    held = torch.randn(1, _deformation().channels, size, size, generator=chance)
    held[:, 1:2] = (torch.rand(1, 1, size, size, generator=chance) < POINT_SHARE).float()
    return held * held[:, 1:2]


def coherence_on(device: torch.device, power: Tensor) -> Tensor:
    """Return coherence over WINDOW and of the scatterers, (2, rows, cols)."""
    on_place = power.to(device)
    found = coherence.load_shipped(device).estimate(on_place, facts_of([on_place]), [WINDOW, SCATTERERS])
    return torch.stack([one.coherence for one in found]).cpu()


def offsets_on(device: torch.device, power: Tensor) -> Tensor:
    """Return dx and dy of nodes, (2, nodes, nodes), px."""
    source = ImagePair(*power.numpy()).source()
    found = offsets.track(source, offsets.load_shipped(device), SEARCH_PX)
    return torch.stack([found.dx_px, found.dy_px]).cpu()


def deformation_on(device: torch.device, cells: Tensor) -> Tensor:
    """Return the network's channels, (n, rows, cols)."""
    module = ready(_deformation(), device)
    with torch.inference_mode(), low_precision(device):
        return torch.as_tensor(module(cells.to(device))).float().cpu()[0]


def _deformation() -> DeformationUnet:
    card = read_card("deformation")
    module = DeformationUnet(**card.network)
    load(card, module)
    return module


JOBS = (
    Job("coherence", coherence_on, pair_of, "Mpx/s"),
    Job("offsets", offsets_on, pair_of, "Mpx/s"),
    Job("deformation", deformation_on, cells_of, "million cells/s"),
)


def measure(job: Job, device: torch.device, size: int, compared: int, rounds: int = 3) -> dict[str, float | str]:
    """Run a job on a device; return its figures. compared: side of the input that the CPU computes as well, px."""
    given = job.of_size(compared)
    here, there = job.infer(CPU, given), job.infer(device, given)
    both = torch.isfinite(here) & torch.isfinite(there)
    given, seconds, host = job.of_size(size), [], []
    for _ in range(rounds + 1):
        started, worked = time.perf_counter(), time.thread_time()
        _, used = compute_or_fall_back(lambda on: job.infer(on, given), device)
        seconds.append(time.perf_counter() - started)
        host.append((time.thread_time() - worked) / seconds[-1])
    at = min(range(1, rounds + 1), key=seconds.__getitem__)  # Leave out the first round, which warms up.
    return {
        "name": job.name,
        "device": str(used),
        "unit": job.unit,
        "speed": round(size**2 / 1e6 / seconds[at], 3),
        "host_share": round(host[at], 3),
        "largest_difference": float((here - there)[both].abs().max()) if both.any() else 0.0,
        "known_alike": float((torch.isfinite(here) == torch.isfinite(there)).float().mean()),
    }
