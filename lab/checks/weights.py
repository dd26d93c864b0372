"""Count what this project weighs and compare it with weights.toml.

    python -m lab.checks.weights [--write [--reason TEXT]] [--seconds FILE]

--write: write the counts down. It refuses a sum above that of the file unless `--reason TEXT` says why; one count may
rise where another of its unit falls as much. --seconds FILE: also compare the processor seconds that scripts/test
measured, or write them down; they are compared on the same machine only.

code_lines: lines of modules and Python scripts without blank lines, comments, docstrings and migrations.
test_lines: all lines of the modules in a folder of tests; "modules" are those beside the folders.
untyped_dicts: how often `dict[str, Any]` stands in the code.
small_helpers: functions without a decorator, of at most six lines of code, whose name is used once in all packages.
document_words: words of Markdown as `wc -w` counts them; "pages" are those at the root.
"""

import argparse
import ast
import json
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from lab.sources import tree

ROOT = Path(__file__).resolve().parents[2]
FILE = "weights.toml"
COMMAND = "python -m lab.checks.weights --write"
MAX_HELPER_LINES = 6
MAX_SECONDS_RATIO = 1.15
MIN_SECONDS_MORE = 5.0  # Other work on the machine adds as much to the seconds of a short suite.
HEAD = f"""# What packages, tests and documents weigh: sums may only fall. lab/checks/weights.py says how it is counted.
# People edit `packages` and the reason of a raise; `{COMMAND}` writes the rest.
"""
Counts = Mapping[str, int]  # Counts by package or part.
Weights = Mapping[str, Counts]  # Counts by unit.


class Raise(NamedTuple):
    """How far the sum of a unit was allowed to rise, when and why."""

    unit: str
    by: int
    date: str
    reason: str


class Seconds(NamedTuple):
    """Processor seconds of each part of the tests with all their processes, and the kind of machine."""

    machine: str
    parts: Mapping[str, float]


class Record(NamedTuple):
    """Content of weights.toml."""

    packages: tuple[str, ...]
    weights: Weights
    raises: tuple[Raise, ...] = ()
    seconds: Seconds | None = None


class Module(NamedTuple):
    """Counts of one file. small: names of small functions; defined, used: how often the code has a name."""

    code_lines: int
    untyped_dicts: int
    small: list[str]
    defined: Counter[str]
    used: Counter[str]


def read(text: str) -> Record:
    """Parse weights.toml."""
    content = tomllib.loads(text)
    packages, raises = tuple(content.pop("packages")), tuple(Raise(**row) for row in content.pop("raises", ()))
    seconds = content.pop("processor_seconds", None)
    return Record(packages, content, raises, seconds and Seconds(seconds.pop("machine"), seconds))


def written(record: Record) -> str:
    """Return the text of weights.toml."""
    blocks = [HEAD + f"packages = {json.dumps(record.packages)}"]
    tables: dict[str, Mapping[str, object]] = dict(record.weights)
    if record.seconds is not None:
        tables["processor_seconds"] = {"machine": record.seconds.machine, **record.seconds.parts}
    rows = [(f"[{unit}]", counts) for unit, counts in tables.items()]
    rows += [("[[raises]]", row._asdict()) for row in record.raises]
    for head, content in rows:
        blocks.append("\n".join([head, *(f"{name} = {json.dumps(value)}" for name, value in content.items())]))
    return "\n\n".join(blocks) + "\n"


def counted(text: str) -> Module:
    """Return the counts of a module."""
    module, docstrings, functions = tree(text), set[int](), list[ast.FunctionDef]()
    defined, used = Counter[str](), Counter[str]()
    for node in ast.walk(module):
        match node:
            case ast.Name():
                used[node.id] += 1
            case ast.Attribute():
                used[node.attr] += 1
            case ast.FunctionDef():
                defined[node.name] += 1
                functions.append(node)
        match node:
            case ast.Module(body=body) | ast.ClassDef(body=body) | ast.FunctionDef(body=body) if body:
                if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
                    docstrings.update(_lines(body[0]))
    numbered = enumerate(text.splitlines(), start=1)
    code = {number for number, line in numbered if line.strip()[:1] not in ("", "#")} - docstrings
    small = [
        function.name
        for function in functions
        if not function.decorator_list and len(code & {*_lines(function)}) <= MAX_HELPER_LINES
    ]
    return Module(len(code), text.count("dict[str, Any]"), small, defined, used)


