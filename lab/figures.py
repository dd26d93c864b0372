"""`scripts/figures`: the tables in documents, made from the results under docs/figures.

A table is written between `<!-- figures: NAME -->` and `<!-- end -->`. docs/figures/tables.toml defines each table: its
results and figures, and what a document's table shows (`shown`) or omits (`left_out`); the workbench uses all labels.
Weights, commit and command of the results are printed under each table.
"""

import argparse
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "figures"
TABLES = FOLDER / "tables.toml"
BLOCK = re.compile(r"(<!-- figures: (\S+) -->\n).*?(<!-- end -->)", flags=re.DOTALL)
HASH_DIGITS = 8
NO_VALUE = "–"
FROZEN = "Its code is in that commit only."
WHOLE_FROM = 100
SEVERAL = 4  # If a commit has this many methods, only those with weights are named.


class Result(NamedTuple):
    """Figures of one method. metrics: name -> value, low, high (low and high may be missing); origin: their commit."""

    method: str
    metrics: Mapping[str, Mapping[str, float | None]]
    weights_sha256: str | None
    origin: str
    command: str
    note: str


def documents(root: Path = ROOT) -> list[Path]:
    """Return every document that can contain a table."""
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def tables(path: Path = TABLES) -> dict[str, dict[str, Any]]:
    """Read the definition of each table, by name."""
    return tomllib.loads(path.read_text())


def results_of(content: Mapping[str, Any]) -> list[Result]:
    """Return the results in a file: one from `evaluate`, or several from `compare`, perhaps of different commits."""
    frozen, note = content.get("frozen"), str(content.get("note", ""))
    common = ("", f"{FROZEN} {note}".strip()) if frozen else (str(content["command"]), note)
    if "methods" in content:
        hashes = content.get("weights_sha256") or {}
        return [
            Result(method, part["metrics"], hashes.get(method), _origin({**content, **part}), *common)
            for method, part in content["methods"].items()
        ]
    return [
        Result(str(content["method"]), content["metrics"], content.get("weights_sha256"), _origin(content), *common)
    ]


def _origin(content: Mapping[str, Any]) -> str:
    return f"commit {content['commit']}" if content.get("commit") else f"published in {content['published_in']}"


def read(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """Read docs/figures/NAME.json."""
    content: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return content


def render(table: Mapping[str, Any], folder: Path = FOLDER) -> str:
    """Render a table in Markdown from its definition, with the origin of its results underneath."""
    contents = [read(name, folder) for name in table["results"]]
    if table.get("kind") == "bench":
        return _speeds(contents, table.get("left_out", ()))
    if table.get("kind") == "accuracy":
        return _accuracies(contents)
    results = [result for content in contents for result in results_of(content)]
    if chosen := table.get("methods"):
        results = [next(result for result in results if result.method == method) for method in chosen]
    names = {result.method: table.get("labels", {}).get(result.method, result.method) for result in results}
    labelled = table["metrics"]
    metrics = table.get("shown", list(labelled))
    labels = [labelled[metric] if isinstance(labelled, dict) else f"`{metric}`" for metric in metrics]
    digits, bounds = table.get("digits", 2), table.get("intervals", True)
    cells = [[_interval(result.metrics.get(metric), digits, bounds) for metric in metrics] for result in results]
    if table.get("methods_down"):
        rows = [["", *labels], *([names[result.method], *row] for result, row in zip(results, cells, strict=True))]
    else:
        rows = [["", *names.values()]]
        rows += [[label, *(row[at] for row in cells)] for at, label in enumerate(labels)]
    return _markdown(rows) + "\n" + "\n".join(_made_by(results, names)) + "\n"


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body]) + "\n"


def _interval(interval: Mapping[str, float | None] | None, digits: int, bounds: bool = True) -> str:
    if interval is None or interval["value"] is None:
        return NO_VALUE
    value, low, high = (_number(interval.get(part), digits) for part in ("value", "low", "high"))
    return value if not bounds or NO_VALUE in (low, high) or low == high else f"{value} ({low}–{high})"


def _number(value: float | None, digits: int) -> str:
    """Format a number with the given number of decimals, none from 100 on."""
    if value is None or value != value:
        return NO_VALUE
    return f"{value:,.{digits if abs(value) < WHOLE_FROM else 0}f}"


def _made_by(results: Sequence[Result], names: Mapping[str, str]) -> Iterator[str]:
    """Yield lines with weights, commits, commands and notes; methods for which these are the same share a line."""
    if len({(result.weights_sha256, result.origin) for result in results}) == 1:
        yield f"{_weights(results[0]) or 'No weights'}, {results[0].origin}."
    else:
        alike = len({result.origin for result in results}) == 1 and len(results) >= SEVERAL
        named = [result for result in results if result.weights_sha256] if alike else results
        origins = _grouped((one.origin, _with_weights(one, names)) for one in named)
        yield " ".join(f"{origin[0].upper()}{origin[1:]}: {', '.join(who)}." for origin, who in origins)
    commands = _grouped((_general(result, len(results) > 1), result.method) for result in results if result.command)
    own = {result.method: _general(result, False) for result in results}
    if commands:
        yield ""
    for command, methods in commands:
        if len(methods) == 1:
            yield f"    {own[methods[0]]}"
        elif len(commands) == 1 or command == own[methods[0]]:
            yield f"    {command}"
        else:
            yield f"    {command}   # METHOD: {', '.join(methods)}"
    for note in dict.fromkeys(result.note for result in results if result.note):
        yield ""
        yield f"Note: {note}"


