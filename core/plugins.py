"""Entry points: the readers, methods and channels that this project and other installed packages register.

A package registers a reader, a table of methods or a channel under one of the groups below in its pyproject.toml. It
is used without a line changed here.
"""

import tomllib
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

READERS, METHODS, CHANNELS = "ground_motion.readers", "ground_motion.methods", "ground_motion.channels"
DISTRIBUTION = "ground-motion-monitor"
CHECKOUT = Path(__file__).parents[1] / "pyproject.toml"


@cache
def entry_points_of(group: str) -> dict[str, EntryPoint]:
    """Return the entry points of a group by name: ours, then those of other packages; none of them is loaded.

    A checkout need not be installed: its own entry points are read from its pyproject.toml. ValueError if two packages
    register the same name.
    """
    points = [*entry_points(group=group)]
    if CHECKOUT.exists():
        table = tomllib.loads(CHECKOUT.read_text(encoding="utf-8"))["project"]["entry-points"][group]
        ours = [EntryPoint(name, value, group) for name, value in table.items()]
        points = ours + [point for point in points if point.dist is None or point.dist.name != DISTRIBUTION]
    named: dict[str, EntryPoint] = {}
    for point in points:
        if point.name in named:
            raise ValueError(f"{group}: {point.name} is registered as {named[point.name].value} and as {point.value}")
        named[point.name] = point
    return named
