"""Where footprints of several parts go back to one polygon, they become their box; test_upgrade.py migrates data."""

from importlib import import_module

import pytest

from ingest.foundation.locks import rows_of

BOX = import_module("ingest.migrations.0011_footprints_of_several_parts").BOX
HALVES = "MULTIPOLYGON(((179 -1,180 -1,180 1,179 1,179 -1)),((-180 -1,-179 -1,-179 1,-180 1,-180 -1)))"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("parts", "polygon"),
    [
        ("MULTIPOLYGON(((0 0,1 0,1 1,0 0)))", "POLYGON((0 0,1 0,1 1,0 0))"),
        (HALVES, "POLYGON((-180 -1,-180 1,180 1,180 -1,-180 -1))"),
    ],
)
def test_several_parts_become_their_box(parts, polygon):
    assert rows_of(f"SELECT ST_AsText({BOX}) FROM (SELECT %s::geometry AS footprint) AS known", [parts]) == [(polygon,)]
