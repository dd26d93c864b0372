"""Figures of methods in files for lab.figures: with weights, commit, command, and the code that made them."""

import ast
import hashlib
import json
import math
import shlex
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from ml.runtime.checkpoints import read_card
from ml.runtime.code_version import code_version
from ml.statistics.intervals import Interval

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[1]
CODE, WEIGHTS = ("ml/", "lab/"), "ml/weights/"  # folders whose files count as the code and the weights of a figure
LEFT_OUT = (  # what makes scenes, which the hash of a benchmark's truth covers, and what only runs and writes
    *("ml/simulation/", "lab/simulation/"),
    *("lab/benchmark.py", "lab/results.py", "lab/real_data.py"),
)
_used: set[str] = set()
Metrics = Mapping[str, Mapping[str, Interval]]
Compared = dict[str, dict[str, Interval]]  # method -> metric -> interval


def exact(value: float) -> Interval:
    """Return a figure without an interval: its ends are NaN."""
    return Interval(value, math.nan, math.nan)


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
def recording() -> Iterator[set[str]]:
    """Yield the set to which the files are added whose code runs, or which are opened, until the end of the block."""
    found: set[str] = set()
    before = sys.getprofile(), threading.getprofile()

    def hear(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            _used.add(frame.f_code.co_filename)

    _hear_opened_files()
    _used.clear()
    sys.setprofile(hear)
    threading.setprofile(hear)
    try:
        yield found
    finally:
        sys.setprofile(before[0])
        threading.setprofile(before[1])
        found |= _of_the_project(_used)


@cache
def _hear_opened_files() -> None:
    """Begin to note which files are opened; a hook cannot be taken out."""

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str):
            _used.add(arguments[0])

    sys.addaudithook(hear)


def _of_the_project(names: Iterable[str]) -> set[str]:
    """Return the names, relative to ROOT, of the files that count as the code or the weights of a figure."""
    found = set()
    for path in map(Path, names):
        if path.is_absolute() and path.is_relative_to(ROOT):
            name = path.relative_to(ROOT).as_posix()
            code = path.suffix == ".py" and name.startswith(CODE) and not name.startswith(LEFT_OUT)
            if code or name.startswith(WEIGHTS):
                found.add(name)
    return found


def recorded(measure: Callable[[int], T], seed: int) -> tuple[T, set[str]]:
    """Return measure(seed) with the files that it used, for a process of its own."""
    with recording() as files:
        value = measure(seed)
    return value, files


def also_used(files: Iterable[str]) -> None:
    """Add files that another process used to those that are being recorded."""
    _used.update(str(ROOT / name) for name in files)


def code_of(files: Iterable[str]) -> dict[str, Any]:
    """Return files and the hash of their code and weights, as a result states them."""
    names = sorted(files)
    held = hashlib.sha256()
    for name in names:
        held.update(name.encode() + hashlib.sha256(_content(ROOT / name)).digest())
    return {"sha256": held.hexdigest(), "files": names}


def is_stale(content: Mapping[str, Any]) -> bool:
    """Return whether a result was made by other code, another decision or other weights than today's."""
    code = content["code"]
    known = all((ROOT / name).is_file() for name in code["files"])
    return not known or code_of(code["files"])["sha256"] != code["sha256"]


def _content(path: Path) -> bytes:
    """Return what decides a figure: code without comments and docstrings, a card without its history, or all bytes."""
    if path.suffix == ".json":
        card = json.loads(path.read_text())
        return json.dumps({key: card[key] for key in sorted(card) if key not in ("training", "figures")}).encode()
    if path.suffix != ".py":
        return path.read_bytes()
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree).encode()
