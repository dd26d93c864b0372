"""`ground-motion verify`: compute an alert's figures from its sealed evidence again, and find every altered byte."""

import argparse
import json
from collections.abc import Iterator
from math import inf, isfinite
from pathlib import Path
from typing import Any

from core.errors import InputError, printable
from ml.deformation.sealed.measurement import alert_figures
from ml.deformation.sealed.package import MAX_BYTES, Altered, Package, opened
from ml.deformation.sealed.stamp import BadStamp, stamped_at
from ml.deformation.sealed.versions import versions

MAX_ROUNDING = 1e-9  # Figures of another processor or other versions may differ by this share.
LONG = ("outline", "places", "tracks")  # Figures that a line cannot show.


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ground-motion verify`."""
    parser.add_argument("package", type=Path, metavar="FILE.zip", help="sealed evidence, from the page of an alert")
    parser.add_argument("--seal", help="what a page, a report or a paper copy states: the first digits or all of them")


def run(args: argparse.Namespace) -> int:
    """Check a package and print a line for each figure. Return 0 if everything is as sealed, else 1."""
    try:
        if args.package.stat().st_size > MAX_BYTES:
            raise Altered(f"The file is larger than {MAX_BYTES >> 20} MB.")
        package = opened(args.package.read_bytes())
        if args.seal and not package.seal.startswith(args.seal.replace(" ", "").lower()):
            raise Altered(f"It is another package: its seal is {package.seal}.")
        time = stamped_at(package.stamp, package.manifest) if package.stamp else None
        made, here = package.stated.get("made_with"), versions()
        worst = max(_report(*line, 0.0 if made == here else MAX_ROUNDING) for line in lines_of(package))
    except OSError as fault:
        raise InputError(args.package, f"cannot be read: {fault.strerror}", "Check the path") from fault
    except (Altered, BadStamp) as fault:
        print(printable(fault))
        print("NOT verified")
        return 1
    if made != here and worst:
        print(f"made with {printable(made)}, computed with {here}")
    if worst > (0.0 if made == here else MAX_ROUNDING):
        print("NOT verified: the figures are not those of the inputs")
        return 1
    print(f"seal {package.seal}")
    if time:
        print(f"stamped at {time:%Y-%m-%d %H:%M:%S} UTC; by whom:")
        print("  openssl ts -verify -data manifest.json -in manifest.tsr -CAfile AUTHORITY.pem")
    print("verified, but for rounding: another processor or other versions" if worst else "verified")
    return 0


def lines_of(package: Package) -> Iterator[tuple[str, Any, Any]]:
    """Yield (figure, as stated, as computed) of every figure. Raises Altered if the inputs give no figures."""
    try:
        stated = [each["figures"] for each in package.stated["measurements"]]
        computed = [_plain(measurement.recomputed()) for measurement in package.measurements]
        facts = [measurement.facts for measurement in package.measurements]
        pairs = [("alert", package.stated["figures"], _plain(alert_figures(list(zip(facts, computed, strict=True)))))]
        pairs += [
            (f"measurement {number}", *both) for number, both in enumerate(zip(stated, computed, strict=True), start=1)
        ]
        for label, before, now in pairs:
            for name in sorted({*before, *now}):
                yield f"{label}: {name}", before.get(name), now.get(name)
    except Exception as fault:  # Inputs that somebody made up can fail anywhere in the computation.
        raise Altered(f"No figures follow from the inputs: {fault!r}") from fault


def _report(label: str, stated: Any, computed: Any, rounding: float) -> float:
    """Print one figure; return by how much it differs. rounding: relative differences up to this are the machine's."""
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


def _plain(value: Any) -> Any:
    """Return a value as it is read back from JSON: lists for tuples."""
    return json.loads(json.dumps(value))
