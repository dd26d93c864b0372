"""Sources, tests and documents weigh what weights.toml says, and sums rise only with a reason that stands there."""

import os
import subprocess
import sys
from itertools import pairwise

import pytest

from lab.checks import weights
from lab.checks.weights import FILE, ROOT, Raise, Record, Seconds
from tests.seconds import part, used_seconds

RECORD = weights.read((ROOT / FILE).read_text(encoding="utf-8"))
MODULE = '''"""Docstring
of two lines."""

import os  # This line is code.


def outer(values: dict[str, Any]) -> int:
    """One line."""
    # A comment is not counted.

    return helper(values)


def helper(values: dict[str, Any]) -> int:
    return len(values)


@registered
def decorated() -> int:
    return outer({}) + outer({})
'''


def test_all_counts_are_those_of_the_file():
    """Lighter counts are written down, too: else another change could be as much heavier."""
    assert weights.differences(RECORD, weights.count(ROOT, RECORD.packages)) == [], f"run {weights.COMMAND}"


def test_every_folder_of_python_is_weighed():
    folders = [path for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "." and path.name != "var"]
    assert {path.name for path in folders if any(path.rglob("*.py"))} == {*RECORD.packages, "tests"}


def test_every_raise_names_its_unit_its_day_and_its_reason():
    for row in RECORD.raises:
        assert row.unit in RECORD.weights
        assert row.by > 0
        assert len(row.date) == len("2026-11-30")
        assert len(row.reason.split()) > 2


def test_no_sum_rose_without_a_reason_in_the_last_changes():
    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=True).stdout

    if not (ROOT / ".git").exists():
        pytest.skip("no checkout, thus no earlier weights")
    commits = git("log", "--first-parent", "--reverse", "--max-count=20", "--format=%H", "--", FILE).split()
    states = [weights.read(git("show", f"{commit}:{FILE}")) for commit in commits]
    assert [faults for pair in pairwise([*states, RECORD]) if (faults := weights.unpaid(*pair))] == []


def test_comments_docstrings_and_blank_lines_weigh_nothing_and_a_helper_is_small_and_used_once(tmp_path):
    module = weights.counted(MODULE)
    assert module.code_lines == 8
    for path in ("one/a.py", "one/migrations/b.py", "tests/one/test_a.py", "docs/c.md"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(MODULE)
    assert weights.count(tmp_path, ["one"]) == {
        "code_lines": {"one": 8},
        "test_lines": {"one": 20},
        "untyped_dicts": {"one": 2},
        "small_helpers": {"one": 1},
        "document_words": {"docs": len(MODULE.split())},
    }


def record(a: int, b: int, *raises: Raise) -> Record:
    return Record(("a", "b"), {"code_lines": {"a": a, "b": b}}, raises)


def test_a_rise_is_paid_elsewhere_or_has_a_reason():
    allowed = Raise("code_lines", 4, "2026-11-30", "a new format")
    assert weights.unpaid(record(10, 10), record(14, 6)) == {}
    assert weights.unpaid(record(10, 10), record(14, 10)) == {"code_lines": 4}
    assert weights.unpaid(record(10, 10), record(14, 10, allowed)) == {}
    assert weights.unpaid(record(10, 10, allowed), record(14, 10, allowed)) == {"code_lines": 4}
    assert weights.unpaid(record(10, 10), record(14, 10, allowed._replace(unit="test_lines"))) == {"code_lines": 4}


def test_a_lighter_count_differs_like_a_heavier_one():
    assert weights.differences(record(10, 10), {"code_lines": {"a": 9, "b": 10}}) == [
        f"code_lines of a: 9, and {FILE} says 10"
    ]
    assert len(weights.differences(record(10, 10), {"code_lines": {"a": 10, "c": 1}})) == 2


def test_seconds_are_compared_on_the_same_machine_only():
    known = record(1, 1)._replace(seconds=Seconds("a machine", {"service": 100.0, "library": 2.0}))
    assert weights.slower(known, Seconds("a machine", {"service": 114.0, "library": 6.9, "new": 50.0})) == []
    assert weights.slower(known, Seconds("a machine", {"service": 116.0, "library": 7.1})) == [
        f"tests/service: 116 s of processor time, and {FILE} says 100",
        f"tests/library: 7 s of processor time, and {FILE} says 2",
    ]
    assert weights.slower(known, Seconds("another", {"service": 500.0})) == []


def test_the_file_is_written_as_it_is_read():
    full = record(1, 2, Raise("code_lines", 1, "2026-11-30", 'a "new" format'))._replace(
        seconds=Seconds("x", {"ml": 1.5})
    )
    assert weights.read(weights.written(full)) == full
    assert weights.written(RECORD) == (ROOT / FILE).read_text(encoding="utf-8")


def test_the_seconds_of_a_process_are_also_those_of_its_children():
    burn = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True); input()"
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    before = used_seconds(os.getpid())
    with subprocess.Popen([sys.executable, "-c", nested], **pipes) as process:
        process.stdout.readline()
        assert used_seconds(os.getpid()) - before > 0.25
        process.communicate(b"\n")
    assert used_seconds(os.getpid()) - before > 0.25


def test_a_part_is_the_folder_of_a_test():
    assert part("tests/service/ml/runs/test_runs.py") == "service"
    assert part("tests/test_layers.py") == "modules"
