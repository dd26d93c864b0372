"""Regions found strip by strip are those of the whole, whatever their shape and wherever it is cut."""

import numpy as np
import pytest
from scipy import ndimage

from ground_motion.rasters.regions import Region, regions, regions_by_strips
from ground_motion.rasters.windows import Window


def by_strips(score: np.ndarray, rows: int) -> list[Region]:
    read = []

    def part(at: Window) -> np.ndarray:
        read.append(at)
        return score[at.row : at.row + at.rows, at.col : at.col + at.cols]

    found = list(regions_by_strips(part, score.shape, 2.0, 1.0, rows))
    strips = -(-score.shape[0] // rows)
    assert max(at.rows for at in read[:strips]) <= rows
    assert [(slice(at.row, at.row + at.rows), slice(at.col, at.col + at.cols)) for at in read[strips:]] == [
        region.window for region in found
    ]
    return found


@pytest.mark.parametrize("rows", [1, 2, 7, 50, 64])
@pytest.mark.parametrize("smooth", [0.0, 1.0, 2.5])
def test_regions_found_by_strips_are_those_of_the_whole(rows, smooth):
    score = ndimage.gaussian_filter(np.random.default_rng(3).normal(0, 1, (50, 90)), smooth)
    score = (1.3 * score / score.std()).astype(np.float32)
    score[10:14, 20:40] = np.nan
    whole = list(regions(score, 2.0, 1.0))
    found = by_strips(score, rows)
    assert [region.window for region in found] == [region.window for region in whole]
    assert all((one.mask == other.mask).all() for one, other in zip(found, whole, strict=True))
    assert len(whole) > 3


def test_a_ring_that_every_strip_cuts_is_one_region():
    row, col = np.mgrid[-20:21, -20:21]
    away = np.hypot(row, col)
    score = np.where((away > 12) & (away < 16), 1.5, 0).astype(np.float32)
    assert by_strips(score, 4) == []
    score[20, 34] = 3
    (region,) = by_strips(score, 4)
    assert region.mask.sum() == (score > 0).sum()
