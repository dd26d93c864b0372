"""What each track of a place says of bowls of one radius, and what all of them say together."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

SHOWN_ELSEWHERE = 0.3  # Every other track must show this share of a bowl's rate, with either sign.
MAX_AGAINST = 3.0  # Decades; a limit, because a slide along one line of sight is hidden from the other.
MIN_POINTS = 5.0  # A bowl needs this many points under it.
# All cells under a bowl share an error of this standard deviation, which the noise covariance does not contain.
SHARED_MM_YR = 0.3


class BowlFits(NamedTuple):
    """Bowls of one radius, (rows, cols): numerator, its variance (the information), number of points.

    against: decades by which other tracks contradict them.
    """

    along: Tensor
    information: Tensor
    points: Tensor
    against: Tensor | float = 0.0

    @property
    def known(self) -> Tensor:
        """Return where enough points lie under the bowl."""
        return (self.points >= MIN_POINTS) & (self.information > 0)

    @property
    def amplitude(self) -> Tensor:
        """Return the fitted amplitude, mm/yr."""
        return self.along / self.information.clamp_min(1e-9)

    @property
    def error(self) -> Tensor:
        """Return the standard deviation of the amplitude, mm/yr."""
        return (1 / self.information.clamp_min(1e-9) + SHARED_MM_YR**2).sqrt()


def together(views: Sequence[BowlFits]) -> list[BowlFits]:
    """Return the views of the tracks, and of all of them together, each with what the other tracks say against it."""
    if len(views) < 2:
        return [*views]
    against = [
        torch.stack([_contradiction(view, other) for other in views if other is not view]).amax(dim=0) for view in views
    ]
    alone = [view._replace(against=said) for view, said in zip(views, against, strict=True)]
    along, information, points = (torch.stack(planes).sum(dim=0) for planes in list(zip(*views, strict=True))[:3])
    return [*alone, BowlFits(along, information, points, torch.stack(against).amax(dim=0))]


def _contradiction(view: BowlFits, other: BowlFits) -> Tensor:
    """Return by how many decades another track contradicts a bowl: it should show SHOWN_ELSEWHERE of it, up or down.

    Where the other has too few points it says nothing.
    """
    (seen, error), (shown, spread) = ((view.amplitude.abs(), view.error), (other.amplitude.abs(), other.error))
    missing = (SHOWN_ELSEWHERE * seen - shown).clamp_min(0)
    decades = missing**2 / (spread**2 + (SHOWN_ELSEWHERE * error) ** 2) / (2 * math.log(10))
    return torch.where(other.known & view.known, decades.clamp_max(MAX_AGAINST), 0.0)
