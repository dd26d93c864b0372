"""The list of what the product promises: each point has a page and a test, or states what is open."""

import csv
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROWS = list(csv.DictReader((ROOT / "docs/product.csv").read_text(encoding="utf-8").splitlines()))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["point"][:40])
def test_each_point_has_a_page_and_a_test_or_states_what_is_open(row):
    assert row["list"] in {"must", "ahead"}
    if not row["test"]:
        assert row["open"]
        return
    assert row["page"]
    path, _, name = row["test"].partition("::")
    text = (ROOT / path).read_text(encoding="utf-8")
    assert name, "a file is no test"
    assert re.search(rf"^def {name}\(", text, flags=re.MULTILINE)
