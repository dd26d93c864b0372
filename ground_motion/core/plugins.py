"""Entry points: the readers, methods, channels and programs that this project and other installed packages register.

A package registers a reader, a table of methods or a channel under one of the groups below in its pyproject.toml. The
service registers its program, which `ground-motion` runs besides the methods, and the packages of its commands.
"""

import tomllib
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

READERS, METHODS, CHANNELS = "ground_motion.readers", "ground_motion.methods", "ground_motion.channels"
PROGRAMS, COMMANDS = "ground_motion.programs", "ground_motion.commands"
_CHECKOUT = Path(__file__).parents[2]
DISTRIBUTIONS = {  # Name of each distribution of this project, and where a checkout states what it registers.
    "ground-motion-monitor": _CHECKOUT / "pyproject.toml",
    "ground-motion-service": _CHECKOUT / "service" / "pyproject.toml",
}


@cache
def entry_points_of(group: str) -> dict[str, EntryPoint]:
    """Return the entry points of a group by name: ours, then those of other packages; none of them is loaded.

    A checkout's entry points are read from its two pyproject.toml. ValueError if two packages register the same name.
    """
    points = [*entry_points(group=group)]
    if all(path.exists() for path in DISTRIBUTIONS.values()):
        stated = [tomllib.loads(path.read_text(encoding="utf-8"))["project"] for path in DISTRIBUTIONS.values()]
        tables = [project["entry-points"].get(group, {}) for project in stated]
        ours = [EntryPoint(name, value, group) for table in tables for name, value in table.items()]
        points = ours + [point for point in points if point.dist is None or point.dist.name not in DISTRIBUTIONS]
    named: dict[str, EntryPoint] = {}
    for point in points:
        if point.name in named:
            raise ValueError(f"{group}: {point.name} is registered as {named[point.name].value} and as {point.value}")
        named[point.name] = point
    return named
