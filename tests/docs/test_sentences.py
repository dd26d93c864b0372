"""sentences.md, beside this file, is what the code says now and keeps to the rules for words that people read."""

import re
from pathlib import Path

from lab.management.commands.sentences import page
from lab.samples.sentences import rows

TABLE = Path(__file__).with_name("sentences.md")
ROWS = rows()
JARGON = re.compile(
    r"±|\b(line of sight|LOS|InSAR|interferogram|coherence|sigma|z-score|mm/yr|unwrapp\w+|baseline|pixel)\b",
    flags=re.IGNORECASE,
)
MAX_WORDS = 50  # of a first sentence


def test_the_document_is_what_the_code_says():
    assert TABLE.read_text() == page(), "run manage.py sentences > tests/docs/sentences.md"


def test_every_kind_of_sentence_is_there_once():
    assert len(ROWS) >= 40
    assert len({about for about, _ in ROWS}) == len(ROWS)
    assert len({text for _, text in ROWS}) == len(ROWS)


def test_a_sentence_is_plain():
    for about, text in ROWS:
        assert text[0].isupper(), about
        assert text.endswith("."), about
        assert "  " not in text, about
        assert "danger" not in text.lower(), about
        first = re.split(r"(?<=\.) (?=[A-Z])", text)[0]
        assert not JARGON.search(first), about
        assert len(first.split()) <= MAX_WORDS, about
