"""What the contracts of pyproject.toml cannot say: they know packages, not their parts."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORDS = [
    ROOT / "detection/kinds.py",
    ROOT / "monitor/pages/events/words.py",
    *(ROOT / "monitor/maps/imaging").glob("*.py"),
    *(ROOT / "monitor/wording/families").glob("*.py"),
    *(path for path in (ROOT / "monitor/wording").glob("*.py") if path.name != "refusals.py"),
]
KNOWN = (
    "django.utils.dateformat",
    "django.utils.formats",
    "django.utils.functional",
    "django.utils.text",
    "django.utils.translation",
)


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_words_and_drawings_know_of_django_its_languages_only():
    django = {name for path in WORDS for name in imported(path) if name.partition(".")[0] == "django"}
    assert django <= set(KNOWN)
