"""The world atlas of the base map (Natural Earth, 1 : 10 million): its outlines, and countries' names in our languages.

The names of countries are Unicode's (CLDR), in `countries.csv`.
"""

import csv
import json
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import numpy as np
import shapely
from django.utils.translation import get_language
from numpy.typing import NDArray
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from ingest.foundation.folders import SITE_DIR

Line = np.ndarray[Any, np.dtype[np.float64]]
WORLD = SITE_DIR / "static" / "vendor" / "world-atlas" / "countries-10m.json"
COUNTRIES = Path(__file__).with_name("countries.csv")
MIN_CORNERS = 4  # A ring repeats its first corner, so that a triangle has four.
TURNS = (-360.0, 0.0, 360.0)
NEAR_DEGREES = 1.0  # Small islands are missing at this scale.


class Outline(TypedDict, total=False):
    """Object of the atlas. arcs: numbers of arcs, in lists of rings and of polygons; ~number: from its end."""

    type: str
    id: str
    properties: dict[str, str]
    arcs: Any


class Country(NamedTuple):
    """Country of the atlas. parts: its polygons, split at 180°; code: ISO 3166."""

    code: str
    name: str
    parts: NDArray[np.object_]

    @property
    def title(self) -> str:
        """Return the name in the active language; that of the atlas without a code."""
        return country_title(self.code or self.name)


@lru_cache(maxsize=1)
def country_rows() -> dict[str, dict[str, str]]:
    """Return code, number and names by language of every country, by its code."""
    with COUNTRIES.open(encoding="utf-8", newline="") as stream:
        return {row["code"]: row for row in csv.DictReader(stream)}


def country_title(country: str) -> str:
    """Return the name of a country in the active language from its ISO code; any other text as it is."""
    language = (get_language() or "en")[:2]
    return country_rows()[country].get(language, country) if country in country_rows() else country


@lru_cache(maxsize=1)
def atlas_countries() -> list[Country]:
    """Return the countries of the atlas; outlines with the same code are one country."""
    objects, arcs = read_atlas()
    numbers = {row["number"]: code for code, row in country_rows().items() if row["number"]}
    codes = {row["en"]: code for code, row in country_rows().items() if not row["number"]}
    found: dict[tuple[str, str], list[shapely.Polygon]] = {}
    for outline in objects["countries"]:
        name = outline["properties"]["name"]
        code = numbers.get(outline.get("id", ""), codes.get(name, ""))
        found.setdefault((code, "" if code else name), []).extend(atlas_polygons(outline, arcs))
    return [
        Country(code, name or country_rows()[code]["en"], split_at_edges(polygons))
        for (code, name), polygons in found.items()
        if polygons
    ]


@lru_cache(maxsize=1)
def country_parts() -> tuple[list[Country], shapely.STRtree]:
    """Return the country of each part of land, and a spatial index of the parts in the same order."""
    countries = atlas_countries()
    parts = np.concatenate([country.parts for country in countries])
    return [country for country in countries for _part in country.parts], shapely.STRtree(parts)


def country_around(longitude: float, latitude: float) -> Country | None:
    """Return the country at a place, or the nearest one within a degree; None if there is none."""
    countries, tree = country_parts()
    nearest = tree.query_nearest(shapely.Point(longitude, latitude), max_distance=NEAR_DEGREES)
    return countries[int(nearest[0])] if nearest.size else None


def read_atlas() -> tuple[dict[str, list[Outline]], list[Line]]:
    """Return the outlines of land and countries, and the arcs, the lines of which they consist, degrees."""
    # TopoJSON: each arc is a chain of quantised steps (TopoJSON specification 1.0, section 2.1.2). The steps are nearly
    # all of the file. As lists of Python's numbers they would take 60 MB and most of the time.
    before, _, after = WORLD.read_text().rpartition('"arcs":[[[')
    chains, _, after = after.partition("]]],")
    world = json.loads(before + after)
    steps = np.fromstring(chains.replace("[", "").replace("]", ""), sep=",").reshape(-1, 2)
    ends = np.cumsum([chain.count("],[") + 1 for chain in chains.split("]],[[")])
    scale, origin = world["transform"]["scale"], world["transform"]["translate"]
    objects = {name: collection["geometries"] for name, collection in world["objects"].items()}
    return objects, [np.cumsum(arc, axis=0) * scale + origin for arc in np.split(steps, ends[:-1])]


def atlas_polygons(outline: Outline, arcs: list[Line]) -> list[shapely.Polygon]:
    """Return the polygons of an outline, with continuous longitudes. arcs: as from `read_atlas`."""
    whole = [outline["arcs"]] if outline["type"] == "Polygon" else outline.get("arcs", [])
    polygons = []
    for rings in whole:  # A polygon's outer ring comes first.
        lines = []
        for ring in rings:
            chains = [arcs[i] if i >= 0 else arcs[~i][::-1] for i in ring]
            line = unwrapped(np.concatenate([chain[min(n, 1) :] for n, chain in enumerate(chains)]))
            if abs(line[0, 0] - line[-1, 0]) >= 180:  # A ring around the South Pole is closed along -90°.
                line = np.vstack([line, [line[-1, 0], -90.0], [line[0, 0], -90.0]])
            # The atlas rounds positions, and its smallest islands and lakes to fewer corners than a polygon has.
            lines += [line] if len(line) >= MIN_CORNERS else []
        polygons += [shapely.Polygon(lines[0], lines[1:])] if lines else []
    return polygons


def unwrapped(line: Line) -> Line:
    """Continue longitudes past 180°, where the atlas, made for a globe, jumps back to -180°."""
    if np.abs(np.diff(line[:, 0])).max() < 180:  # Nearly all lines stay on one side of 180°, and unwrapping is slow.
        return line
    return np.column_stack([np.unwrap(line[:, 0], period=360), line[:, 1]])


def split_at_edges(shapes: Any, latitude: float = 90.0) -> NDArray[np.object_]:
    """Return the valid parts of shapes, split at 180° and cut at ± `latitude`."""
    valid: NDArray[np.object_] = np.array([shape if shape.is_valid else shape.buffer(0) for shape in shapes])
    west, south, east, north = shapely.bounds(valid).T
    beyond = (west <= -180.0) | (east >= 180.0) | (south < -latitude) | (north > latitude)
    turned: list[BaseGeometry] = [translate(shape, turn) for shape in valid[beyond] for turn in TURNS]
    flat = shapely.clip_by_rect(np.array(turned, dtype=object), -180.0, -latitude, 180.0, latitude)
    parts = shapely.get_parts(np.concatenate([valid[~beyond], flat[~shapely.is_empty(flat)]]))
    whole: NDArray[np.object_] = parts[shapely.get_dimensions(parts) == shapely.get_dimensions(valid).max()]
    return whole
