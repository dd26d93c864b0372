"""Nested outlines on a rate surface, and the peaks of it that are separate places."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ground_motion.methods.deformation.gridding.points import Float64

EIGHT = np.ones((3, 3), dtype=bool)
LEVELS = 40
OWN_SHARE = 0.5  # A peak that rises above its saddle by less of its height belongs to the higher peak.
OWN_SIGMAS = 4.0
BoolMap = NDArray[np.bool_]


class Peak(NamedTuple):
    """A maximum of a height map. at: row and column; saddle: height at which it meets a higher peak, or the lowest."""

    at: tuple[int, int]
    height: float
    saddle: float


def peaks_of(height: Float64, sigma: Float64, lowest: float) -> list[Peak]:
    """Return the separate peaks above `lowest`, highest first; only the highest node if none exceeds it.

    height: (rows, cols), mm/yr in the direction of the motion, -inf where unknown; sigma: its standard error. A peak is
    a separate place if the outline at half its height contains no higher one: on every way to a higher one, the height
    falls by OWN_SHARE of the peak, and by OWN_SIGMAS errors.
    """
    summit = divmod(int(height.argmax()), height.shape[1])
    top = float(height[summit])
    if top <= lowest:
        return [Peak(summit, top, top)]
    alone: list[Peak] = []
    merged: list[Peak] = []
    for level in np.geomspace(top, lowest, LEVELS)[1:]:
        labels, n = ndimage.label(height >= level, structure=EIGHT)
        of: dict[int, Peak] = {}
        for peak in alone:  # highest first
            label = int(labels[peak.at])
            if label in of:
                merged.append(peak._replace(saddle=float(level)))
            else:
                of[label] = peak
        new = [label for label in range(1, n + 1) if label not in of]
        for label, at in zip(new, ndimage.maximum_position(height, labels, new) if new else (), strict=True):
            row, col = int(at[0]), int(at[1])
            of[label] = Peak((row, col), float(height[row, col]), lowest)
        alone = sorted(of.values(), key=lambda peak: -peak.height)
    own = [
        peak
        for peak in merged
        if peak.height - peak.saddle >= max(OWN_SIGMAS * float(sigma[peak.at]), OWN_SHARE * peak.height)
    ]
    return sorted([*alone, *own], key=lambda peak: -peak.height)


def fill_gaps(height: Float64, gap_nodes: float) -> Float64:
    """Fill gaps with the nearest height within gap_nodes, slightly lowered, so that no peak lies in a gap."""
    unknown = np.isinf(height)
    away, (row, col) = ndimage.distance_transform_edt(unknown, return_indices=True)
    return np.where(unknown & (away <= gap_nodes), height[row, col] - 1e-6, height)


def connected_above(height: Float64, at: tuple[int, int], level: float) -> BoolMap:
    """Return the connected nodes above a level that include the node `at`; at least that node."""
    mask = height >= min(level, float(height[at]))
    labels, _ = ndimage.label(mask, structure=EIGHT)
    return np.asarray(labels == labels[at])


def pieces(mask: BoolMap, gap_nodes: int) -> Iterator[BoolMap]:
    """Yield the parts of a mask that lie farther than gap_nodes from each other, largest first."""
    widened = ndimage.maximum_filter(mask.view(np.uint8), max(1, gap_nodes))
    labels, n = ndimage.label(widened, structure=EIGHT)
    labels[~mask] = 0
    sizes = np.bincount(labels.ravel(), minlength=n + 1)[1:]
    for label in np.argsort(-sizes, kind="stable") + 1:
        if sizes[label - 1]:
            yield labels == label
