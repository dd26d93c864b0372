"""`model` means the shipped network of a task, on every command line and whatever it is stored as."""

import json

import numpy as np
import pytest
import rasterio
from affine import Affine
from django.core.management import CommandError, call_command

from ground_motion.cli.program import main
from ground_motion.runtime.methods import MODEL, method_of, methods, shipped_method
from lab.evaluate_command import TASKS
from lab.simulation.sar.recipes import homogeneous
from lab.simulation.seeds import Purpose, generator
from ml.models import ModelVersion
from ml.runs import services
from tests.makers.geotiff import write

SHIPPED = ("deformation", "coherence", "offsets")  # tasks with a network
EVERY = [row for task in ModelVersion.Task for row in methods(task).values()]


@pytest.mark.parametrize("task", SHIPPED)
def test_model_and_the_networks_own_name_mean_the_stored_method_with_weights(task):
    (row,) = (row for row in methods(task).values() if row.network)
    assert method_of(task, MODEL) == method_of(task, row.network) == row.name == shipped_method(task).name
    assert row.weights
    assert row.name == {"coherence": "residual-unet"}.get(task, MODEL)  # as rows of the database have it
    assert [method_of(task, name) for name in methods(task)] == list(methods(task))


@pytest.mark.parametrize("row", EVERY, ids=lambda row: f"{row.task} {row.name}")
def test_a_row_leads_to_code_constants_and_weights(row):
    assert callable(row.function)
    assert json.loads(json.dumps(row.parameters())) is not None
    assert bool(row.card()) == bool(row.weights)


@pytest.mark.parametrize("task", SHIPPED)
def test_every_benchmark_accepts_model(task, tmp_path, monkeypatch):
    benchmark = TASKS[task][0]
    wanted = []
    stub = benchmark._replace(
        evaluate=lambda method, size: wanted.append(method) or {}, truth_sha256=lambda size: "0" * 64
    )
    monkeypatch.setitem(TASKS, task, (stub,))
    written = tmp_path / "figures.json"
    assert main(["evaluate", task, "--method", MODEL, "--size", "1", "--json", str(written)]) == 0
    assert wanted == [shipped_method(task).name]
    assert json.loads(written.read_text())["method"] == shipped_method(task).name


@pytest.fixture
def inputs(tmp_path):
    """Of each task, files and how they are read."""
    pair = homogeneous(generator(Purpose.TEST, "methods", 1), 0.7, 0.0)
    values = [*pair.power[:, :128, :128], np.random.default_rng(3).normal(0, 1, (40, 40))]
    place = {"crs": "EPSG:32614", "transform": Affine(100, 0, 480_000, 0, -100, 2_150_000)}
    *images, velocity = (
        str(write(tmp_path / f"{n}.tif", one.astype(np.float32), **place)) for n, one in enumerate(values)
    )
    return {"coherence": images, "deformation": [velocity, "--unit", "mm/yr", "--positive", "toward"]}


@pytest.mark.parametrize("task", ["coherence", "deformation"])  # offsets have the arguments of coherence
def test_a_file_is_run_with_the_shipped_network_by_any_of_its_names(task, inputs, tmp_path):
    results = []
    for name in (MODEL, shipped_method(task).network):
        out = tmp_path / f"{name}.tif"
        assert main([task, *inputs[task], "--out", str(out), "--method", name]) == 0
        with rasterio.open(out) as raster:
            assert raster.tags()["method"] == shipped_method(task).name
            results.append(raster.read(1))
    np.testing.assert_array_equal(*results)


@pytest.mark.django_db
def test_manage_run_knows_networks_by_their_own_names_and_as_model_of_a_task(monkeypatch):
    queued = []
    monkeypatch.setattr(
        services, "runs_queue", lambda **which: queued.append((which["method"], str(which["task"]))) or []
    )
    for task in SHIPPED:
        call_command("run", shipped_method(task).network)
        call_command("run", MODEL, "--task", task)
    assert queued == [(shipped_method(task).name, task) for task in SHIPPED for _ in "ab"]
    with pytest.raises(CommandError, match="--task"):
        call_command("run", MODEL)
