"""Outlines of mines: any polygons, such as those of Maus et al. 2022, doi:10.1038/s41597-022-01547-4.

Their columns are ISO3_CODE, COUNTRY_NAME, AREA; other lists may state a NAME, and in STATE or STATUS whether it works.
"""

from collections.abc import Iterator
from pathlib import Path

from ingest.readers.context.outlines import read_outlines, text_of
from ingest.readers.context.records import MineRecord, Remark

CLOSED = {"closed", "abandoned", "inactive", "disused", "historic", "past producer", "flooded", "closure"}
ACTIVE = {"active", "open", "operating", "operational", "producing", "producer", "in operation"}
MAUS = {"iso3_code", "country_name", "area"}


def recognised(properties: set[str]) -> bool:
    """Return whether these are the columns of Maus et al."""
    return properties >= MAUS


def read(path: Path) -> Iterator[MineRecord | Remark]:
    """Read every mine that has an outline; a name is not needed."""
    for feature in read_outlines(path):
        if feature.outline is None:
            yield Remark(feature.fault, refused=True)
        else:
            name = text_of(feature.properties, "name", "mine_name", "mine")
            country = text_of(feature.properties, "country_name", "country")
            state = state_of(text_of(feature.properties, "state", "status", "operation_status", "op_status"))
            yield MineRecord(name[:200], country[:100], feature.outline, state)


def state_of(text: str) -> str:
    """Return 'active' or 'closed' for the words that lists of mines use; empty for any other."""
    word = text.strip().lower()
    return "closed" if word in CLOSED else "active" if word in ACTIVE else ""
