"""A small classifier of wrapped patches: is there ground motion in the middle of this one?

After Anantrasirichai et al. (arXiv:2005.03221), scaled down: they adapt AlexNet to 227 px patches; a tile here has
100 px, so patches have PATCH px and the network 0.1 M parameters.
"""

import torch
from torch import Tensor, nn

PATCH = 32


class PatchClassifier(nn.Module):
    """Four convolutions, each followed by a pooling to half the size, and two layers that decide."""

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 64)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for width in widths:
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            before = width
        self.features = nn.Sequential(*layers)
        side = PATCH // 2 ** len(widths)
        self.decide = nn.Sequential(nn.Linear(before * side**2, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, phase_rad: Tensor) -> Tensor:
        """(n, 1, PATCH, PATCH) in [−π, π) to logits (n,)."""
        return self.decide(torch.flatten(self.features(phase_rad), 1))[:, 0]  # type: ignore[no-any-return]
