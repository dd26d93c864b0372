"""What documents name exists: paths, modules, commands, options and links; documents are short."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "ground_motion/weights").glob("*.md")])
TOPS = "core|detection|docker|docs|ground_motion|ingest|lab|ml|monitor|scripts|static|templates|tests"
PATH = re.compile(rf"(?:{TOPS})(?:/[\w.*-]+)+/?")
MODULE = re.compile(r"(?:core|detection|ground_motion|ingest|lab|ml|monitor)(?:\.\w+)+")
CODE = re.compile(r"`([^`\n]+)`|^ {4,}(\S.*)$", flags=re.MULTILINE)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"manage\.py (\w+)")
OF_DJANGO = {"migrate", "createsuperuser", "check", "axes_reset_username"}  # and of packages
COMMANDS = {path.stem for path in ROOT.glob("**/management/commands/*.py")} | OF_DJANGO
OPTION = re.compile(r"\b(scripts/[\w-]+) (--[a-z-]+)")
WING = re.compile(r"(?:^\d\. |\. )`(\w+)`:", flags=re.MULTILINE)
MAX_WORDS = 15_000  # of all documents but those in the folders of the code
MAX_WORDS_AT_FIRST = 20
SETTING = re.compile(r"`([A-Z]+(?:_[A-Z]+)+)`")

READ_BY_PEOPLE = [path for path in DOCUMENTS if path.parent.name != "weights"]  # a head of the folder's cards


def first_sentence(document: Path) -> str:
    """The first sentence below the title that says more than for whom the document is."""
    text = " ".join(re.split(r"\n{2,}", document.read_text(), maxsplit=2)[1].replace("*", "").split())
    return re.split(r"(?<=\.) (?=\S)", re.sub(r"^For [^.:]+[.:] ", "", text), maxsplit=1)[0]


def words(document: Path) -> list[str]:
    """Every word that stands as code, in a line or in a block of its own."""
    return [word for span, line in CODE.findall(document.read_text()) for word in (span or line).split()]


def module_exists(name: str) -> bool:
    """A module or package, or a name that its text holds."""
    path = ROOT.joinpath(*name.split("."))
    if path.is_dir() or path.with_suffix(".py").is_file():
        return True
    owner = path.parent / "__init__.py" if path.parent.is_dir() else path.parent.with_suffix(".py")
    return owner.is_file() and re.search(rf"\b{path.name}\b", owner.read_text()) is not None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_whatever_a_document_names_exists(document):
    """Paths, modules, links, commands, and options of scripts, whose words stand in them."""
    text, named = document.read_text(), words(document)
    assert [one for one in named if PATH.fullmatch(one) and not any(ROOT.glob(one.rstrip("/")))] == []
    modules = [one for one in named if MODULE.fullmatch(one) and not (ROOT / one).exists()]
    assert [one for one in modules if not module_exists(one)] == []
    links = [link for link in LINK.findall(text) if not re.match(r"https?:|mailto:", link)]
    assert [link for link in links if not (document.parent / link).exists()] == []
    assert set(COMMAND.findall(text)) - COMMANDS == set()
    options = OPTION.findall("\n".join(span or line for span, line in CODE.findall(text)))
    assert [(path, option) for path, option in options if option not in (ROOT / path).read_text()] == []


def test_every_setting_is_read():
    packages = [path for name in ("ground_motion", "ingest", "monitor") for path in (ROOT / name).rglob("*.py")]
    code = [*(ROOT / "scripts").glob("*"), *packages]
    read = "".join(path.read_text() for path in code if path.is_file())
    read += (ROOT / ".env.example").read_text()
    named = {name for document in DOCUMENTS for name in SETTING.findall(document.read_text())}
    assert {name for name in named if not re.search(rf"\b{name}\b", read)} == set()


def test_documents_are_short():
    """Words are counted as `wc -w` counts them, tables included."""
    assert sum(len(path.read_text().split()) for path in READ_BY_PEOPLE) <= MAX_WORDS


def test_first_sentences_are_short():
    sentences = {str(path.relative_to(ROOT)): first_sentence(path) for path in READ_BY_PEOPLE}
    assert {path: text for path, text in sentences.items() if len(text.split()) > MAX_WORDS_AT_FIRST} == {}


def test_the_ten_wings_are_folders_of_monitor():
    wings = WING.findall((ROOT / "docs/architecture.md").read_text().split("ten wings of `monitor`")[1])
    assert len(wings) == 10
    assert [wing for wing in wings if not (ROOT / "monitor" / wing).is_dir()] == []
