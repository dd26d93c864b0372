"""Names of methods on command lines: `model` and a network's own name both mean the network that a task ships.

Runs and rasters store the method under one name, which does not change.
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
    "offsets": Shipped("cc-res-siamnet", "model"),
}
TASK_OF_NETWORK = {shipped.name: task for task, shipped in SHIPPED.items()}


def method_of(task: str, name: str) -> str:
    """Return the stored name of a task's network for any of its names; return other names unchanged."""
    shipped = SHIPPED.get(task)
    return shipped.method if shipped and name in (MODEL, shipped.name) else name


def help_of(task: str) -> str:
    """Return a command line's help text on the names of a task's network."""
    return f"'{MODEL}' and '{SHIPPED[task].name}' both mean the network that is shipped (default: %(default)s)"
