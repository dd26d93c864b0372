"""A row for each kind of velocity file: how to make one whose motion is known, and what a reader must make of it.

A maker of velocity files lists its rows as SOURCES; `every` finds them. tests/library/readers/test_units_and_signs.py
reads them all.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import NamedTuple

from ground_motion.readers.records import Component, Declaration, Technique

SINKS = -20.0  # mm/yr: away from the satellite, or down
FLOWS = 100_000.0  # mm/yr, to the east


class Source(NamedTuple):
    """format: by which it is recognised. make: writes a file or folder. component and mm_yr: what must come out.

    Of stacks of interferograms, whose zero is a convention, half of the ground is still.
    """

    format: str
    make: Callable[[Path], Path]
    component: Component
    mm_yr: float
    technique: Technique = Technique.INSAR
    declared: Declaration | None = None
    series: bool = True


def every() -> list[Source]:
    """The rows of all makers."""
    modules = [import_module(f"tests.makers.{info.name}") for info in iter_modules([str(Path(__file__).parent)])]
    return [source for module in modules for source in getattr(module, "SOURCES", ())]
