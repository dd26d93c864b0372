"""The one exception for input that cannot be used."""

from os import PathLike

LONGEST_FOUND = 400  # letters; what a library says of damaged bytes can quote kilobytes of them


class InputError(ValueError):
    """A file cannot be used: which one, what was found, what to do about it; one line for the person who gave it."""

    def __init__(self, path: str | PathLike[str], found: str, remedy: str) -> None:
        found = " ".join(found.split())
        found = found if len(found) <= LONGEST_FOUND else f"{found[:LONGEST_FOUND]} …"
        self.path, self.found, self.remedy = str(path), found, remedy
        super().__init__(f"{self.path}: {found}. {remedy}.")


class AlreadyLoaded(InputError):
    """The very same file (by SHA-256) is in the database: loading it again would change nothing."""
