"""The catalogues of the languages: whole, in step with the code, and asked for every word of a page."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import polib
import pytest

from lab.sources import tree

ROOT = Path(__file__).resolve().parents[2]
CATALOGUES = sorted((ROOT / "locale").glob("*/LC_MESSAGES/*.po"))
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")
BARE_PERCENT = re.compile(r"(?<!%)%(?!%|\(\w+\)[sd])")  # fits where nothing is put in: "% of cells"
MARKUP = re.compile(r"</?[a-z]+|\b(?:href|class|id)=")

every_catalogue = pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")


def texts(entry: polib.POEntry) -> list[tuple[str, str]]:
    """Each translation with the sentence that it stands for: of a plural, the second of two."""
    if entry.msgid_plural:
        return [(entry.msgid_plural, text) for text in entry.msgstr_plural.values()]
    return [(entry.msgid, entry.msgstr)]


def test_there_are_three_languages_besides_english():
    assert [path.parts[-3] for path in CATALOGUES] == ["de", "de", "es", "es", "fr", "fr"]


@every_catalogue
def test_a_translation_has_the_placeholders_and_the_markup_of_its_sentence(path):
    wrong = []
    for entry in polib.pofile(str(path)):
        for number, (sentence, text) in enumerate(texts(entry)):
            if not text:
                continue
            wanted, given = set(PLACEHOLDER.findall(sentence)), set(PLACEHOLDER.findall(text))
            singular = set(PLACEHOLDER.findall(entry.msgid)) if entry.msgid_plural and number == 0 else wanted
            if given not in (wanted, singular) or sorted(MARKUP.findall(sentence)) != sorted(MARKUP.findall(text)):
                wrong.append(text)
            if BARE_PERCENT.search(text) and not BARE_PERCENT.search(sentence):
                wrong.append(text)
    assert wrong == []


@every_catalogue
def test_every_sentence_is_translated_nothing_is_guessed_and_nothing_is_kept_that_is_gone(path):
    catalogue = polib.pofile(str(path))
    assert [entry.msgid for entry in catalogue.untranslated_entries()] == []
    assert catalogue.fuzzy_entries() == []
    assert catalogue.obsolete_entries() == []


def test_no_text_is_marked_inside_an_f_string():
    """gettext before 0.22 does not find it there, so that it stays English."""
    marks = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy"}
    found = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for folder in ("detection", "ground_motion", "ingest", "ml", "monitor")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for text in ast.walk(tree(path.read_text(encoding="utf-8")))
        if isinstance(text, ast.JoinedStr)
        for call in ast.walk(text)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in marks
    ]
    assert found == []


def test_the_catalogues_have_what_the_code_says():
    command = [sys.executable, "scripts/messages", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


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


@pytest.mark.parametrize(("paths", "bare"), [(TEMPLATES, bare_words), (SCRIPTS, bare_sentences)])
def test_templates_and_scripts_take_their_words_from_the_catalogue(paths, bare):
    assert len(paths) > 50
    found = {str(path.relative_to(ROOT)): bare(path.read_text(encoding="utf-8")) for path in paths}
    assert {path: words for path, words in found.items() if words} == {}


def test_bare_words_are_seen():
    assert bare_words('<p>Moves {{ n }}</p><b title="Open">{% translate "Sinks" %}</b>') == ["Moves", "Open"]
    assert bare_sentences('h("p", {}, "The ground sinks."); gettext("The ground rises.");') == ['"The ground sinks."']