def _weights(result: Result) -> str:
    return f"Weights {result.weights_sha256[:HASH_DIGITS]}" if result.weights_sha256 else ""


def _with_weights(result: Result, names: Mapping[str, str]) -> str:
    name = names[result.method]
    return f"{name} ({_weights(result).lower()})" if result.weights_sha256 else name


def _general(result: Result, several: bool) -> str:
    """Return the command without its output option; if `several` methods share it, METHOD replaces the method."""
    words = shlex.split(result.command)
    if "--json" in words:
        at = words.index("--json")
        del words[at : at + 2]
    if several and "--method" in words:
        words[words.index("--method") + 1] = "METHOD"
    return shlex.join(words)


def _grouped(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    groups: dict[str, list[str]] = {}
    for key, value in pairs:
        if value not in groups.setdefault(key, []):
            groups[key].append(value)
    return list(groups.items())


def _speeds(contents: Sequence[Mapping[str, Any]], left_out: Sequence[str] = ()) -> str:
    """Render results of scripts/bench: value, control, ratio and its range; lines that contain left_out are omitted."""
    rows = [["", "measured", "control", "ratio (range)"]]
    made = []
    for content in contents:
        made.append(_bench_made_by(content))
        for line in content["results"]:
            if any(part in line["what"] for part in left_out):
                continue
            ratio = _interval({"value": line.get("ratio"), "low": line.get("low"), "high": line.get("high")}, 2)
            control = NO_VALUE if line.get("control") is None else f"{line['control']:,}"
            rows.append([line["what"], f"{line['value']:,} {line['unit']}".strip(), control, ratio])
    return _markdown(rows) + "\n" + "\n".join(made) + "\n"


def _accuracies(contents: Sequence[Mapping[str, Any]]) -> str:
    """Render results of scripts/bench without a control as a table: value and interval, named "column: row"."""
    cells: dict[str, dict[str, str]] = {}
    for line in (line for content in contents for line in content["results"]):
        column, row = line["what"].split(": ", 1)
        cells.setdefault(f"{row}, {line['unit']}", {})[column] = _interval(line, 2)
    columns = list(dict.fromkeys(column for row in cells.values() for column in row))
    rows = [["", *columns], *([name, *(row.get(one, NO_VALUE) for one in columns)] for name, row in cells.items())]
    return _markdown(rows) + "\n" + "\n".join(map(_bench_made_by, contents)) + "\n"


def _bench_made_by(content: Mapping[str, Any]) -> str:
    """Return the line on the command, the commit and the note of a result of scripts/bench."""
    note = f"; {content['note']}" if content.get("note") else ""
    if content.get("frozen"):
        return f"* {content['name']}: commit {content['commit']}{note}. {FROZEN}"
    return f"* `scripts/bench {content['name']}`: commit {content['commit']}{note}."


def renewed(text: str, definitions: Mapping[str, Any], folder: Path = FOLDER) -> str:
    """Return a document with every table rendered again. KeyError for a table that tables.toml does not define."""

    def table(block: re.Match[str]) -> str:
        return f"{block[1]}\n{render(definitions[block[2]], folder)}\n{block[3]}"

    return BLOCK.sub(table, text)


def measurable(folder: Path = FOLDER) -> dict[str, list[str]]:
    """Return result name -> command that measures it again; only commands that write JSON are included."""
    commands = {}
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_text())
        if content.get("frozen"):
            continue
        words = shlex.split(content.get("command") or f"scripts/bench {content['name']} --json OUT")
        if "--json" in words:
            commands[path.stem] = [*words[: words.index("--json")], "--json", str(path.relative_to(ROOT))]
    return commands


def measure(name: str | None) -> None:
    """Measure one result or all again; list results without a command and leave them unchanged."""
    commands = measurable()
    if name and name not in commands:
        raise SystemExit(f"{name} is not measured by a command that writes JSON. Choose one of: {', '.join(commands)}")
    for result, words in commands.items():
        if name in (None, result):
            print(shlex.join(words), flush=True)
            program = [sys.executable, *words[1:]] if words[0] == "python" else words
            subprocess.run(program, cwd=ROOT, check=True)
    if name is None:
        left = sorted({path.stem for path in FOLDER.glob("*.json")} - set(commands))
        print("Measured by hand (see `command` and `note` in the file):", ", ".join(left))


def main() -> None:
    """Update the tables of all documents, or check them."""
    parser = argparse.ArgumentParser(prog="scripts/figures", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 where a table differs")
    parser.add_argument("--measure", nargs="?", const="", metavar="NAME", help="run the benchmarks first (hours)")
    args = parser.parse_args()
    if args.measure is not None:
        measure(args.measure or None)
    definitions, stale = tables(), []
    for path in documents():
        text = path.read_text()
        if (new := renewed(text, definitions)) != text:
            stale.append(str(path.relative_to(ROOT)))
            if not args.check:
                path.write_text(new)
    if stale:
        print("\n".join(stale))
    if args.check and stale:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
