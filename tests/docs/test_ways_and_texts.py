"""Texts are drawn and returns of a way are counted by a rule that gives everybody the same."""

import sys

from lab.checks.texts import comments, drawn
from lab.checks.ways import Step, Walk, returns, stops
from lab.checks.weights import Record, differences, read, unpaid

WEIGHTS = "lab.checks.weights"

CODE = """# The first line
# and its second.
value = 1  # millimetres
# Another comment.
other = 2

# One after a gap.
"""


def test_comments_in_lines_of_their_own_are_joined_and_others_keep_their_code(tmp_path):
    (tmp_path / "module.py").write_text(CODE)
    assert [*comments(tmp_path / "module.py")] == [
        "The first line and its second.",
        "value = 1  # millimetres",
        "Another comment.",
        "One after a gap.",
    ]


def test_the_same_seed_draws_the_same_texts_and_another_seed_others():
    assert [*drawn(5)] == [*drawn(5)] != [*drawn(6)]


def test_a_module_that_is_entered_again_is_one_return():
    way = [Step(module, str(number)) for number, module in enumerate("abbacdad")]
    assert stops(way) == [*"abacdad"]
    assert returns(way) == ["a", "d"]


def test_a_way_holds_each_function_once_from_the_call_of_the_first_to_the_return_of_the_last():
    walk, record = Walk(Step(WEIGHTS, "differences"), Step(WEIGHTS, "unpaid"), ["lab"]), Record((), {})
    sys.setprofile(walk.hear)
    try:
        unpaid(record, record)
        for _ in range(2):
            differences(record, {})
        unpaid(record, record)
        read("packages = []")
    finally:
        sys.setprofile(None)
    assert [*walk.steps] == [Step(WEIGHTS, "differences"), Step(WEIGHTS, "unpaid")]
    assert walk.is_done
