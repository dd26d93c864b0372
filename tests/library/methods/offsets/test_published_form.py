"""The published form of the offsets network: plain correlation over several windows enters, and no law."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from ground_motion.methods.offsets import coarse, network
from ground_motion.methods.offsets.autocorrelation import LAGS_PX
from ground_motion.methods.offsets.baseline import grid_of_nodes
from ground_motion.methods.offsets.blocks import textures_of
from ground_motion.methods.offsets.correlate import correlate
from ground_motion.methods.offsets.evidence import evidence
from ground_motion.methods.offsets.texture import texture
from ground_motion.methods.offsets.tracking import KERNELS_PX, PRIOR, correlation_channels
from ground_motion.networks.cc_res_siamnet import NODE_PX, OFFSETS, WEIGHTS, CCResSiamNet
from tests.makers.offset_pairs import pair_of

CPU = torch.device("cpu")
MARGIN = 8


def textures(dx: float, dy: float, size: int = 320) -> torch.Tensor:
    pair = pair_of(dx, dy, size=size)
    return texture(torch.from_numpy(np.log(np.stack([pair.reference, pair.secondary]))))


def channels_of(images: torch.Tensor, start: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Offsets from the start and heights of all windows, (windows, 3, rows, cols), and the other channels."""
    held = evidence(images[0], functional.pad(images[1], (MARGIN,) * 4), start, MARGIN)
    seen = correlation_channels(held, start)
    assert len(seen) == PRIOR[OFFSETS]
    return seen[:-3].reshape(len(KERNELS_PX), 3, *start.shape[1:]), seen[-3:]


def test_every_window_finds_the_shift_that_the_start_left():
    start = torch.zeros(2, 40, 40)
    start[0], start[1] = 1, -1
    windows, (known, *beyond) = channels_of(textures(1.4, -1.3), start)
    for found in windows[:, :, 8:-8, 8:-8]:
        seen = found[2] > 0
        assert float(seen.float().mean()) > 0.95
        medians = [float(part[seen].median()) for part in found]
        assert medians[:2] == pytest.approx([0.4, -0.3], abs=0.06)
        assert 0.5 < medians[2] < 0.95
    assert bool((known[1:, :-1] == 1).all())
    assert not bool(torch.stack(beyond).any())


def test_a_window_has_the_peak_of_plain_normalised_correlation():
    images = textures(0.6, 0.2)
    row, col, shape = grid_of_nodes(images.shape[1:], NODE_PX, CPU)
    plain = correlate(images[0], images[1], row, col, 24, LAGS_PX)
    windows, _ = channels_of(images, torch.zeros(2, *shape))
    inner = (slice(3, -3), slice(3, -3))
    wanted = torch.stack(plain[:3]).reshape(3, *shape)[:, *inner]
    both = plain.known.reshape(shape)[inner] & (windows[1, 2][inner] > 0)
    assert float(both.float().mean()) > 0.95
    off = (windows[1][:, *inner] - wanted)[:, both].abs()
    assert float(off.quantile(0.95, dim=1).max()) < 0.05  # the secondary's energy is that of the window at the start


def test_what_does_not_match_has_no_offset_and_no_correlation():
    windows, _ = channels_of(torch.stack([textures(0.0, 0.0)[0], torch.zeros(320, 320)]), torch.zeros(2, 40, 40))
    assert not bool(windows.any())


@pytest.mark.parametrize(("form", "same"), [(OFFSETS, True), (WEIGHTS, False)])
def test_only_our_form_knows_the_law(form, same):
    torch.manual_seed(0)
    siamnet = CCResSiamNet(form, PRIOR[form]).eval()
    torch.nn.init.normal_(siamnet.answer.weight, std=0.1)
    tracker, source = network.Tracker(siamnet, CPU, exact=True), pair_of(0.4, -0.3, size=256).source()
    found = coarse.search_pair(textures_of(source, CPU), 6)
    smooth = functional.avg_pool2d(torch.from_numpy(np.stack(pair_of(0.4, -0.3, size=256)[:2])), 5, 1).numpy()
    own, other = (network.track_from(source, tracker, found, sampled=by).dx_px for by in ((), (smooth,)))
    assert bool(torch.isfinite(own).any())
    assert torch.equal(own.nan_to_num(), other.nan_to_num()) == same
