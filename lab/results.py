"""Figures of methods in files for lab.figures: with weights, commit, command, and the code that made them."""

import ast
import hashlib
import json
import math
import re
import shlex
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from scipy.stats import chi2

from ground_motion.runtime.checkpoints import read_card
from ground_motion.runtime.code_version import code_version
from ground_motion.statistics.intervals import Interval
from lab.sources import tree

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[1]
CODE, WEIGHTS = ("ground_motion/", "lab/"), "ground_motion/weights/"  # Folders of a figure's code and weights.
LEFT_OUT = (  # The hash of a benchmark's truth covers simulations; the other modules only read, run and write.
    *("ground_motion/simulation/", "lab/simulation/"),
    *("ground_motion/cli/", "ground_motion/core/", "ground_motion/readers/"),
    *("lab/benchmark.py", "lab/results.py", "lab/real_data.py"),
)
MODULE = re.compile(r"^(?:core|detection|ground_motion|ingest|lab|ml|monitor)\.[\w.]*?(\w+|:\w+)$")
Used = set[tuple[str, str]]  # (file, name) of a function or class whose code ran; no name if the file was opened.
_INSTALLING = threading.Lock()  # A thread that installs a profiler while another does dies without a word.
_used: Used = set()
Metrics = Mapping[str, Mapping[str, Interval]]
Compared = dict[str, dict[str, Interval]]  # Intervals by method, then by metric.


def exact(value: float) -> Interval:
    """Return a figure without an interval: its ends are NaN."""
    return Interval(value, math.nan, math.nan)


def poisson(alarms: int, km2: float) -> Interval:
    """Return alarms per 1,000 km² with the exact 95 % interval of a Poisson count."""
    low = float(chi2.ppf(0.025, 2 * alarms) / 2) if alarms else 0.0
    high = float(chi2.ppf(0.975, 2 * alarms + 2) / 2)
    return Interval(*(1000 * count / km2 for count in (alarms, low, high)))


def alone(compare: Callable[[Sequence[str], int], Compared], method: str, size: int) -> dict[str, Interval]:
    """Measure one method by itself."""
    return compare((method,), size)[method]


def write(
    path: Path,
    module: str,
    metrics: Metrics,
    weights: Mapping[str, str],
    more: Mapping[str, Mapping[str, object]] | None = None,
    **about: object,
) -> None:
    """Write metrics (method -> metric -> interval) to a JSON file, with NaN as null, and print them.

    module: module of the command. weights: method -> name of its network's card. more: method -> entries beside its
    metrics. about: other entries of the file, for example weights_sha256 of other networks.
    """
    record = {
        "weights_sha256": {name: read_card(weights[name]).weights_sha256 for name in metrics if name in weights},
        "commit": code_version(),
        "command": shlex.join(["python", "-m", module, *sys.argv[1:]]),
        "methods": {
            method: {"metrics": plain(values)} | dict((more or {}).get(method, {}))
            for method, values in metrics.items()
        },
    } | about
    path.write_text(json.dumps(record, indent=1) + "\n")
    for method, values in metrics.items():
        show(method, values)


def show(label: str, values: Mapping[str, Interval]) -> None:
    """Print metric -> interval, a line each."""
    for name, interval in values.items():
        print(f"{label:26s} {name:34s} {interval.value:8.4f}  ({interval.low:.4f} to {interval.high:.4f})")


def plain(values: Mapping[str, Interval]) -> dict[str, dict[str, float | None]]:
    """Return metric -> interval for JSON, with null for NaN."""
    return {
        name: {part: value if math.isfinite(value) else None for part, value in interval._asdict().items()}
        for name, interval in values.items()
    }


@contextmanager
def recording() -> Iterator[Used]:
    """Yield the set to which all code that runs and all files that are opened in the block are added at its end."""
    found: Used = set()
    before, before_run = sys.getprofile(), threading.Thread.run

    def hear(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            _used.add((frame.f_code.co_filename, frame.f_code.co_qualname.split(".")[0]))

    def run(thread: threading.Thread) -> None:
        with _INSTALLING:
            sys.setprofile(hear)
        before_run(thread)

    _hear_opened_files()
    _used.clear()
    threading.Thread.run = run  # type: ignore[assignment]
    with _INSTALLING:
        sys.setprofile(hear)
    try:
        yield found
    finally:
        threading.Thread.run = before_run  # type: ignore[method-assign]
        with _INSTALLING:
            sys.setprofile(before)
        found |= _used_of_the_project()


@cache
def _hear_opened_files() -> None:
    """Begin to note which files are opened; a hook cannot be taken out."""

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str):
            _used.add((arguments[0], ""))

    sys.addaudithook(hear)


