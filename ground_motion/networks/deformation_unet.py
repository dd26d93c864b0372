"""A U-Net on velocity fields of one track or several.

Cells are first gathered 2 × 2, so that no costly layer runs at full size. The same stem processes each track; the
tracks are then joined (weighted mean and maximum), so that the same weights serve any number of them. Each size also
gets the plain weighted mean of the rates at that size, which is a matched filter.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from ground_motion.networks.blocks import Down, Residual, Up

LEVELS = 4
RATE, WEIGHT = 0, 1  # Channels of the plain mean: rate in mm/yr (0: unknown), and weight.
THRESHOLDS_MM_YR = (1.0, 2.0, 3.0)


class DeformationUnet(nn.Module):
    """U-Net over tracks.

    channels: of each track, RATE and WEIGHT before the others; widths: at a half, quarter, eighth, sixteenth.

    means: whether each size gets the plain means. Output channels: logits of motion by at least THRESHOLDS_MM_YR,
    logits of the `kinds`, and arcsinh of half the rate in mm/yr.
    """

    def __init__(
        self,
        channels: int = 6,
        widths: tuple[int, ...] = (48, 64, 96, 128),
        kinds: int = 5,
        means: bool = True,
    ) -> None:
        super().__init__()
        self.channels, self.kinds, self.means = channels, kinds, means
        extra = 3 if means else 0
        self.stem = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(4 * (channels - 1), widths[0], 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(widths[0], widths[0] + 1, 3, padding=1),
        )
        self.join = nn.Conv2d(2 * widths[0] + 1 + extra, widths[0], 1)
        self.enter = nn.ModuleList(Residual(width) for width in widths[1:])
        self.down = nn.ModuleList(Down(width, to) for width, to in pairwise(widths))
        self.show = nn.ModuleList(nn.Conv2d(extra, width, 1) for width in widths[1:] if means)
        self.bottom = Residual(widths[-1])
        self.up = nn.ModuleList(Up(width, to) for width, to in zip(widths[1:], widths, strict=False))
        self.leave = nn.ModuleList(Residual(width) for width in widths[:-1])
        self.head = nn.Conv2d(widths[0], 4 * (len(THRESHOLDS_MM_YR) + kinds + 1), 1)
        with torch.no_grad():
            self.head.weight.mul_(0.1)

    def forward(self, image: Tensor, tracks: int = 1) -> Tensor:
        """Apply the network. image: (n · tracks, channels, rows, cols), the tracks of a place one after the other.

        Returns (n, thresholds + kinds + 1, rows, cols).
        """
        means = self._means(image, tracks) if self.means else []
        seen = self.stem(torch.cat([torch.arcsinh(image[:, :1] / 2), image[:, 2:]], dim=1))
        x = self.join(torch.cat([*_join(seen, tracks), *means[:1]], dim=1))
        kept = [x]
        for level, (down, enter) in enumerate(zip(self.down, self.enter, strict=True)):
            x = down(x)
            if self.means:
                x = x + self.show[level](means[level + 1])
            x = enter(x)
            kept.append(x)
        x = self.bottom(x)
        for level in reversed(range(len(self.leave))):
            x = self.leave[level](self.up[level](x, kept[level]))
        return functional.pixel_shuffle(self.head(torch.relu(x)), 2)

    def _means(self, image: Tensor, tracks: int) -> list[Tensor]:
        """Return mean rate over tracks, spread between tracks, and weight, for each size, (n, 3, …)."""
        weight = image[:, WEIGHT : WEIGHT + 1].float()
        total = torch.cat([image[:, RATE : RATE + 1].float() * weight, weight], dim=1)
        levels = []
        for _ in range(LEVELS):
            total = functional.avg_pool2d(total, 2) * 4
            parts = total.view(-1, tracks, *total.shape[1:])  # (n, tracks, 2, rows, cols)
            support = parts[:, :, 1:].sum(dim=1)
            mean = parts[:, :, :1].sum(dim=1) / support.clamp_min(1e-3)
            each = parts[:, :, :1] / parts[:, :, 1:].clamp_min(1e-3)
            off = (parts[:, :, 1:] * (each - mean[:, None]).square()).sum(dim=1) / support.clamp_min(1e-3)
            levels.append(
                torch.cat([torch.arcsinh(mean / 2), torch.arcsinh(off.clamp_min(1e-6).sqrt()), torch.log1p(support)], 1)
            )
        return levels


def _join(seen: Tensor, tracks: int) -> list[Tensor]:
    """Join the tracks' features: weighted mean, maximum and sum of weights. seen: its last channel is the weight."""
    if tracks == 1:
        features = torch.relu(seen[:, :-1])
        return [features, features, torch.sigmoid(seen[:, -1:])]
    parts = seen.reshape(-1, tracks, *seen.shape[1:])  # (n, tracks, width + 1, rows, cols)
    weight = functional.logsigmoid(parts[:, :, -1:])
    # The softmax avoids a quotient of tiny weights.
    features, shares = torch.relu(parts[:, :, :-1]), torch.softmax(weight, dim=1)
    return [(features * shares).sum(dim=1), features.amax(dim=1), weight.exp().sum(dim=1)]
