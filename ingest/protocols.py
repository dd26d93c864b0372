"""Protocols of readers. A reader is a module; mypy checks each module in `ingest.formats.READERS` against these."""

from pathlib import Path
from typing import Protocol, runtime_checkable

from ingest.readers.images.scenes import ParsedName, SceneFile
from ingest.readers.records import Declaration, VelocityField


class Reader(Protocol):
    """Common interface of readers of velocities and of images.

    NAME: as the option --format and the database have it. TITLE: as people read it. SUFFIXES: of its files, in lower
    case with the dot; empty where a product is always a folder.
    """

    NAME: str
    TITLE: str
    SUFFIXES: frozenset[str]

    def recognises(self, path: Path) -> bool:
        """Return whether the content is of this format, complete or not. Never raises."""


class VelocityReader(Reader, Protocol):
    """A reader of one format of velocity fields."""

    def read(self, path: Path, declared: Declaration) -> tuple[VelocityField, ...]:
        """Read the header of each component; its points follow in batches, in our units and signs.

        Raises InputError for what cannot be used, also from the batches.
        """


@runtime_checkable
class SceneReader(Reader, Protocol):
    """A reader of one format of radar images."""

    def read(self, path: Path, declared: Declaration) -> tuple[SceneFile, ...]:
        """Read the header of each polarisation; its image, linear power, follows in blocks. Raises as above."""

    def parse_name(self, path: Path) -> ParsedName:
        """Return what the name states about an image that cannot be read. Never raises."""
