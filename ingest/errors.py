"""The one exception for input that cannot be used."""

from os import PathLike

LONGEST_LINE = 600


def one_line(text: str) -> str:
    """Text as one line that a database, a page and a terminal can take: no control characters, not too long."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…"


class InputError(ValueError):
    """A file cannot be used: which one, what was found, what to do about it; one line for the person who gave it."""

    def __init__(self, path: str | PathLike[str], found: str, remedy: str) -> None:
        # what was found may quote the file, and a file may hold anything
        self.path, self.found, self.remedy = str(path), one_line(found), remedy
        super().__init__(f"{self.path}: {self.found}. {remedy}.")


class AlreadyLoaded(InputError):
    """The very same file (by SHA-256) is in the database: loading it again would change nothing."""
