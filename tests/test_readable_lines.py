"""Templates, style sheets and scripts of pages have lines as short as Python. (A line of a plain-text mail is one.)"""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MOST_COLUMNS = 120
OURS = sorted(
    path
    for folder, suffix in (("templates", ".html"), ("static/css", ".css"), ("static/js", ".js"))
    for path in (ROOT / folder).rglob("*")
    if path.suffix == suffix
)


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_line_is_longer_than_the_formatter_allows_python(path):
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    assert [f"line {number}: {len(line)}" for number, line in lines if len(line) > MOST_COLUMNS] == []


@pytest.mark.parametrize("path", [path for path in OURS if path.suffix == ".css"], ids=lambda path: path.name)
def test_a_style_sheet_has_one_declaration_a_line(path):
    assert [line for line in path.read_text(encoding="utf-8").splitlines() if line.count(";") > 1] == []
