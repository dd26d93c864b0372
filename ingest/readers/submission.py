"""A file as it is submitted: what the submitter declares about it."""

from dataclasses import dataclass, field

from ingest.readers.records import Declaration


@dataclass(frozen=True, kw_only=True)
class Submission:
    """An empty attribution or licence leaves the file's own. loaded_by: an account, never shown publicly.

    called: what a product is named after where its file states no track; empty: the file and its folder.
    """

    source_format: str = "auto"
    declared: Declaration = field(default_factory=Declaration)
    attribution: str = ""
    licence: str = ""
    loaded_by: str = ""
    called: str = ""


PLAIN_SUBMISSION = Submission()
