"""Exceptions for input that cannot be used. Their text is meant for the person who submitted the input."""

import errno
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from typing import TypeVar

Value = TypeVar("Value")
MAX_LINE = 500  # A message with the name of its file is at most this long.
MAX_REFUSAL = 200  # Problem and remedy are at most this long, to be read at once.
MIN_PROBLEM = 60  # The problem keeps at least this length, whatever the remedy.
MAX_SHOWN = 4  # A message names at most this many columns, datasets or files.
LONG_WORD = re.compile(r"\S{33,}")
FULL_DISK_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})
EXAMPLES = {"unit": "--unit mm/yr", "positive": "--positive toward", "period": "--period 2019-01-01/2023-12-31"}


def promised(value: Value | None) -> Value:
    """Return a value that a rule of the database promises to be there. RuntimeError if it is None."""
    if value is None:
        raise RuntimeError("a row lacks a value that the rules of its table promise")
    return value


def one_line(text: str, length: int = MAX_LINE) -> str:
    """Return text as one line without control characters, shortened to fit a database, a page and a terminal."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def printable(text: object) -> str:
    """Return a name with "?" for letters that a terminal cannot show, such as bytes of another encoding."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(text))


def first_names(names: list[str]) -> str:
    """Return the first few names as text, with the number of the others."""
    more = f" and {len(names) - MAX_SHOWN:,} more" if len(names) > MAX_SHOWN else ""
    return ", ".join(short(name) for name in names[:MAX_SHOWN]) + more


def short(text: str) -> str:
    """Return a text with the middle of its long words, such as names of files, left out."""
    return LONG_WORD.sub(lambda word: f"{word[0][:14]}…{word[0][-17:]}", text)


def shortened(problem: str, beside: int) -> str:
    """Return a problem as one line that can be read at once. beside: letters of what else the refusal says.

    The problem may quote the file, which may hold anything of any length.
    """
    room, line = max(MIN_PROBLEM, MAX_REFUSAL - beside), one_line(problem)
    return one_line(line if len(line) <= room else short(line), room)


class UnusableData(ValueError):
    """Error for data that a method cannot process; the text gives the reason."""

    @property
    def sentence(self) -> str:
        """The text as one line that begins with a capital and ends with a full stop."""
        text = one_line(str(self))
        return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def gettext_noop(text: str) -> str:
    """Return the text unchanged; marks it for the translation catalogues. It is translated where it is shown."""
    return text


class InputError(UnusableData):
    """Error for a file that cannot be used: the file, the problem and the remedy on one line.

    values: replace the %(names)s in problem and remedy. words: (problem, remedy) with these names, for translation.
    missing: names of what somebody can declare, so that the file can be used.
    """

    missing: tuple[str, ...] = ()

    def __init__(self, path: str | PathLike[str], problem: str, remedy: str, **values: str | float) -> None:
        self.words, self.values = (problem, remedy), values
        if values:
            shown = {name: f"{value:,}" if isinstance(value, int) else value for name, value in values.items()}
            problem, remedy = problem % shown, remedy % shown
        self.problem = shortened(problem, len(remedy) + len(". ."))
        self.path, self.remedy = str(path), remedy
        super().__init__(f"{printable(path)}: {self.problem}. {remedy}.")

    def rename(self, path: str | PathLike[str]) -> "InputError":
        """Return this error under another name: that of the given archive, not of a file inside it."""
        self.path = str(path)
        self.args = (f"{printable(path)}: {self.problem}. {self.remedy}.",)
        return self

    @property
    def sentence(self) -> str:
        """The whole text on one line; it begins with the file's name, whose case is kept."""
        return one_line(str(self))


@contextmanager
def refusing(
    path: str | PathLike[str], problem: str, remedy: str, *faults: type[Exception], **values: str | float
) -> Iterator[None]:
    """Turn the given faults within a block into an InputError, whose problem may hold text of the file.

    problem: {} is the fault's own text. values: where there are any, it is a template, and %(fault)s is that text.
    """
    try:
        yield
    except InputError:
        raise
    except faults as fault:
        text = " ".join(str(fault).split()) or type(fault).__name__
        if values:
            values["fault"] = text[:120]
        raise InputError(path, problem.replace("{}", text), remedy, **values) from fault


class AlreadyLoaded(InputError):
    """Error for a file whose content (by SHA-256) is already in the database."""


class UnknownColumns(InputError):
    """Error for a table of which somebody must say what its columns are."""

    missing = ("columns",)


class Undeclared(InputError):
    """Error for a file that does not state all that is needed. missing: names of EXAMPLES that are to be declared."""

    def __init__(self, path: str | PathLike[str], missing: Sequence[str], otherwise: str = "") -> None:
        self.missing = tuple(missing)
        named = {"unit": "unit", "positive": "sign", "period": "period"}
        *first, last = (named[name] for name in self.missing)
        what = f"{', '.join(first)} and {last} of its values are" if first else f"{last} of its values is"
        options = " ".join(EXAMPLES[name] for name in self.missing)
        super().__init__(path, f"the {what} not declared", f"Add what holds, as in {options}{otherwise}")


class _Passing(OSError):
    number = errno.EIO

    def __init__(self, sentence: str) -> None:
        super().__init__(self.number, one_line(sentence))

    def __str__(self) -> str:
        return str(self.strerror)


class DiskFull(_Passing):
    """Error for a disk without room for the work. No result was kept; the work can be done once there is room."""

    number = errno.ENOSPC


class StorageFailed(_Passing):
    """Error for a failed request to the object store. No result was kept; the work can be done later."""
