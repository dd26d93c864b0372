"""Outlines of mines: any polygons. Made for Maus et al. 2022, doi:10.1038/s41597-022-01547-4 (their columns ISO3_CODE,
COUNTRY_NAME, AREA); other names are looked for under NAME."""

from collections.abc import Iterator
from pathlib import Path

from ingest.readers.context.outlines import read_outlines, text_of
from ingest.readers.context.records import MineRecord, Remark

MAUS = {"iso3_code", "country_name", "area"}


def recognised(properties: set[str]) -> bool:
    """Whether these are the columns of Maus et al."""
    return properties >= MAUS


def read(path: Path) -> Iterator[MineRecord | Remark]:
    """Every mine that has an outline; a name is not needed."""
    for feature in read_outlines(path):
        if feature.outline is None:
            yield Remark(feature.fault, refused=True)
        else:
            name = text_of(feature.properties, "name", "mine_name", "mine")
            country = text_of(feature.properties, "country_name", "country")
            yield MineRecord(name[:200], country[:100], feature.outline)
