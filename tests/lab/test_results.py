"""A figure names the code, the decision and the weights that made it, and is stale when they change."""

import json

import pytest

from lab import results
from lab.benchmark import over_seeds
from ml.runtime.checkpoints import read_card
from ml.statistics.intervals import proportion


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with one module of code and one card."""
    monkeypatch.setattr(results, "ROOT", tmp_path)
    for folder in ("ml/weights", "lab"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "ml" / "code.py").write_text('"""Say what."""\n\nLIMIT = 3  # since\n')
    (tmp_path / "ml" / "weights" / "m.json").write_text(json.dumps({"settings": {"offset": 1}, "training": {}}))
    return tmp_path


def made_by(*files: str) -> dict:
    return {"code": results.code_of(files)}


@pytest.mark.parametrize(
    ("file", "text", "stale"),
    [
        ("ml/code.py", '"""Say it better."""\n\n\nLIMIT = 3\n', False),
        ("ml/code.py", '"""Say what."""\n\nLIMIT = 4  # since\n', True),
        ("ml/weights/m.json", '{"training": {"steps": 9}, "settings": {"offset": 1}}', False),
        ("ml/weights/m.json", '{"settings": {"offset": 2}}', True),
        ("ml/weights/m.safetensors", "other", True),
    ],
)
def test_a_figure_is_stale_when_code_decision_or_weights_change_and_not_when_a_comment_does(project, file, text, stale):
    (project / "ml" / "weights" / "m.safetensors").write_text("weights")
    content = made_by("ml/code.py", "ml/weights/m.json", "ml/weights/m.safetensors")
    assert not results.is_stale(content)
    (project / file).write_text(text)
    assert results.is_stale(content) == stale


def test_a_figure_of_a_file_that_is_gone_is_stale(project):
    content = made_by("ml/code.py")
    (project / "ml" / "code.py").unlink()
    assert results.is_stale(content)


def seen(seed: int) -> float:
    """Use code of one module, and a card."""
    return proportion(seed, 9).value + len(read_card("deformation").version)


def test_what_runs_and_what_is_opened_is_recorded_also_in_other_processes():
    with results.recording() as here:
        proportion(1, 2)
    assert here == {"ml/statistics/intervals.py"}
    expected = {"ml/statistics/intervals.py", "ml/runtime/checkpoints.py", "ml/weights/deformation.json"}
    for processes in (1, 2):
        with results.recording() as files:
            assert len(over_seeds(seen, 3, processes=processes)) == 3
        assert files == expected
