"""Methods: one row holds all that is known of a method beside its code; the rows of a task are an entry point.

On command lines `model` and a network's own name both mean the network shipped for a task; in runs and rasters the
method is stored under one name, which does not change. Importing this module or any row imports no torch.
"""

from dataclasses import KW_ONLY, dataclass
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ground_motion.core.plugins import METHODS, entry_points_of

if TYPE_CHECKING:
    from ground_motion.runtime.checkpoints import Card

MODEL = "model"


@dataclass(frozen=True)
class Method:
    """A method of a task. The class of a task (`offsets.OffsetsMethod`, …) says how its code is called.

    Attributes:
        task: value of `ml.models.ModelVersion.Task`, of the class
        name: in runs, rasters and on command lines
        version: to be raised when the numbers change
        label: what people call it, in the middle of an English sentence; `core.errors.gettext_noop` marks it
        code: "module:name" of what computes it, imported when it is first used
        order: its place among the methods of its task, the lowest first
        network: own name of the network that is shipped for the task; empty for all other methods
        weights: name of its card in `folder`; empty for methods without weights
        folder: where its card and weights lie; None: with those that we ship
    """

    task: ClassVar[str]
    name: str
    version: str
    label: str
    _: KW_ONLY
    code: str
    order: int = 1000
    network: str = ""
    weights: str = ""
    folder: Path | None = None

    def __post_init__(self) -> None:
        if not self.label:
            raise ValueError(f"the method {self.name!r} of {self.task} has no label")

    @property
    def function(self) -> Any:
        """What computes the method."""
        return resolve_name(self.code)

    def card(self) -> "Card | None":
        """Read the card of its weights; None for a method without weights. InputError if it is missing."""
        from ground_motion.runtime.checkpoints import WEIGHTS, read_card  # They need torch.

        return read_card(self.weights, self.folder or WEIGHTS) if self.weights else None

    def parameters(self) -> dict[str, Any]:
        """Return the constants with which the method runs, to be recorded with its results."""
        return {}

    @classmethod
    def find(cls, name: str) -> Self:
        """Return the row of a method of this class's task. ValueError if there is none, TypeError for another class."""
        row = method_named(cls.task, name)
        if not isinstance(row, cls):
            raise TypeError(f"the row of the method {name!r} is no {cls.__name__}")
        return row


@cache
def methods(task: str) -> dict[str, Method]:
    """Return the methods of a task by name, in their order. ValueError if two have the same name."""
    rows = [row for point in entry_points_of(METHODS).values() for row in point.load() if row.task == task]
    named = {row.name: row for row in sorted(rows, key=lambda row: row.order)}
    if len(named) < len(rows):
        raise ValueError(f"two methods of {task} have the same name: {', '.join(sorted(row.name for row in rows))}")
    return named


def method_named(task: str, name: str) -> Method:
    """Return the row of a method of a task. ValueError if there is none."""
    rows = methods(task)
    if name not in rows:
        raise ValueError(f"there is no method {name!r}; choose one of {', '.join(rows)}")
    return rows[name]


def shipped_method(task: str) -> Method:
    """Return the method that a task uses by default: its shipped network."""
    return next(row for row in methods(task).values() if row.network)


def method_of(task: str, name: str) -> str:
    """Return the name under which a task's network is stored; names of other methods are returned unchanged."""
    return next((row.name for row in methods(task).values() if row.network and name in (MODEL, row.network)), name)
