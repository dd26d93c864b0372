"""docs/attacks.csv: every attack and fault that was tried has an answer and tests that exist."""

import csv
from pathlib import Path

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
