"""Names of methods on command lines: `model` and a network's own name both mean the network shipped for a task.

In runs and rasters the method is stored under one name, which does not change.
"""

from typing import NamedTuple

MODEL = "model"


class Shipped(NamedTuple):
    """The network that a task uses by default. name: its name in the code; method: its name in runs and rasters."""

    name: str
    method: str


SHIPPED = {
    "deformation": Shipped("deformation-unet", "model"),
    "coherence": Shipped("residual-unet", "residual-unet"),
    "offsets": Shipped("offsets-network", "model"),
}
TASK_OF_NETWORK = {shipped.name: task for task, shipped in SHIPPED.items()}


def method_of(task: str, name: str) -> str:
    """Return the name under which a task's network is stored; names of other methods are returned unchanged."""
    shipped = SHIPPED.get(task)
    return shipped.method if shipped and name in (MODEL, shipped.name) else name


def help_of(task: str) -> str:
    """Return the help text for a command line's method option: which names mean a task's network."""
    return f"'{MODEL}' and '{SHIPPED[task].name}' both mean the network that is shipped (default: %(default)s)"
