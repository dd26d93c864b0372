"""Count the returns of a way through the code, while a test walks it.

    python -m lab.checks.ways START END TEST
    prediction to alert: detection.alerts.services:prediction_scan, tests/service/detection/test_alerts.py -k one_track
    alert to page: monitor.pages.alerts.views:alert_detail, tests/service/monitor/test_pages.py -k how_sure

START and END are functions as `module:name`; the way begins where START is called first and ends where END returns.
Its functions, of this project's modules only, are read once each, in the order in which they first run. A return is a
module that the reader left and has to open again; it counts once, however often that happens.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from types import FrameType
from typing import NamedTuple

import pytest

from lab.checks.weights import FILE, ROOT, read


class Step(NamedTuple):
    """A function on the way, named as in `module:name`."""

    module: str
    function: str


class Walk:
    """A profiler that notes the functions that run from the call of `start` to the return of `end`."""

    def __init__(self, start: Step, end: Step, packages: Iterable[str]) -> None:
        self.start, self.end, self.packages = start, end, {*packages}
        self.steps: dict[Step, None] = {}
        self.is_done = False

    def hear(self, frame: FrameType, event: str, argument: object) -> None:
        """Note a call, or end with the return of the last function."""
        module, name = frame.f_globals.get("__name__", ""), frame.f_code.co_qualname.replace(".<locals>", "")
        is_ours = module.partition(".")[0] in self.packages and "<" not in name  # Not a comprehension nor a lambda.
        if self.is_done or event not in ("call", "return") or not is_ours:
            return
        step = Step(module, name)
        if event == "return":
            self.is_done = step == self.end and self.start in self.steps
        elif self.steps or step == self.start:
            self.steps.setdefault(step)


def stops(steps: Iterable[Step]) -> list[str]:
    """Return the modules on a way in the order of reading, each as often as it is entered."""
    return [module for module, _ in groupby(step.module for step in steps)]


def returns(steps: Iterable[Step]) -> list[str]:
    """Return the modules that are entered more than once."""
    return [module for module, n_entries in Counter(stops(steps)).items() if n_entries > 1]


def main() -> int:
    """Run the test, print the way, and return 1 where the test fails or does not take it."""
    parser = argparse.ArgumentParser(description="Count the returns of a way through the code.")
    parser.add_argument("start", type=lambda text: Step(*text.split(":")))
    parser.add_argument("end", type=lambda text: Step(*text.split(":")))
    parser.add_argument("test", nargs="+", help="arguments of pytest")
    options = parser.parse_args()
    walk = Walk(options.start, options.end, read((ROOT / FILE).read_text(encoding="utf-8")).packages)
    sys.setprofile(walk.hear)
    try:
        fault = pytest.main(["-q", "-n", "0", *options.test])
    finally:
        sys.setprofile(None)
    if fault or not walk.is_done:
        print(f"the test failed or did not go from {':'.join(options.start)} to {':'.join(options.end)}")
        return 1
    print(*stops(walk.steps), sep="\n")
    n_modules = len({step.module for step in walk.steps})
    print(f"{len(walk.steps)} functions in {n_modules} modules, {len(returns(walk.steps))} returns")
    return 0


if __name__ == "__main__":
    sys.exit(main())
