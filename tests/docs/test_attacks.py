"""docs/attacks.csv, docs/faults.csv: every attack and fault that was tried has an answer and tests that exist."""

import csv
from pathlib import Path

import pytest

from tests.faults import table

ROOT = Path(__file__).resolve().parents[2]


def rows() -> list[dict[str, str]]:
    with (ROOT / "docs" / "attacks.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_no_row_is_empty():
    assert rows()
    assert [row for row in rows() if not all(row.values())] == []


def test_every_test_exists():
    named = [path for row in rows() for path in row["tests"].split()]
    assert [path for path in named if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize("number", range(1, 16))
def test_every_fault_has_an_answer_and_tests(number):
    (row,) = [row for row in table.rows() if row["fault"] == f"F{number}"]
    assert all(row.values())
    assert [path for path in row["tests"].split() if not (ROOT / path).exists()] == []


def test_every_test_of_faults_is_in_their_table():
    there = {f"tests/faults/{path.name}" for path in (ROOT / "tests" / "faults").glob("test_*.py")}
    assert there <= {*table.files()}
