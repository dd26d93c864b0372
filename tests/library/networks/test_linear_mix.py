"""The linear mix of classical estimates: the wanted window is one of its inputs."""

import torch

from ground_motion.networks.coherence_heads import CLASSICAL, LinearMix, classical
from ground_motion.runtime.box_mean import box_mean

NONE = torch.zeros(1, 0)  # features and facts, which a mix does not read


def test_a_mix_with_one_coefficient_is_that_estimate_over_the_wanted_window():
    torch.manual_seed(1)
    planes, looks = torch.rand(1, 8, 24, 24) + 0.1, torch.tensor([4.0])
    planes[:, 7] = 1.0
    mix = LinearMix()
    for found in mix(NONE, planes, looks, [((3, 11), NONE), (None, NONE)]):
        assert float(found[:, 0].abs().max().detach()) < 1e-6  # a half, before training
    with torch.no_grad():
        mix.mixes[0].bias.zero_()
        mix.mixes[0].weight[0, -CLASSICAL] = 1.0  # of the correlation of amplitudes over the wanted window
    for window in ((3, 11), (7, 7)):
        (found,) = mix(NONE, planes, looks, [(window, NONE)])
        wanted = classical(box_mean(planes, window), looks)[:, 0].clamp(0.001, 0.999)
        torch.testing.assert_close(torch.sigmoid(found[:, 0].detach()), wanted)
