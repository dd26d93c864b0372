"""Values that a table lets be empty, where the caller knows that they are there."""

from typing import TypeVar

Value = TypeVar("Value")


def not_none(value: Value | None) -> Value:
    """Return a value that cannot be None here, such as the product of a run that searched one. Raises ValueError."""
    if value is None:
        raise ValueError("a value is missing that must be known here")
    return value
