"""`python -m ml inspect`: what files are taken for and what stands in them, before anything is loaded."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ground_motion.core.errors import InputError, Undeclared, printable
from ground_motion.rasters.results import require_outputs
from ground_motion.readers.formats.declared import add_declarations, declaration_of
from ground_motion.readers.formats.inspection import inspect
from ground_motion.readers.formats.walk import Walk, walk
from ground_motion.readers.records import Declaration

BAR_AFTER_SECONDS = 2  # Shorter work shows no bar in a terminal.
SHADES, BARS = " .:+#", " ▁▂▃▄▅▆▇█"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `python -m ml inspect`."""
    parser.add_argument("inputs", type=Path, nargs="+", metavar="FILE", help="files, or folders of them")
    parser.add_argument("--json", action="store_true", help="print a list for programs")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write that list to a file instead")
    add_declarations(parser)


def run(args: argparse.Namespace) -> int:
    """Print what each file is; return 2 if one of them would not be loaded."""
    require_outputs(listing=args.out)
    declared = declaration_of(vars(args))
    found = [_walk(path, declared) for path in args.inputs]
    arrivals = [path for each in found for path in each.arrivals]
    bar = tqdm(arrivals, "inspecting", leave=False, delay=BAR_AFTER_SECONDS, disable=None)
    reports = [inspect(path, args.format, declared) | {"path": str(path)} for path in bar]
    left = {str(path): why for each in found for path, why in each.left_alone.items()}
    listed = json.dumps(reports + [{"path": path, "left_alone": why} for path, why in left.items()], indent=1)
    if args.out:
        args.out.write_text(listed, encoding="utf-8")
    elif args.json:
        print(listed)
    else:
        for each in reports:
            print("\n".join(lines(each)), end="\n\n")
        for path, why in left.items():
            print(printable(f"{path}: left alone: {why}"))
    return 2 if any(each["refused"] or each["missing"] for each in reports) else 0


def _walk(path: Path, declared: Declaration) -> Walk:
    try:
        return walk(path, declared)
    except InputError:
        return Walk([path], {})  # The file's inspection reports the reason.


def lines(report: dict[str, Any]) -> Iterator[str]:
    """Yield an inspection as text."""
    name = printable(report["path"])
    if "title" in report:
        yield f"{name}: {report['title']} ({report.get('kind', 'unknown')}), by {report['reason']}"
    else:
        yield f"{name}: not recognised"
    for part in report["parts"]:
        yield from _part(part)
    if report["missing"]:
        yield _row("missing", Undeclared(report["path"], report["missing"]).remedy)
    if report["refused"]:
        yield _row("refused", report["refused"])


def _part(part: dict[str, Any]) -> Iterator[str]:
    if "points" in part:
        dates = f", {part['dates']} dates" if part.get("dates") else ""
        yield _row(part.get("component") or "points", f"{part['points']:,} points{dates}")
    for name, value, reason in part["facts"]:
        yield _row(name, f"{value}  ({reason})")
    for name in ("track", "direction"):
        if part.get(name):
            yield _row(name, part[name])
    for change in part.get("changes", ()):
        yield _row("changed", change)
    for reason, count in part.get("left_out", ()):
        yield _row("left out", f"{count:,} rows: {reason}")
    if "extent" in part:
        west, south, east, north = part["extent"]
        yield _row("extent", f"{west:g} to {east:g} E, {south:g} to {north:g} N")
    if "map" in part:
        yield from (f"    |{row}|" for row in _drawn_map(part["map"]))
    if "values" in part:
        low, five, middle, most, high = part["values"]
        unit = part["values_in"] or "the file's own numbers"
        yield _row("values", f"{low:g} to {high:g}, median {middle:g}, 90 % from {five:g} to {most:g}  ({unit})")
        edges, counts = part["histogram"]["edges"], part["histogram"]["counts"]
        yield f"    {edges[0]:g} |{_density_letters(counts, BARS)}| {edges[-1]:g}"


def _row(name: str, value: object) -> str:
    return f"  {name:<10}{value}"


def _drawn_map(counts: list[list[int]]) -> Iterator[str]:
    rows = [[sum(pair) for pair in zip(*two, strict=True)] for two in zip(counts[::2], counts[1::2], strict=True)]
    most = max(map(max, rows))
    return (_density_letters(row, SHADES, most) for row in rows)  # Letters are twice as high as wide.


def _density_letters(counts: list[int], letters: str, most: int = 0) -> str:
    """Return a letter for each count; any count above zero is drawn."""
    most = most or max(counts)
    return "".join(letters[-(-count * (len(letters) - 1) // most) if most else 0] for count in counts)