def _used_of_the_project() -> Used:
    """Return what counts as the code or the weights of a figure, with names of files relative to ROOT."""
    found: Used = set()
    for file, part in _used.copy():  # Threads may still add to it.
        path = Path(file)
        if path.is_absolute() and path.is_relative_to(ROOT):
            name = path.relative_to(ROOT).as_posix()
            code = part and not part.startswith("<") and name.startswith(CODE) and not name.startswith(LEFT_OUT)
            if code or (not part and name.startswith(WEIGHTS)):
                found.add((name, part))
    return found


def recorded(measure: Callable[[int], T], seed: int) -> tuple[T, Used]:
    """Return measure(seed) with what it used, for a process of its own."""
    with recording() as used:
        value = measure(seed)
    return value, used


def also_used(used: Iterable[tuple[str, str]]) -> None:
    """Add what another process used to what is being recorded."""
    _used.update((str(ROOT / name), part) for name, part in used)


def code_of(used: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the files of code and weights, with the parts of each and their hash, as a result states them."""
    parts: dict[str, list[str]] = {}
    for name, part in sorted(used):
        parts.setdefault(name, []).extend([part] if part else [])
    return {name: {"parts": chosen, "sha256": _sha256(ROOT / name, chosen)} for name, chosen in parts.items()}


def changed_files(content: Mapping[str, Any]) -> list[str]:
    """Return the files whose code, decision or weights changed since a result; a moved file counts as the same."""
    return [name for name, made in content["code"].items() if not _holds(name, made["parts"], made["sha256"])]


def _holds(name: str, parts: Sequence[str], sha256: str) -> bool:
    path = ROOT / name if parts else ROOT / WEIGHTS / Path(name).name
    paths = [path] if path.is_file() else _modules_by_part(ROOT).get("".join(parts[:1]), [])
    return any(_sha256(path, parts) == sha256 for path in paths)


@cache
def _modules_by_part(root: Path) -> dict[str, list[Path]]:
    """Return the modules below `root` by the names of their functions and classes."""
    found: dict[str, list[Path]] = {}
    for path in (path for folder in CODE for path in (root / folder).rglob("*.py")):
        for node in tree(path.read_bytes()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.setdefault(node.name, []).append(path)
    return found


def _sha256(path: Path, parts: Sequence[str]) -> str:
    return hashlib.sha256(_content(path, parts)).hexdigest()


class _WithoutPlaces(ast.NodeTransformer):
    """Leaves out what a move of modules changes: imports, packages in strings that name modules, folders above them."""

    def visit_ImportFrom(self, node: ast.Import | ast.ImportFrom) -> ast.Pass:
        """Leave out which module names are of; the code that ran is hashed itself."""
        return ast.Pass()

    visit_Import = visit_ImportFrom

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        """Leave out the packages before the name of a module, and the module before the name of what it holds."""
        if isinstance(node.value, str):
            node.value = MODULE.sub(r"\1", node.value)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """Leave out how far above the module a folder lies, as in Path(__file__).parents[1]."""
        return node.value if ast.unparse(node.value).endswith("(__file__).parents") else self.generic_visit(node)


def _content(path: Path, parts: Sequence[str]) -> bytes:
    """Return what decides a figure: a card without its history, or the bytes of weights, or parts of a module's code.

    Comments, docstrings, imports and places of modules are left out; constants belong to the parts that name them.
    """
    if path.suffix == ".json":
        card = json.loads(path.read_text())
        return json.dumps({key: card[key] for key in sorted(card) if key not in ("training", "figures")}).encode()
    if path.suffix != ".py":
        return path.read_bytes()
    body = [node for node in tree(path.read_bytes()).body if not isinstance(node, ast.Import | ast.ImportFrom)]
    kept: set[ast.stmt] = {
        node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in parts
    }
    constants: set[ast.stmt] = {node for node in body if isinstance(node, ast.Assign | ast.AnnAssign)}
    while more := {node for node in constants - kept if _names([node], ast.Store) & _names(kept, ast.Load)}:
        kept |= more
    chosen = ast.Module([node for node in body if node in kept], [])
    for inner in ast.walk(chosen):
        if isinstance(inner, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(inner) is not None:
            inner.body = inner.body[1:] or [ast.Pass()]
    return ast.unparse(_WithoutPlaces().visit(chosen)).encode()


def _names(nodes: Iterable[ast.AST], context: type[ast.expr_context]) -> set[str]:
    """Return the names that some code reads (ast.Load) or assigns (ast.Store)."""
    inner = (inner for node in nodes for inner in ast.walk(node))
    return {one.id for one in inner if isinstance(one, ast.Name) and isinstance(one.ctx, context)}
