"""What a page says in English goes through the catalogue: no words stand bare in a template or a script."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "static/js").rglob("*.js"))
NAMES = ("Ground Motion Monitor", "UTC", "SHA-256", "EPSG", "GeoJSON", "CAP", "https://")  # the same in every language
TAKEN_OUT = re.compile(
    r"\{#.*?#\}|\{% (comment|blocktranslate|block page_class)\b.*?\{% end\w+ %\}|\{%.*?%\}|\{\{.*?\}\}"
    r"|<(script|style|code|kbd|pre)\b.*?</\2>|<[^>]*>",
    re.DOTALL,
)
ATTRIBUTE = re.compile(r'\b(?:aria-label|aria-roledescription|data-label|alt|title|placeholder)="([^"{]*)"')
COMMENT = re.compile(r"/\*.*?\*/|(?<![:\"'`])//[^\n]*", re.DOTALL)
SENTENCE = re.compile(r'"[A-Z] ?[a-z][^"\n]* [^"\n]*"|`[A-Z] ?[a-z][^`]* [^`]*`')
MARKED = re.compile(r'gettext\(\s*("[^"]*",\s*)?$')


def bare_words(template: str) -> list[str]:
    """Text between tags, and of attributes, that is not taken from the catalogue."""
    text = TAKEN_OUT.sub(" ", template.replace("\n", "\x00"))
    lines = [*text.split("\x00"), *ATTRIBUTE.findall(template)]
    for name in NAMES:
        lines = [line.replace(name, "") for line in lines]
    return [line.strip() for line in lines if re.search(r"[A-Za-z]{2}", line)]


def bare_sentences(script: str) -> list[str]:
    """Strings that begin with a capital and have a space, outside gettext, ngettext and pgettext."""
    code = COMMENT.sub("", script)
    found = SENTENCE.finditer(code)
    return [one[0] for one in found if not MARKED.search(code[max(0, one.start() - 200) : one.start()])]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_template_takes_its_words_from_the_catalogue(path):
    assert bare_words(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_script_takes_its_sentences_from_the_catalogue(path):
    assert bare_sentences(path.read_text(encoding="utf-8")) == []


def test_bare_words_are_seen():
    assert bare_words('<p>Moves {{ n }}</p><b title="Open">{% translate "Sinks" %}</b>') == ["Moves", "Open"]
    assert bare_sentences('h("p", {}, "The ground sinks."); gettext("The ground rises.");') == ['"The ground sinks."']
