"""What contracts and formatters cannot say: parts of packages, and lines of templates, style sheets and scripts."""

import ast
import re
from collections import Counter, defaultdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab.sources import tree
from tests.shares import dealt_out

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = [name for name in ("ground_motion", "ingest", "ml", "detection", "monitor", "lab") if (ROOT / name).is_dir()]
MAX_MODULES = 16  # of a folder
WORDS = [
    ROOT / "detection/kinds.py",
    ROOT / "monitor/pages/events/words.py",
    *(ROOT / "monitor/maps/imaging").glob("*.py"),
    *(ROOT / "monitor/wording/families").glob("*.py"),
    *(path for path in (ROOT / "monitor/wording").glob("*.py") if path.name != "refusals.py"),
]
KNOWN = tuple(f"django.utils.{name}" for name in ("dateformat", "formats", "functional", "text", "translation"))


def modules_of(package: str) -> dict[str, Path]:
    """Return the modules of a package by dotted name, without migrations and commands, whose places Django decides."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if not {"migrations", "commands"} & set(parts):
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path) -> set[str]:
    """Return the dotted names that a module imports, of modules and of what is in them."""
    found = set()
    for node in ast.walk(tree(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found


def folder_of(name: str, modules: dict[str, Path]) -> str:
    return name if modules[name].name == "__init__.py" else name.rpartition(".")[0]


def test_words_and_drawings_know_of_django_its_languages_only():
    modules = {name for path in WORDS for name in imported(path) if name.startswith("django")}
    assert {name for name in modules if not name.startswith(KNOWN)} <= {"django.utils"}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_two_folders_import_each_other(package):
    """Modules beside the folders of a package are left out: Django and Celery look for their names there."""
    modules, arrows = modules_of(package), defaultdict(set)
    for name, path in modules.items():
        for other in imported(path) & modules.keys():
            ends = folder_of(name, modules), folder_of(other, modules)
            if ends[0] != ends[1] and package not in ends and modules[other].name != "__init__.py":
                arrows[ends].add(f"{name} -> {other}")
    both = {f"{a} <-> {b}": arrows[a, b] | arrows[b, a] for a, b in arrows if a < b and (b, a) in arrows}
    assert not both


@pytest.mark.parametrize("package", PACKAGES)
def test_a_folder_has_at_most_sixteen_modules(package):
    modules = modules_of(package)
    counts = Counter(folder_of(name, modules) for name, path in modules.items() if path.stat().st_size)
    assert {folder: n for folder, n in counts.items() if n > MAX_MODULES and folder != package} == {}


MAX_COLUMNS = 120
OURS = sorted(
    path
    for folder, suffix in (("templates", ".html"), ("static/css", ".css"), ("static/js", ".js"))
    for path in (ROOT / folder).rglob("*")
    if path.suffix == suffix
)


def test_no_line_is_longer_than_the_formatter_allows_python_and_a_style_sheet_has_one_declaration_a_line():
    assert len(OURS) > 300
    lines = [(path, *one) for path in OURS for one in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)]
    crowded = [(path, n) for path, n, line in lines if path.suffix == ".css" and line.count(";") > 1]
    assert [(path, n) for path, n, line in lines if len(line) > MAX_COLUMNS] + crowded == []


def test_tests_see_the_locks_of_their_own_database_only():
    """Workers share one cluster: the same lock of another worker's database would be taken for one's own."""
    texts = {path.name: path.read_text() for path in (ROOT / "tests").rglob("*.py")}
    assert [name for name, text in texts.items() if re.search(r"(FROM|JOIN) pg_locks", text)] == ["servers.py"]


def test_tests_migrate_by_the_command_that_settles_the_rights_of_all_roles():
    """Else a column that a test removes and adds again is closed to the reader in every later test of its worker."""
    ways = re.compile(r"Executor\(connection\)\.migrate|executor\.migrate")
    tests = [path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]
    assert [path.name for path in tests if ways.search(path.read_text())] == []


def test_every_worker_begins_with_its_part_of_what_takes_long_and_modules_stay_whole():
    long = [SimpleNamespace(path=f"long {module}") for module in range(6) for _ in range(2)]
    others = [SimpleNamespace(path="short") for _ in range(31)]
    dealt = dealt_out(long, others, 4)
    assert sorted(map(id, dealt)) == sorted(map(id, [*long, *others]))
    shares = [dealt[:10], dealt[10:21], dealt[21:32], dealt[32:]]  # 43 tests, as xdist shares them out
    assert [[item.path for item in share if item.path != "short"] for share in shares] == [
        ["long 0"] * 2 + ["long 4"] * 2,
        ["long 1"] * 2 + ["long 5"] * 2,
        ["long 2"] * 2,
        ["long 3"] * 2,
    ]
    assert all(share[0].path != "short" for share in shares)
    assert dealt_out(long, others, 1) == [*long, *others]
