"""ResNet-18 of half the width, which says whether an image shows motion (He et al. 2016, arXiv:1512.03385).

Its first convolution is AlexNet's, 11 × 11 in steps of 4, which is meant for images of 227 pixels.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

WIDTHS = (32, 32, 64, 128, 256)  # half of the usual


class ResNet18(nn.Module):
    """Classifier of images with one channel, 2.8 million parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, WIDTHS[0], 11, stride=4, padding=5, bias=False),
            nn.BatchNorm2d(WIDTHS[0]),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        stages = [(_Block(width, to, 1 if width == to else 2), _Block(to, to, 1)) for width, to in pairwise(WIDTHS)]
        self.blocks = nn.Sequential(*(block for stage in stages for block in stage))
        self.head = nn.Linear(WIDTHS[-1], 1)

    def forward(self, image: Tensor) -> Tensor:
        """Map images (n, 1, rows, cols) to logits of motion, (n,)."""
        return self.head(self.blocks(self.stem(image)).mean(dim=(2, 3)))[:, 0]  # type: ignore[no-any-return]


class _Block(nn.Module):
    """Two 3 × 3 convolutions added to their input."""

    def __init__(self, width: int, to: int, stride: int) -> None:
        super().__init__()
        self.convolved = nn.Sequential(
            nn.Conv2d(width, to, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(to),
            nn.ReLU(inplace=True),
            nn.Conv2d(to, to, 3, padding=1, bias=False),
            nn.BatchNorm2d(to),
        )
        kept = nn.Sequential(nn.Conv2d(width, to, 1, stride=stride, bias=False), nn.BatchNorm2d(to))
        self.kept = nn.Identity() if width == to else kept

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.convolved(x) + self.kept(x))