def _lines(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def count(root: Path, packages: Iterable[str]) -> Weights:
    """Return all counts of a checkout."""
    modules = {name: [counted(path.read_text(encoding="utf-8")) for path in sources(root / name)] for name in packages}
    defined, used = Counter[str](), Counter[str]()
    for module in (module for inner in modules.values() for module in inner):
        defined.update(module.defined)
        used.update(module.used)
    return {
        "code_lines": {name: sum(module.code_lines for module in inner) for name, inner in modules.items()},
        "test_lines": _by_folder(
            (root / "tests").rglob("*.py"), root / "tests", "modules", lambda text: text.count("\n")
        ),
        "untyped_dicts": {name: sum(module.untyped_dicts for module in inner) for name, inner in modules.items()},
        "small_helpers": {
            name: sum(defined[helper] == used[helper] == 1 for module in inner for helper in module.small)
            for name, inner in modules.items()
        },
        "document_words": _by_folder(
            [*root.glob("*.md"), *(root / "docs").rglob("*.md")], root, "pages", lambda text: len(text.split())
        ),
    }


def sources(folder: Path) -> list[Path]:
    """Return the modules below a folder and the Python scripts in it."""
    modules = [path for path in folder.rglob("*.py") if not {"migrations", "node_modules"} & {*path.parts}]
    scripts = [path for path in folder.iterdir() if path.is_file() and not path.suffix]
    return modules + [path for path in scripts if path.read_bytes().startswith(b"#!/usr/bin/env python")]


def _by_folder(paths: Iterable[Path], root: Path, beside: str, weigh: Callable[[str], int]) -> Counts:
    """Sum what texts weigh by their folder in `root`; `beside` is the name for those in no folder."""
    sums = Counter[str]()
    for path in sorted(paths):
        inner = path.relative_to(root).parts
        sums[inner[0] if len(inner) > 1 else beside] += weigh(path.read_text(encoding="utf-8"))
    return {name: sums[name] for name in sorted(sums) if sums[name]}


def differences(record: Record, weights: Weights) -> list[str]:
    """Return a line for each count that is not that of the file, lighter or heavier."""
    return [
        f"{unit} of {name}: {now.get(name, 0)}, and {FILE} says {before.get(name, 0)}"
        for unit, now in weights.items()
        for before in [record.weights.get(unit, {})]
        for name in sorted({*now, *before})
        if now.get(name, 0) != before.get(name, 0)
    ]


def unpaid(before: Record, after: Record) -> dict[str, int]:
    """Return how far the sum of each unit rose without a raise in the later file that the earlier one lacks."""
    rises = {
        unit: sum(counts.values()) - sum(before.weights[unit].values())
        for unit, counts in after.weights.items()
        if unit in before.weights
    }
    for added in Counter(after.raises) - Counter(before.raises):
        if added.unit in rises:
            rises[added.unit] -= added.by
    return {unit: rise for unit, rise in rises.items() if rise > 0}


def slower(record: Record, measured: Seconds) -> list[str]:
    """Return a line for each part that takes much more than the file says; nothing on another kind of machine."""
    if record.seconds is None or record.seconds.machine != measured.machine:
        return []
    limits = {
        part: max(seconds * MAX_SECONDS_RATIO, seconds + MIN_SECONDS_MORE)
        for part, seconds in record.seconds.parts.items()
    }
    return [
        f"tests/{part}: {seconds:.0f} s of processor time, and {FILE} says {record.seconds.parts[part]:.0f}"
        for part, seconds in measured.parts.items()
        if part in limits and seconds > limits[part]
    ]


def main() -> int:
    """Compare or write; 1 where something is heavier than allowed, or compared and not equal."""
    parser = argparse.ArgumentParser(description="Compare what this project weighs with weights.toml.")
    parser.add_argument("--write", action="store_true", help="write the counts down")
    parser.add_argument("--reason", metavar="TEXT", help="why a sum may rise")
    parser.add_argument("--seconds", type=Path, metavar="FILE", help="what scripts/test measured")
    options = parser.parse_args()
    record = read((ROOT / FILE).read_text(encoding="utf-8"))
    weights = count(ROOT, record.packages)
    seconds = options.seconds and Seconds(**json.loads(options.seconds.read_text(encoding="utf-8")))
    if not options.write:
        faults = [*differences(record, weights), *(slower(record, seconds) if seconds else ())]
        print(*faults, f"run {COMMAND}" if faults else f"all is as {FILE} says", sep="\n")
        return bool(faults)
    new = record._replace(weights=weights, seconds=seconds or record.seconds)
    rises = unpaid(record, new)
    if rises and not options.reason:
        shown = ", ".join(f"{unit} by {rise}" for unit, rise in rises.items())
        print(f"{FILE} is unchanged: {shown} more in sum; take as much out elsewhere, or add --reason TEXT")
        return 1
    today = datetime.now(UTC).date().isoformat()
    raises = (Raise(unit, rise, today, options.reason) for unit, rise in rises.items())
    (ROOT / FILE).write_text(written(new._replace(raises=(*record.raises, *raises))), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
