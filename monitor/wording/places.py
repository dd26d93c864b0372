"""Names for places, with or without a gazetteer: countries of the offline basemap, and readable coordinates."""

import json
from functools import lru_cache
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from shapely import Point, Polygon, STRtree, make_valid
from shapely.geometry.base import BaseGeometry

from ground_motion.core.text import search_key
from ingest.foundation.folders import SITE_DIR
from monitor.wording.figures import decimal

Bounds = tuple[float, float, float, float]
Line = np.ndarray[Any, np.dtype[np.float64]]
WORLD = SITE_DIR / "static" / "vendor" / "world-atlas" / "countries-10m.json"
NEAR_DEGREES = 1.0  # small islands are missing at this scale
TOWARD = (
    gettext_lazy("to the north"),
    gettext_lazy("to the north-east"),
    gettext_lazy("to the east"),
    gettext_lazy("to the south-east"),
    gettext_lazy("to the south"),
    gettext_lazy("to the south-west"),
    gettext_lazy("to the west"),
    gettext_lazy("to the north-west"),
)


def place_name(longitude: float, latitude: float, simulated: bool = False, near: str = "", region: str = "") -> str:
    """Name a place (degrees, EPSG:4326): 'Mexico, 19.41° N 99.08° W'; a simulated place is never given a country."""
    # near: '3 km south of Aldwick', which then stands for the coordinates; region: the region and country around it.
    where = near or coordinates(longitude, latitude)
    if simulated:
        # Translators: %(where)s is "3 km south of Aldwick" or "19.41° N 99.08° W"
        return _("simulated region, %(where)s") % {"where": where}
    around = region or country_near(longitude, latitude)
    return ", ".join(part for part in ((where, around) if near else (around, where)) if part)


def coordinates(longitude: float, latitude: float) -> str:
    """Return a position in degrees with two decimals and letters: 19.41° N 99.08° W."""
    return f"{latitude_label(latitude)} {longitude_label(longitude)}"


def latitude_label(latitude: float) -> str:
    """Return a latitude in degrees: '19.41° N'."""
    words = pgettext("latitude", "%(degrees)s° N") if latitude >= 0 else pgettext("latitude", "%(degrees)s° S")
    return words % {"degrees": decimal(abs(latitude), 2)}


def longitude_label(longitude: float) -> str:
    """Return a longitude in degrees: '99.08° W'."""
    words = pgettext("longitude", "%(degrees)s° E") if longitude >= 0 else pgettext("longitude", "%(degrees)s° W")
    return words % {"degrees": decimal(abs(longitude), 2)}


def country_near(longitude: float, latitude: float) -> str:
    """Return the country at a place, or the nearest one within a degree; empty if there is none."""
    names, tree = _countries()
    nearest = tree.query_nearest(Point(longitude, latitude), max_distance=NEAR_DEGREES)
    return names[int(nearest[0])] if nearest.size else ""


def countries_named(text: str, limit: int) -> list[tuple[str, Bounds]]:
    """Return countries in whose names every word of the text begins a word, and the bounds of their largest part."""
    # Those whose name begins with the text come first.
    key = search_key(text)
    if len(key) < 2:
        return []
    matches = []
    for name, bounds in _largest_parts().items():
        own = search_key(name)
        if all(any(part.startswith(word) for part in own.split()) for word in key.split()):
            matches.append((own != key, not own.startswith(key), name, bounds))
    return [(name, bounds) for *order, name, bounds in sorted(matches)[:limit]]


def countries_in(area: BaseGeometry) -> list[tuple[str, BaseGeometry]]:
    """Return the parts of the offline basemap's land in an area, as (name of the country, shape)."""
    names, tree = _countries()
    found = tree.query(area, predicate="intersects")
    return [(names[index], tree.geometries[index].intersection(area)) for index in found]


@lru_cache(maxsize=1)
def _largest_parts() -> dict[str, Bounds]:
    names, tree = _countries()
    largest: dict[str, BaseGeometry] = {}
    for name, shape in zip(names, tree.geometries, strict=True):
        if name not in largest or shape.area > largest[name].area:
            largest[name] = shape
    return {name: shape.bounds for name, shape in largest.items()}


@lru_cache(maxsize=1)
def _countries() -> tuple[list[str], STRtree]:
    objects, arcs = read_atlas()
    names: list[str] = []
    shapes: list[BaseGeometry] = []
    for country in objects["countries"]["geometries"]:
        outer = [rings[0] for rings in atlas_rings(country, arcs) if len(rings[0]) >= 4]
        names += [country["properties"]["name"]] * len(outer)
        parts = [Polygon(ring) for ring in outer]
        shapes += [part if part.is_valid else make_valid(part) for part in parts]  # Mending valid ones takes time, too.
    return names, STRtree(shapes)


def read_atlas() -> tuple[dict[str, Any], list[Line]]:
    """Return the objects of the offline basemap, and the arcs, the lines of which their outlines consist, degrees."""
    # TopoJSON: each arc is a chain of quantised steps (TopoJSON specification 1.0, section 2.1.2). The steps are nearly
    # all of the file. As lists of Python's numbers they would take 60 MB and most of the time.
    before, _, after = WORLD.read_text().rpartition('"arcs":[[[')
    chains, _, after = after.partition("]]],")
    world = json.loads(before + after)
    steps = np.fromstring(chains.replace("[", "").replace("]", ""), sep=",").reshape(-1, 2)
    ends = np.cumsum([chain.count("],[") + 1 for chain in chains.split("]],[[")])
    scale, origin = world["transform"]["scale"], world["transform"]["translate"]
    return world["objects"], [np.cumsum(arc, axis=0) * scale + origin for arc in np.split(steps, ends[:-1])]


def atlas_rings(country: dict[str, Any], arcs: list[Line]) -> list[list[Line]]:
    """Return the rings of a country, polygon by polygon, the outer one first. arcs: as from `read_atlas`."""
    parts = [country["arcs"]] if country["type"] == "Polygon" else country.get("arcs", [])

    def joined(ring: list[int]) -> Line:
        chains = [arcs[i] if i >= 0 else arcs[~i][::-1] for i in ring]
        return np.concatenate([chain[min(n, 1) :] for n, chain in enumerate(chains)])

    return [[joined(ring) for ring in part] for part in parts]


def toward(bearing_deg: float) -> str:
    """Return the direction of a motion from its bearing: 'to the south-east'."""
    return str(TOWARD[round(bearing_deg / 45.0) % 8])
