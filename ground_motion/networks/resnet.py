"""ResNet-18, which says whether an image shows motion (He et al. 2016, arXiv:1512.03385)."""

from itertools import pairwise

import torch
from torch import Tensor, nn

WIDTHS = (64, 64, 128, 256, 512)


class ResNet18(nn.Module):
    """Classifier of images with one channel, 11.2 million parameters at full rank, 4 million at rank 64.

    rank: of the 3 × 3 convolutions of the last stage, where three quarters of the parameters are; None for full rank.
    """

    def __init__(self, rank: int | None = None) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, WIDTHS[0], 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(WIDTHS[0]),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        stages = []
        for width, to in pairwise(WIDTHS):
            limit = rank if to == WIDTHS[-1] else None
            stages += [_Block(width, to, 1 if width == to else 2, limit), _Block(to, to, 1, limit)]
        self.blocks = nn.Sequential(*stages)
        self.head = nn.Linear(WIDTHS[-1], 1)

    def forward(self, image: Tensor) -> Tensor:
        """Map images (n, 1, rows, cols) to logits of motion, (n,)."""
        return self.head(self.blocks(self.stem(image)).mean(dim=(2, 3)))[:, 0]  # type: ignore[no-any-return]

    def reduce(self, rank: int) -> None:
        """Replace the last stage by the nearest one of a rank (truncated singular value decomposition)."""
        weights = self.blocks.state_dict()
        self.blocks = ResNet18(rank).blocks
        for name in self.blocks.state_dict():
            if name not in weights and name.endswith(".0.weight"):
                whole = weights.pop(f"{name.removesuffix('.0.weight')}.weight")  # (to, width, 3, 3)
                left, strength, right = torch.linalg.svd(whole.flatten(1), full_matrices=False)
                root = strength[:rank].sqrt()
                weights[name] = (root[:, None] * right[:rank]).reshape(rank, *whole.shape[1:])
                weights[name.replace(".0.weight", ".1.weight")] = (left[:, :rank] * root)[..., None, None]
        self.blocks.load_state_dict(weights)
        self.blocks.train(self.training)


class _Block(nn.Module):
    """Two 3 × 3 convolutions added to their input."""

    def __init__(self, width: int, to: int, stride: int, rank: int | None) -> None:
        super().__init__()
        self.convolved = nn.Sequential(
            _convolution(width, to, stride, rank),
            nn.BatchNorm2d(to),
            nn.ReLU(inplace=True),
            _convolution(to, to, 1, rank),
            nn.BatchNorm2d(to),
        )
        kept = nn.Sequential(nn.Conv2d(width, to, 1, stride=stride, bias=False), nn.BatchNorm2d(to))
        self.kept = nn.Identity() if width == to else kept

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.convolved(x) + self.kept(x))


def _convolution(width: int, to: int, stride: int, rank: int | None) -> nn.Module:
    """Return a 3 × 3 convolution, or one to `rank` channels and a 1 × 1 convolution that mixes them."""
    first = nn.Conv2d(width, rank or to, 3, stride=stride, padding=1, bias=False)
    return first if rank is None else nn.Sequential(first, nn.Conv2d(rank, to, 1, bias=False))
