"""docs/asvs.csv: every requirement of level 1, each with a state, a reason and a test that exists."""

import csv
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "asvs.csv"
STATES = {"met", "not met", "not applicable"}
LEVEL_1 = """
1.2.1-5 1.3.1-2 1.5.1 2.1.1 2.2.1-2 2.3.1 3.2.1-2 3.3.1 3.4.1-2 3.5.1-3 4.1.1 4.4.1 5.2.1-2 5.3.1-2 6.2.1-8 6.3.1-2
6.4.1-2 7.2.1-4 7.4.1-2 8.1.1 8.2.1-2 8.3.1 9.1.1-3 9.2.1 10.4.1-5 11.3.1-2 11.4.1 12.1.1 12.2.1-2 13.4.1 14.2.1
14.3.1 15.1.1 15.2.1 15.3.1
"""  # of the OWASP Application Security Verification Standard 5.0.0


def rows() -> list[dict[str, str]]:
    with TABLE.open(newline="") as file:
        return list(csv.DictReader(file))


def level_1() -> set[str]:
    spans = re.findall(r"(\d+\.\d+)\.(\d+)(?:-(\d+))?", LEVEL_1)
    return {f"V{section}.{n}" for section, first, last in spans for n in range(int(first), int(last or first) + 1)}


def test_every_requirement_of_level_1_has_one_row():
    table = [row["requirement"] for row in rows()]
    assert len(table) == len(set(table))
    assert {row["requirement"] for row in rows() if row["level"] == "1"} == level_1()


def test_no_row_is_empty():
    for row in rows():
        assert row["state"] in STATES, row
        assert row["in short"], row
        assert row["how"], row
        assert row["test"] or row["state"] != "met", row


def test_every_test_exists():
    missing = []
    for row in rows():
        path, _, name = row["test"].partition("::")
        if path and not ((ROOT / path).is_file() and re.search(rf"^def {name}\(", (ROOT / path).read_text(), re.M)):
            missing.append(row["test"])
    assert missing == []
