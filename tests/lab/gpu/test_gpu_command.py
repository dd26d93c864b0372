"""`scripts/gpu` in a size for a CPU, and without the packages that a machine lent for its card lacks."""

import json
import subprocess
import sys

import torch

from ground_motion.runtime.box_mean import box_mean
from lab import training
from lab.coherence.training.samples import coherence_over
from lab.figures import ROOT
from lab.gpu import run
from lab.gpu.drawn import batch_of, draw

CPU = torch.device("cpu")
LACKING = ("django", "celery", "rasterio", "pyproj", "shapely", "pyarrow", "h5py")


def chance(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_drawn_speckle_has_the_power_of_its_ground_and_the_coherence_it_states():
    drawn = draw(chance(3), 6, 96)
    sample = coherence_over(drawn.moments, (15, 15))
    smooth = box_mean(drawn.gamma, 15)
    inner = (slice(None), slice(16, -16), slice(16, -16))
    assert torch.isfinite(drawn.power).all()
    assert (sample[inner] - smooth[inner]).abs().mean() < 0.15
    assert torch.corrcoef(torch.stack([sample[inner].flatten(), smooth[inner].flatten()]))[0, 1] > 0.8


def test_no_two_batches_are_alike_and_the_same_seed_gives_the_same():
    one, other, again = (batch_of(draw(chance(seed), 2, 48), chance(seed)) for seed in (1, 2, 1))
    assert not torch.equal(one["log_power"], other["log_power"])
    assert all(torch.equal(one[name], again[name]) for name in one)


def test_the_command_runs_whole_on_a_cpu(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "SETTLED", 2)
    figures = run.run(CPU, tmp_path, minutes=1.0, steps=4, small=True)
    assert [row["name"] for row in figures["inference"]] == ["coherence", "offsets", "deformation"]
    assert all(row["speed"] > 0 and row["largest_difference"] == 0 for row in figures["inference"])
    assert figures["training"]["steps"] == 4
    assert figures["training"]["pairs"] == 8
    assert json.loads((tmp_path / "figures.json").read_text())["training"] == figures["training"]
    for name in ("coherence-teacher", "coherence-student"):
        assert (tmp_path / "training" / f"{name}.safetensors").exists()
    assert (tmp_path / "training" / "log.jsonl").read_text()


def test_the_command_imports_no_package_that_the_machine_lacks():
    code = f"import sys; from lab.gpu import run; print({{*{LACKING}}} & {{*sys.modules}})"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == "set()\n"
