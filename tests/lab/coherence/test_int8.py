"""What int8 keeps of the coherence network."""

import pytest
import torch

from lab.coherence.int8 import CPU, Int8Conv, levels_of, quantised, rectified_inputs, scales
from lab.coherence.training.scenes import coherence_pair
from lab.simulation.seeds import Purpose, generator
from ml.coherence import network
from ml.coherence.registration import facts_of

multiplies = torch.cpu.get_capabilities()
needs_vnni = pytest.mark.skipif(
    not (multiplies.get("avx512_vnni") or multiplies.get("avx_vnni")), reason="sums of products saturate without VNNI"
)


def test_values_become_the_nearest_level_and_negative_ones_none():
    values = torch.tensor([-3.0, 0.0, 0.24, 0.26, 1.0, 127.5, 400.0]).reshape(1, 1, 1, -1)
    assert levels_of(values, 0.5).flatten().tolist() == [0, 0, 0, 1, 2, 255, 255]
    many = torch.rand(2, 16, 300, 301).mul_(255)
    assert torch.equal(levels_of(many, 1.0), many.round().to(torch.uint8))


@needs_vnni
def test_a_convolution_of_levels_is_exact_where_weights_and_values_are_levels():
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(16, 8, 3, padding=1)
    conv.weight.data = torch.randint(-127, 128, conv.weight.shape).float()
    conv.weight.data[:, 0, 0, 0] = 127.0
    values = torch.randint(0, 256, (1, 16, 20, 30)).float().contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        assert torch.allclose(Int8Conv(conv, 1.0)(values), conv(values), rtol=1e-6, atol=0.1)


@needs_vnni
def test_coherence_in_int8_is_nearly_that_of_float32(monkeypatch):
    monkeypatch.setenv("ML_PRECISION", "float32")
    shipped = network.shipped(CPU)
    pair = coherence_pair(generator(Purpose.TEST, "int8", 0), 128)
    by_name = scales(shipped, [pair])
    assert by_name.keys() == rectified_inputs(shipped.unet).keys()
    power = torch.from_numpy(pair.power)
    facts = facts_of([power], pair.looks)
    exact, small = (
        net.estimate(power, facts)["scatterers"].coherence for net in (shipped, quantised(shipped, by_name))
    )
    assert 0 < float((exact - small).square().nanmean().sqrt()) < 0.005
