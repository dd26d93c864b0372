"""Teacher and student of coherence, trained side by side on the same pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ground_motion.methods.coherence import SAMPLE_WINDOW
from ground_motion.methods.coherence.baseline import Estimate
from ground_motion.methods.coherence.features import INPUTS, SCATTERERS, WINDOW_FACTS, features
from ground_motion.methods.coherence.network import NAME, CoherenceNet, network_of
from ground_motion.networks.coherence_heads import Window, WindowHead
from ground_motion.networks.residual_unet import ResidualUNet
from lab.coherence.training.samples import coherence_loss, coherence_over
from lab.gpu.drawn import batch_of, draw
from lab.simulation.seeds import Purpose, generator

TEACHER_WIDTHS, STUDENT_WIDTHS = (32, 64, 128, 256), (32, 48, 64)
TAUGHT_WEIGHT = 10.0  # Weight of the squared difference between student and teacher.
VALIDATION_BATCHES = 4
WIDE_WINDOW = (9, 9)


class HalfResolution(ResidualUNet):
    """A U-Net on cells of 2 x 2 pixels; a fourth of its channels belongs to each pixel of a cell."""

    def __init__(self, inputs: int, widths: Sequence[int] = STUDENT_WIDTHS) -> None:
        super().__init__(4 * inputs, widths)
        self.inputs, self.stride = inputs, 2 * self.stride

    def forward(self, images: Tensor) -> Tensor:
        """Return features, (n, widths[0] / 4, rows, cols). images: (n, inputs, rows, cols)."""
        return functional.pixel_shuffle(super().forward(functional.pixel_unshuffle(images, 2)), 2)


class Pair(nn.Module):
    """Teacher and student in one module, so that one loop trains, averages and validates both."""

    def __init__(self, teacher: Sequence[int] = TEACHER_WIDTHS, student: Sequence[int] = STUDENT_WIDTHS) -> None:
        super().__init__()
        self.teacher = network_of(NAME, teacher)
        self.student = CoherenceNet(WindowHead(student[0] // 4, WINDOW_FACTS), HalfResolution(INPUTS, student))


@dataclass(frozen=True)
class SideBySide:
    """Training task of `lab.training`: every batch is drawn on the device from its step's seed, so none comes twice."""

    device: torch.device
    batch_pairs: int
    size_px: int

    def batch(self, rng: np.random.Generator) -> Mapping[str, Tensor]:
        """Draw a batch on the device."""
        chance = torch.Generator(self.device).manual_seed(int(rng.integers(2**62)))
        with torch.no_grad():
            return batch_of(draw(chance, self.batch_pairs, self.size_px), chance)

    def loss(self, network: nn.Module, batch: Mapping[str, Tensor], progress: float) -> Tensor:
        """Return both losses and the distance of the student from the teacher. progress: of the training, unused."""
        truths = _truths(batch)
        teacher, student = (_estimates(getattr(network, name), batch, [*truths]) for name in ("teacher", "student"))
        each = [
            coherence_loss(taught, truth) + coherence_loss(own, truth) + TAUGHT_WEIGHT * _apart(own, taught)
            for taught, own, truth in zip(teacher, student, truths.values(), strict=True)
        ]
        return torch.stack(each).mean()

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return root mean square errors of both on validation pairs, by window."""
        squares: dict[str, list[float]] = {}
        for number in range(VALIDATION_BATCHES):
            batch = self.batch(generator(Purpose.VALIDATION, "gpu-pairs", number))
            for name in ("teacher", "student"):
                with torch.no_grad():
                    truths = _truths(batch)
                    found = _estimates(getattr(network, name), batch, [*truths])
                for (window, truth), estimate in zip(truths.items(), found, strict=True):
                    key = f"rmse_{name}_{'scatterers' if window is None else f'{window[0]}x{window[1]}'}"
                    squares.setdefault(key, []).append(float((estimate.coherence - truth).square().mean()))
        return {key: float(np.sqrt(np.mean(values))) for key, values in squares.items()}


def _truths(batch: Mapping[str, Tensor]) -> dict[Window | None, Tensor]:
    """Return the true coherence by window, SCATTERERS first."""
    moments = batch["moments"]
    return {SCATTERERS: batch["gamma"]} | {
        window: coherence_over(moments, window) for window in (SAMPLE_WINDOW, WIDE_WINDOW)
    }


def _estimates(net: nn.Module, batch: Mapping[str, Tensor], windows: Sequence[Window | None]) -> list[Estimate]:
    if not isinstance(net, CoherenceNet):
        raise TypeError(f"{type(net).__name__} is no network of coherence")
    seen = features(batch["log_power"], None, batch["facts"])
    return net.answer(net.pixel_features(seen.image), seen.planes, batch["facts"], windows)


def _apart(own: Estimate, taught: Estimate) -> Tensor:
    return (own.coherence - taught.coherence.detach()).square().mean()
