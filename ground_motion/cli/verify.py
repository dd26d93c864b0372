"""`ground-motion verify`: compute an alert's figures from its sealed evidence again, and find every altered byte."""

import argparse
import re
from collections.abc import Iterator
from math import inf, isfinite
from pathlib import Path
from typing import Any

from ground_motion.core.errors import InputError, printable
from ground_motion.methods.deformation.sealed.measurement import alert_figures
from ground_motion.methods.deformation.sealed.package import MAX_BYTES, Altered, Package, opened, plain
from ground_motion.methods.deformation.sealed.versions import versions

MAX_ROUNDING = 1e-9  # Figures of another processor or other versions may differ by this share.
UNDECIDED = 3  # Exit status where another version may compute other figures.
SEAL = re.compile(r"[0-9a-f]{16,64}")
LONG = ("outline", "places", "tracks")  # Figures that a line cannot show.


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ground-motion verify`."""
    parser.add_argument("package", type=Path, metavar="FILE.zip", help="sealed evidence, from the page of an alert")
    parser.add_argument(
        "--seal", help="the seal that a page, report or paper copy states: its first 16 digits or all 64"
    )


def run(args: argparse.Namespace) -> int:
    """Check a package and print a line for each figure.

    Return 0 if everything is as sealed, UNDECIDED if other versions may be the reason why figures differ, else 1.
    """
    seal = None if args.seal is None else "".join(args.seal.split()).lower()
    if seal is not None and not SEAL.fullmatch(seal):
        raise InputError("--seal", "is no seal", "Give its first 16 hexadecimal digits or all 64")
    try:
        if args.package.stat().st_size > MAX_BYTES:
            raise Altered(f"The file is larger than {MAX_BYTES >> 20} MB.")
        package = opened(args.package.read_bytes())
        if seal is not None and not package.seal.startswith(seal):
            raise Altered(f"It is another package: its seal is {package.seal}.")
        made, here = package.stated["made_with"], versions()
        rounding = 0.0 if made == here else MAX_ROUNDING
        worst = max(_report(*line, rounding) for line in lines_of(package))
    except OSError as fault:
        raise InputError(args.package, f"cannot be read: {fault.strerror}", "Check the path") from fault
    except Altered as fault:
        print(printable(fault))
        print("NOT verified")
        return 1
    if made != here and worst:
        print(f"made with {printable(made)}, computed with {here}")
    if worst > rounding and made != here:
        print(f"cannot be decided here: made with {printable(made)}; install the same versions or ask the service")
        return UNDECIDED
    if worst > rounding:
        print("NOT verified: the figures are not those of the inputs")
        return 1
    simulated = " (simulated: not a real place)" if package.stated["simulated"] else ""
    print(printable(f"alert {package.stated['code']}, {package.stated['kind']}{simulated}"))
    print("taken as given: raster of the method, mean series, statistics, dates and sources")
    but = ", but for rounding: another processor or other versions" if worst else ""
    if seal is None:
        only = "Whether this is what the service sealed, only the seal says: compare it with the alert's page"
        print(f"The figures follow from the inputs{but}. {only}: {package.seal}")
    else:
        print(f"seal {package.seal}")
        print(f"verified{but}")
    return 0


def lines_of(package: Package) -> Iterator[tuple[str, Any, Any]]:
    """Yield (figure, as stated, as computed) of every figure. Raises Altered if the inputs give no figures."""
    try:
        stated = [each["figures"] for each in package.stated["measurements"]]
        computed = [plain(measurement.recomputed()) for measurement in package.measurements]
        facts = [measurement.facts for measurement in package.measurements]
        pairs = [("alert", package.stated["figures"], plain(alert_figures(list(zip(facts, computed, strict=True)))))]
        pairs += [
            (f"measurement {number}", *both) for number, both in enumerate(zip(stated, computed, strict=True), start=1)
        ]
        for label, before, now in pairs:
            for name in sorted({*before, *now}):
                yield f"{label}: {name}", before.get(name), now.get(name)
    except Exception as fault:  # Inputs that somebody made up can fail anywhere in the computation.
        raise Altered(f"No figures follow from the inputs: {fault!r}") from fault


def _report(label: str, stated: Any, computed: Any, rounding: float) -> float:
    """Print one figure; return its difference. rounding: relative differences that a processor or version may cause."""
    apart = _apart(stated, computed)
    shown = "" if label.rpartition(" ")[2] in LONG else f" {stated}"
    other = f" BUT {computed}" if shown else " BUT not as computed"
    said = " same" if not apart else " same but for rounding" if apart <= rounding else other
    print(printable(f"{label}:{shown}{said}"))
    return apart


def _apart(stated: Any, computed: Any) -> float:
    """Return the largest relative difference of the numbers in two values from JSON; infinite if all else differs."""
    if isinstance(stated, dict) and isinstance(computed, dict) and stated.keys() == computed.keys():
        return max((_apart(stated[name], computed[name]) for name in stated), default=0.0)
    if isinstance(stated, list) and isinstance(computed, list) and len(stated) == len(computed):
        return max(map(_apart, stated, computed), default=0.0)
    if stated == computed:
        return 0.0
    if isinstance(stated, float) and isinstance(computed, float):
        apart = abs(stated - computed) / max(abs(stated), abs(computed))
        return apart if isfinite(apart) else inf
    return inf
