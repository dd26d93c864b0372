"""The one exception for input that cannot be used."""

from os import PathLike


class InputError(ValueError):
    """A file cannot be used: which one, what was found, what to do about it; one line for the person who gave it."""

    def __init__(self, path: str | PathLike[str], found: str, remedy: str) -> None:
        self.path, self.found, self.remedy = str(path), found, remedy
        super().__init__(f"{self.path}: {found}. {remedy}.")


class AlreadyLoaded(InputError):
    """The very same file (by SHA-256) is in the database: loading it again would change nothing."""
