"""The benchmark of the GPU in miniature: it says what stands in the GPU's place, and its own arithmetic is checked."""

import numpy as np
import pytest
import torch

from lab.speed import gpu
from lab.speed.deformation import made_nation
from ml.deformation.gridding.cells import grid_robust
from ml.rasters.imagery import ImagePair

CPU = torch.device("cpu")


def test_without_a_gpu_the_host_alone_is_measured_and_the_report_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    report = gpu.run(rounds=1, size="1100x600", side_cells=64, points=2_000)
    names = [row["what"] for row in report["results"]]
    begins = ("coherence: images read", "offsets: images read", "coherence: cores that its four bands", "deformation")
    assert all(any(name.startswith(begin) for name in names) for begin in begins)
    assert not any(" on cuda" in name for name in names)
    assert all(row["value"] > 0 for row in report["results"])
    assert "no GPU" in report["note"]
    assert "1100x600" in report["note"]


def test_a_sink_finds_nothing_and_a_product_has_as_many_operations():
    out = gpu.Sink(6, 5)(torch.zeros(4, 6, 32, 48), tracks=2)
    assert out.shape == (2, 9, 32, 48)
    assert bool((out[:, :3] < -5).all())
    left = torch.rand(70, 90)
    assert gpu._operations(lambda: left @ left.T) == 2 * 70 * 90 * 70
    with_products = gpu._product(2 * 4096**3 // 512 * 3, torch.float32, CPU)  # three of 512
    assert gpu._operations(with_products) == 3 * 2 * 512**3


@pytest.mark.filterwarnings("ignore:CUDA is not available")
def test_every_task_is_measured_on_a_device():
    rng = np.random.default_rng(1)
    power = rng.gamma(4, 0.25, (2, 192, 192)).astype(np.float32)
    pair = ImagePair(power[0], 0.7 * power[0] + 0.3 * power[1], gpu.PLACE, 32632).source()
    rows = gpu.on_device(pair, grid_robust(made_nation(64, 2_000)), CPU, rounds=1)
    named = [row["what"].split(" ")[0] for row in rows]
    assert named == ["coherence"] * 2 + ["offsets"] * 2 + ["deformation"] * 2 + ["offsets"]
    shares = [row["value"] for row in rows if "host's share" in row["what"]]
    assert shares == [1.0] * 3  # on a CPU no kernel of a GPU runs
