"""The residual U-Net: how far it sees, and what it takes over from the network of Sica et al."""

import torch

from ground_motion.methods.coherence import SICA
from ground_motion.methods.coherence.network import load_shipped, network_of
from ground_motion.networks.residual_unet import REACH_PX, ResidualUNet
from ground_motion.runtime.checkpoints import WEIGHTS
from lab.coherence.training.task import take_unet


def test_no_pixel_beyond_the_reach_has_an_effect():
    torch.manual_seed(0)
    network, reach = ResidualUNet(2).eval(), []
    for pixel in range(80, 80 + network.stride):
        images = torch.randn(1, 2, 168, 168, requires_grad=True)
        network(images)[0, :, pixel, pixel].sum().backward()
        reach.append(int((torch.nonzero(images.grad[0].abs().sum(dim=0)) - pixel).abs().max()))
    assert REACH_PX - network.stride < max(reach) <= REACH_PX


def test_the_layers_of_the_other_network_give_its_features_and_further_inputs_have_no_effect_yet():
    net, sica = network_of("coherence").eval(), load_shipped(torch.device("cpu"), SICA).net
    take_unet(net.unet, WEIGHTS)
    image = torch.randn(1, 16, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(net.unet(image), sica.pixel_features(image), rtol=1e-3, atol=1e-3)
