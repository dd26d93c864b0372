"""Variables of the environment. Each is read by its row of variables.csv: type, unit, default and reason.

A default in round brackets is computed by whoever reads the variable. scripts/settings makes .env.example.
"""

import csv
import json
import os
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import environ
from django.core.exceptions import ImproperlyConfigured

from ingest.foundation import folders

TABLE = Path(__file__).with_name("variables.csv")
MAX_SHOWN_CHARACTERS, MAX_NAMES_CHARACTERS = 40, 100  # What is longer is cut: an error has at most 200 characters.
CONFINED = "GROUND_MOTION_CONFINED"  # It is set for a process that reads a given file: it is told all that it may know.
YES, NO = ("true", "on", "ok", "y", "yes", "1"), ("false", "off", "no", "n", "0", "")
CHOICE = "one of "
SECRETS = ("secret", "server")  # An address of a server may hold a password.
Value = TypeVar("Value")


class Variable(NamedTuple):
    """Row of the table. part: heading in .env.example; example: shown there where no default is stated."""

    part: str
    name: str
    type: str
    unit: str
    default: str
    example: str
    reason: str

    @property
    def stated_default(self) -> str | None:
        """Return the value of an unset variable; None if the table only describes it."""
        return None if self.default.startswith("(") else self.default


@cache
def variables() -> dict[str, Variable]:
    """Return the rows of the table by name."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {row["name"]: Variable(**row) for row in csv.DictReader(file)}


def state_folder() -> Path:
    """Return the folder of rasters, logs and keys, after adding the variables of .env and of the private servers.

    What is set in the environment goes before what stands in those files.
    """
    folder = Path(os.environ.get("GROUND_MOTION_VAR", folders.BASE_DIR / "var"))
    if CONFINED not in os.environ:
        environ.Env.read_env(folders.BASE_DIR / ".env")
        environ.Env.read_env(folder / "services.env")  # scripts/services writes this file.
    return folder


def text(name: str, default: str | None = None) -> str:
    """Return a text. default: the computed one, where the table only describes it."""
    variable = variables()[name]
    stated = variable.stated_default
    if (default is None) == (stated is None):
        raise LookupError(f"variables.csv and the code that reads {name} must not both, nor neither, state its default")
    value = str(environ.Env().get_value(name, cast=str, default=stated if default is None else default))
    if variable.type.startswith(CHOICE):
        choices = variable.type.removeprefix(CHOICE).split(", ")
        if value != stated and value not in choices:
            raise fault(name, value, f"use {', '.join(choices)}, or nothing")
    return value


def checked_text(name: str, check: Callable[[str], object]) -> str:
    """Return a text that a check accepts, which raises ValueError with what is wrong."""
    value = text(name)
    try:
        check(value)
    except ValueError as wrong:
        raise ImproperlyConfigured(f"{name}: {wrong}.") from None
    return value


def server(name: str) -> str:
    """Return the address of a server without which nothing runs."""
    if name not in os.environ:
        raise ImproperlyConfigured(
            f"{name} is not set and no private server was started. Run scripts/services start, or set it."
        )
    return text(name, "")


def switch(name: str, default: bool | None = None) -> bool:
    """Return whether something is switched on. default: the computed one, where the table only describes it."""
    value = text(name, None if default is None else YES[-1] if default else NO[0])
    answer = value.strip().lower()
    if answer not in YES + NO:
        raise fault(name, value, "write yes or no")
    return answer in YES


def whole_number(name: str) -> int:
    """Return a whole number in the variable's unit."""
    return _parsed(name, int, "write a whole number")


def number(name: str) -> float:
    """Return a number in the variable's unit."""
    return _parsed(name, lambda value: float(environ.Env.parse_value(value, float)), "write a number")


def texts(name: str) -> list[str]:
    """Return the parts of a text between commas."""
    return [part for part in text(name).split(",") if part]


def whole_numbers(name: str) -> list[int]:
    """Return whole numbers that are separated by commas, in the variable's unit."""
    return _parsed(name, lambda value: [int(part) for part in value.split(",") if part], "write 6,12 or the like")


def pairs(name: str) -> dict[str, str]:
    """Return values by name, of NAME=VALUE between commas."""
    return _parsed(name, _pairs, "write NAME=VALUE,NAME=VALUE")


def pairs_over_default(name: str) -> dict[str, str]:
    """Return values by name: those of the table's default, except where the variable states others for its names."""
    default = _pairs(variables()[name].default)
    return default | _check_names(name, pairs(name), default)


def json_object(name: str, known: Collection[str]) -> dict[str, Any]:
    """Return a JSON object. known: the only names that are allowed in it."""
    return _check_names(name, _parsed(name, lambda value: dict(json.loads(value)), "write a JSON object"), known)


def fault(name: str, value: str, remedy: str) -> ImproperlyConfigured:
    """Return the error for a wrong value, which is not shown if it may be secret."""
    said = "wrong (it may be secret)" if variables()[name].type in SECRETS else repr(_cut(value, MAX_SHOWN_CHARACTERS))
    return ImproperlyConfigured(f"{name} is {said}; {remedy}.")


def _pairs(value: str) -> dict[str, str]:
    """Return values by name. ValueError if a part has no equals sign."""
    return dict(part.split("=", 1) for part in value.split(",") if part)


def _parsed(name: str, parse: Callable[[str], Value], remedy: str) -> Value:
    """Return what a parser makes of a variable's text."""
    value, variable = text(name), variables()[name]
    try:
        return parse(value)
    except (ValueError, TypeError):
        unit = f" of {variable.unit}" if variable.unit else ""
        raise fault(name, value, f"{remedy}{unit}") from None


def _check_names(name: str, given: dict[str, Value], known: Collection[str]) -> dict[str, Value]:
    """Return what is given, if it has no other names than the known ones."""
    if unknown := sorted(given.keys() - known):
        wrong, right = _cut(", ".join(unknown), MAX_SHOWN_CHARACTERS), _cut(", ".join(known), MAX_NAMES_CHARACTERS)
        raise ImproperlyConfigured(f"{name} has {wrong}; use {right}.")
    return given


def _cut(words: str, most: int) -> str:
    """Return the beginning of a text."""
    return words if len(words) <= most else f"{words[:most]}…"
