"""Parts of several networks. None of them normalises over the image: distant ground must not affect a result."""

import torch
from torch import Tensor, nn


class Residual(nn.Module):
    """Two 3 × 3 convolutions whose output is added to their input; initially they add zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.kaiming_normal_(self.first.weight, nonlinearity="relu")
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, rows, cols) to the same shape."""
        return x + self.second(torch.relu(self.first(torch.relu(x))))  # type: ignore[no-any-return]


class Down(nn.Module):
    """Layer that halves rows and columns: every 2 × 2 cells become one."""

    def __init__(self, width: int, to: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(width, to, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, 2 rows, 2 cols) to (n, to, rows, cols)."""
        return self.mix(x)  # type: ignore[no-any-return]


class Up(nn.Module):
    """Layer that doubles rows and columns, then adds the features of that size from the encoder."""

    def __init__(self, width: int, to: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(width, to, 1)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """Map (n, width, rows, cols) and (n, to, 2 rows, 2 cols) to the latter's shape."""
        return seen + nn.functional.interpolate(self.mix(x), scale_factor=2, mode="nearest")
