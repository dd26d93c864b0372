"""A large pair gives tile by tile what it gives as a whole."""

import numpy as np
import pytest
import torch

from ground_motion.methods.coherence.infer import estimate_coherence
from ground_motion.methods.offsets.infer import track_offsets
from ground_motion.rasters import tiling
from ground_motion.rasters.tiling import compute_tiles, tiles
from ground_motion.rasters.windows import Window
from ground_motion.runtime.ahead import AT_ONCE
from tests.makers.offset_pairs import speckle

CPU = torch.device("cpu")


def test_tiles_cover_every_pixel_once_and_begin_at_whole_postings():
    seen = np.zeros((330, 270), dtype=int)
    for core, outer in tiles((330, 270), halo=13, posting=8, core=100):
        seen[core.row : core.row + core.rows, core.col : core.col + core.cols] += 1
        assert core.row % 8 == core.col % 8 == outer.row % 8 == outer.col % 8 == 0
        assert outer.row <= max(0, core.row - 13)
        assert outer.row + outer.rows >= min(330, core.row + core.rows + 13)
    assert (seen == 1).all()


@pytest.mark.parametrize("core", [96, 128, 200])
def test_offsets_and_coherence_do_not_know_where_tiles_end(core, monkeypatch):
    pair = speckle()
    whole = track_offsets(pair, "multi-kernel", CPU).bands | estimate_coherence(pair, "guarnieri-prati", CPU).bands
    monkeypatch.setattr(tiling.compute_tiles, "__defaults__", (1, core, None, AT_ONCE))
    cut = track_offsets(pair, "multi-kernel", CPU).bands | estimate_coherence(pair, "guarnieri-prati", CPU).bands
    assert np.isfinite(whole["dx_px"]).mean() > 0.3
    for name, values in whole.items():
        np.testing.assert_array_equal(np.isfinite(cut[name]), np.isfinite(values), err_msg=name)
        np.testing.assert_allclose(cut[name], values, atol=1e-3, err_msg=name)


def test_a_tile_in_which_nothing_is_known_is_not_worked_on():
    pair = speckle()
    for image in pair[:2]:
        image[:, 128:] = np.nan
    worked = []

    def work(images, _):
        worked.append(images.shape)
        return {"first": images[0]}

    bands = compute_tiles(pair.source(), work, halo=0, core=128)
    assert len(worked) == 3
    np.testing.assert_array_equal(bands["first"], np.where(np.isfinite(pair.secondary), pair.reference, np.nan))


def test_a_large_pair_is_sampled_and_not_read_wholly(monkeypatch):
    monkeypatch.setattr(tiling, "CORE_PX", 64)
    monkeypatch.setattr(tiling, "SAMPLE_PX", 32)
    read: list[Window] = []
    source = speckle().source()
    pieces = tiling.samples(source._replace(read=lambda at: read.append(at) or source.read(at)))
    assert len(read) == tiling.SAMPLES
    assert all((at.rows, at.cols) == (32, 32) for at in read)
    assert 8 <= len(pieces) < tiling.SAMPLES  # one lies in the hole, four partly in the border


def test_small_squares_of_a_large_pair_are_each_read_once_and_few_of_them_give_way_to_large_ones(monkeypatch):
    monkeypatch.setattr(tiling, "SQUARE_PX", 16)
    read: list[Window] = []
    source = speckle().source()
    counted = source._replace(read=lambda at: read.append(at) or source.read(at))
    pieces = tiling.squares(counted)
    assert len(read) == len({*read}) == tiling.SQUARES
    assert {piece.shape[1:] for piece in pieces} == {(16, 16)}
    monkeypatch.setattr(tiling, "MIN_SQUARES", tiling.SQUARES + 1)
    assert [piece.shape[1:] for piece in tiling.squares(counted)] == [source.shape]
