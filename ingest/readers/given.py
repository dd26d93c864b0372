"""What the person who gives a file says of it."""

from typing import NamedTuple

from ingest.readers.records import Declared


class Given(NamedTuple):
    """An empty line of attribution or licence leaves the file's own. loaded_by: an account, never shown publicly.

    called: what a product is named after where its file has no track; empty: the file and its folder.
    """

    source_format: str = "auto"
    declared: Declared = Declared()
    attribution: str = ""
    licence: str = ""
    loaded_by: str = ""
    called: str = ""


NOTHING_SAID = Given()
