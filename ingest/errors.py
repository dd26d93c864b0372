"""Exceptions for input that cannot be used. Their text is for the person who gave it."""

import errno
from os import PathLike

LONGEST_LINE = 600
FULL_DISK_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})


def one_line(text: str) -> str:
    """Return text as one line without control characters and not too long, for a database, a page and a terminal."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…"


class UnusableData(ValueError):
    """Data that a method cannot work on; the text says why."""

    @property
    def sentence(self) -> str:
        """The text as a sentence on one line."""
        text = one_line(str(self))
        return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def gettext_noop(text: str) -> str:
    """Mark a text for the catalogues of the languages; whoever shows it on a page translates it."""
    return text


class InputError(UnusableData):
    """A file cannot be used: which one, what is wrong with it and what to do about it, on one line.

    values: of the %(names)s in problem and remedy. words: problem and remedy without them, to translate.
    """

    def __init__(self, path: str | PathLike[str], problem: str, remedy: str, **values: str | int) -> None:
        self.words, self.values = (problem, remedy), values
        if values:
            shown = {name: f"{one:,}" if isinstance(one, int) else one for name, one in values.items()}
            problem, remedy = problem % shown, remedy % shown
        # the problem may quote the file, and a file may hold anything
        self.path, self.problem, self.remedy = str(path), one_line(problem), remedy
        super().__init__(f"{self.path}: {self.problem}. {remedy}.")

    @property
    def sentence(self) -> str:
        """The whole text; it begins with a file's name, which keeps its case."""
        return one_line(str(self))


class AlreadyLoaded(InputError):
    """The very same file (by SHA-256) is in the database: loading it again would change nothing."""


class _Passing(OSError):
    number = errno.EIO

    def __init__(self, sentence: str) -> None:
        super().__init__(self.number, one_line(sentence))

    def __str__(self) -> str:
        return str(self.strerror)


class DiskFull(_Passing):
    """A disk has no room for the work now. Nothing of it was kept, and it can be done once there is room."""

    number = errno.ENOSPC


class StorageFailed(_Passing):
    """The object store did not do what was wanted. Nothing of the work was kept, and it can be done later."""


def sentence_of(fault: Exception) -> str:
    """Return why something failed: the sentence of unusable data; anything else is a fault of this program."""
    if isinstance(fault, UnusableData):
        return fault.sentence
    return one_line(f"A fault in this program ({type(fault).__name__}: {fault}).")
