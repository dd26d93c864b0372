"""Training pairs drawn in torch on the device itself, each only once: ground, speckle and both truths.

Simpler than `lab.simulation.sar` (no layover, streets, maps, earlier images), for more samples than a CPU makes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ground_motion.methods.coherence.features import Facts
from ground_motion.methods.coherence.network import register
from ground_motion.methods.coherence.registration import facts_of

SCALES_PX = (4, 8, 16, 48)  # Sizes of textures and parcels.
MAX_LOOKS = 6
POINT_SHARE, POINT_GAMMA = 0.01, 0.97  # Largest share of pixels with a point scatterer, and its coherence.
STATED_SHARE = 0.6  # Share of the pairs whose looks are stated.


class Drawn(NamedTuple):
    """Pairs. power: (n, 2, rows, cols), linear; moments: (n, 4, …), see `samples.Sample`; gamma: (n, rows, cols)."""

    power: Tensor
    moments: Tensor
    gamma: Tensor
    looks: int


def draw(chance: torch.Generator, n: int, size: int) -> Drawn:
    """Draw n pairs of size x size px on the generator's device; all have the same number of looks and band."""
    device = chance.device
    looks = int(torch.randint(1, MAX_LOOKS + 1, (), generator=chance, device=device))
    strength = torch.rand(n, 1, 1, 1, generator=chance, device=device) * 2
    level = torch.exp(strength * _field(chance, n, size))
    gamma = torch.sigmoid(
        2.5 * _parcels(chance, n, size) + 2 * torch.randn(n, 1, 1, 1, generator=chance, device=device)
    )
    share = POINT_SHARE * torch.rand(n, 1, 1, 1, generator=chance, device=device)
    points = torch.rand(n, 1, size, size, generator=chance, device=device) < share
    level = torch.where(points, level * 300 * torch.rand(level.shape, generator=chance, device=device), level)
    gamma = torch.where(points, POINT_GAMMA, gamma)
    first, fresh = torch.randn(2, n, looks, size, size, 2, generator=chance, device=device)
    first, fresh = torch.view_as_complex(first), torch.view_as_complex(fresh)
    second = gamma * first + (1 - gamma**2).sqrt() * fresh
    band = _band(chance, size)
    reference, secondary = (torch.fft.ifft2(torch.fft.fft2(one * level.sqrt()) * band) for one in (first, second))
    power = torch.stack([one.abs().square().mean(dim=1) for one in (reference, secondary)], dim=1).clamp_min(1e-9)
    product = (reference * secondary.conj()).mean(dim=1) / (power[:, 0] * power[:, 1]).sqrt()
    moments = torch.cat([torch.view_as_real(product).permute(0, 3, 1, 2), torch.log(power)], dim=1)
    return Drawn(power, moments, gamma[:, 0], looks)


def batch_of(drawn: Drawn, chance: torch.Generator) -> Mapping[str, Tensor]:
    """Return a batch for training: registered log power, facts, moments and gamma."""
    stated = torch.rand(len(drawn.power), generator=chance, device=chance.device) < STATED_SHARE
    facts = [
        facts_of([power], float(drawn.looks) if known else None)
        for power, known in zip(drawn.power, stated.tolist(), strict=True)
    ]
    log_power = torch.stack([register(power, fact) for power, fact in zip(drawn.power, facts, strict=True)])
    rows = torch.tensor([Facts.row(fact) for fact in facts], dtype=torch.float32, device=chance.device)
    return {"log_power": log_power, "facts": rows, "moments": drawn.moments, "gamma": drawn.gamma}


def _field(chance: torch.Generator, n: int, size: int) -> Tensor:
    """Draw a field with structure at all SCALES_PX, (n, 1, rows, cols), of about unit variance."""
    total = torch.zeros(n, 1, size, size, device=chance.device)
    for scale in SCALES_PX:
        coarse = torch.randn(n, 1, size // scale + 2, size // scale + 2, generator=chance, device=chance.device)
        total += functional.interpolate(coarse, size=(size, size), mode="bilinear", align_corners=False)
    return torch.as_tensor(total / len(SCALES_PX) ** 0.5)


def _parcels(chance: torch.Generator, n: int, size: int) -> Tensor:
    """Draw parcels of constant value with sharp borders, (n, 1, rows, cols)."""
    return torch.round(2 * _field(chance, n, size)) / 2


def _band(chance: torch.Generator, size: int) -> Tensor:
    """Return a filter of the spectrum, (rows, cols), that oversamples each axis by 1 to 2."""
    frequency = torch.fft.fftfreq(size, device=chance.device).abs()
    limit = 0.25 + 0.25 * torch.rand(2, generator=chance, device=chance.device)
    inside = [(frequency <= part).float() for part in limit]
    return torch.outer(*inside)
