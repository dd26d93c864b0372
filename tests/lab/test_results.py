"""A figure names the code, the decision and the weights that made it, and is stale when they change."""

import ast
import gc
from pathlib import Path

import pytest

from ground_motion.runtime.checkpoints import read_card
from ground_motion.statistics.intervals import proportion
from lab import results
from lab.benchmark import over_seeds
from lab.sources import tree

CODE = """\
import os

BASE = 2
LIMIT = BASE + 1
UNUSED = 1


def measure():
    \"\"\"Say what.\"\"\"
    return LIMIT  # since


def other():
    return 1
"""


ENDS = {"json": '{"settings": {"offset": 1}, "training": {}}', "safetensors": "weights"}  # card and weights, by suffix


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with one module of code, a card and weights."""
    monkeypatch.setattr(results, "ROOT", tmp_path)
    for folder in ("ground_motion/weights", "lab"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "ground_motion" / "code.py").write_text(CODE)
    for end, text in ENDS.items():
        (tmp_path / "ground_motion" / "weights" / f"m.{end}").write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "text", "stale"),
    [
        ("ground_motion/code.py", CODE.replace("Say what.", "Say it better.").replace("  # since", ""), False),
        ("ground_motion/code.py", CODE.replace("return 1", "return 2"), False),  # it did not run
        ("ground_motion/code.py", CODE.replace("return LIMIT", "return -LIMIT"), True),
        ("ground_motion/code.py", CODE.replace("UNUSED = 1", "UNUSED = 2"), False),
        ("ground_motion/code.py", CODE.replace("BASE = 2", "BASE = 3"), True),
        ("ground_motion/code.py", CODE.replace("measure", "renamed"), True),
        ("ground_motion/weights/m.json", '{"training": {"steps": 9}, "settings": {"offset": 1}}', False),
        ("ground_motion/weights/m.json", '{"settings": {"offset": 2}}', True),
        ("ground_motion/weights/m.safetensors", "other", True),
        ("ground_motion/weights/m.safetensors", None, True),
    ],
)
def test_a_figure_is_stale_when_code_decision_or_weights_change_and_not_when_a_comment_does(project, file, text, stale):
    used = {("ground_motion/code.py", "measure"), *((f"ground_motion/weights/m.{end}", "") for end in ENDS)}
    content = {"code": results.code_of(used)}
    assert not results.changed_files(content)
    (project / file).unlink()
    if text is not None:
        (project / file).write_text(text)
    assert results.changed_files(content) == [file] * stale


USERS = ("lab/first.py", "lab/second.py")
USER = """\
from ground_motion.code import measure
METHOD = "ground_motion.code:measure"
FOLDER = Path(__file__).parents[1] / "weights"


def run():
    from ground_motion import code

    return code, measure(), METHOD, FOLDER
"""


@pytest.mark.parametrize(("text", "stale"), [(None, False), ("return LIMIT + 1", True)])
def test_a_module_that_is_moved_makes_no_figure_stale_and_a_changed_line_all_that_depend_on_it(project, text, stale):
    for user in USERS:
        (project / user).write_text(USER)
    figures = [{"code": results.code_of({("ground_motion/code.py", "measure"), (user, "run")})} for user in USERS]
    (project / "ground_motion" / "code.py").unlink()
    (project / "lab" / "new").mkdir()
    (project / "lab" / "new" / "place.py").write_text(CODE.replace("return LIMIT", text or "return LIMIT"))
    for user in USERS:
        (project / user).write_text(USER.replace("ground_motion", "lab.new").replace("[1]", "[2]"))
    assert [results.changed_files(figure) for figure in figures] == [["ground_motion/code.py"] * stale] * 2


def seen(seed: int) -> float:
    """Use code of one module, and a card."""
    return proportion(seed, 9).value + len(read_card("deformation").version)


def test_what_runs_and_what_is_opened_is_recorded_also_in_other_processes():
    with results.recording() as here:
        proportion(1, 2)
    assert here == {("ground_motion/statistics/intervals.py", "proportion")}
    card = {("ground_motion/runtime/checkpoints.py", "read_card"), ("ground_motion/weights/deformation.json", "")}
    for processes in (1, 2):
        with results.recording() as used:
            assert len(over_seeds(seen, 3, processes=processes)) == 3
        assert used >= here | card
        assert not any(name.startswith("tests") for name, _ in used)


def test_code_is_parsed_beside_a_finaliser_that_parses():
    class Finalised:
        def __init__(self) -> None:
            self.itself = self  # Only the garbage collector frees it.

        def __del__(self) -> None:
            ast.parse("f(a)")  # noqa: TID251

    code, threshold = Path(results.__file__).read_bytes(), gc.get_threshold()
    gc.set_threshold(50)
    try:
        for _ in range(9):
            Finalised()
            assert tree(code).body
    finally:
        gc.set_threshold(*threshold)
