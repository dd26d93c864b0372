"""Tables of the documents: every requirement, promise, attack and fault has an answer and tests that exist."""

import csv
import re
from pathlib import Path

import pytest

from tests.service.faults import table as faults

ROOT = Path(__file__).resolve().parents[2]
STATES = {"met", "not met", "not applicable"}
LEVEL_1 = """
1.2.1-5 1.3.1-2 1.5.1 2.1.1 2.2.1-2 2.3.1 3.2.1-2 3.3.1 3.4.1-2 3.5.1-3 4.1.1 4.4.1 5.2.1-2 5.3.1-2 6.2.1-8 6.3.1-2
6.4.1-2 7.2.1-4 7.4.1-2 8.1.1 8.2.1-2 8.3.1 9.1.1-3 9.2.1 10.4.1-5 11.3.1-2 11.4.1 12.1.1 12.2.1-2 13.4.1 14.2.1
14.3.1 15.1.1 15.2.1 15.3.1
"""  # of the OWASP Application Security Verification Standard 5.0.0


def rows(name: str) -> list[dict[str, str]]:
    with (ROOT / "docs" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def level_1() -> set[str]:
    spans = re.findall(r"(\d+\.\d+)\.(\d+)(?:-(\d+))?", LEVEL_1)
    return {f"V{section}.{n}" for section, first, last in spans for n in range(int(first), int(last or first) + 1)}


@pytest.mark.parametrize("name", ["asvs", "limits", "product"])
def test_every_test_that_a_row_names_exists(name):
    named = [row["test"] for row in rows(name) if row["test"]]
    assert named
    for path, _, function in (one.partition("::") for one in named):
        assert function, f"{path}: a file is no test"
        assert re.search(rf"^def {function}\(", (ROOT / path).read_text(encoding="utf-8"), re.M), (path, function)


def test_every_requirement_of_level_1_has_one_row():
    table = [row["requirement"] for row in rows("asvs")]
    assert len(table) == len(set(table))
    assert {row["requirement"] for row in rows("asvs") if row["level"] == "1"} == level_1()


def test_no_requirement_is_without_an_answer():
    for row in rows("asvs"):
        assert row["state"] in STATES, row
        assert row["in short"], row
        assert row["how"], row
        assert row["test"] or row["state"] != "met", row


def test_each_promise_has_a_page_and_a_test_or_states_what_is_open():
    for row in rows("product"):
        assert row["list"] in {"must", "ahead"}, row
        assert (row["test"] and row["page"]) or (row["open"] and not row["test"]), row


def test_every_attack_and_every_fault_has_an_answer_and_tests():
    tried = [*rows("attacks"), *(row for row in faults.rows() if row["fault"] in {f"F{n}" for n in range(1, 16)})]
    assert len(tried) == len(rows("attacks")) + 15
    for row in tried:
        assert all(row.values()), row
        assert [path for path in row["tests"].split() if not (ROOT / path).exists()] == []


def test_every_test_of_faults_is_in_their_table():
    there = {f"tests/service/faults/{path.name}" for path in (ROOT / "tests/service/faults").glob("test_*.py")}
    assert there <= {*faults.files()}
