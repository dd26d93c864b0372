"""Names for places without a gazetteer: the country of the offline basemap, and coordinates that people can read."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from shapely import Point, Polygon, STRtree, make_valid
from shapely.geometry.base import BaseGeometry

WORLD = Path(__file__).resolve().parent.parent / "static" / "vendor" / "world-atlas" / "countries-50m.json"
NEAR_DEGREES = 1.0  # small islands are missing at this scale


def place_name(longitude: float, latitude: float, simulated: bool = False) -> str:
    """Name a place (degrees, EPSG:4326): 'Mexico, 19.41° N 99.08° W'; a simulated place is never given a country."""
    where = coordinates(longitude, latitude)
    if simulated:
        return f"simulated region, {where}"
    country = country_near(longitude, latitude)
    return f"{country}, {where}" if country else where


def coordinates(longitude: float, latitude: float) -> str:
    """Degrees with two decimals and letters: 19.41° N 99.08° W."""
    return (
        f"{abs(latitude):.2f}° {'N' if latitude >= 0 else 'S'} {abs(longitude):.2f}° {'E' if longitude >= 0 else 'W'}"
    )


def country_near(longitude: float, latitude: float) -> str:
    """The country at a place, or the nearest one within a degree; empty where there is none."""
    names, tree = _countries()
    nearest = tree.query_nearest(Point(longitude, latitude), max_distance=NEAR_DEGREES)
    return names[int(nearest[0])] if nearest.size else ""


@lru_cache(maxsize=1)
def _countries() -> tuple[list[str], STRtree]:
    world = json.loads(WORLD.read_text())
    arcs = _decode_arcs(world)
    names, shapes = [], []
    for country in world["objects"]["countries"]["geometries"]:
        for polygon in _polygons(country, arcs):
            names.append(country["properties"]["name"])
            shapes.append(polygon)
    return names, STRtree(shapes)


def _decode_arcs(world: dict[str, Any]) -> list[np.ndarray[Any, Any]]:
    """TopoJSON: each arc is a chain of quantised steps (TopoJSON specification 1.0, section 2.1.2)."""
    scale, translate = world["transform"]["scale"], world["transform"]["translate"]
    return [np.cumsum(np.asarray(arc, dtype=float), axis=0) * scale + translate for arc in world["arcs"]]


def _polygons(country: dict[str, Any], arcs: list[np.ndarray[Any, Any]]) -> list[BaseGeometry]:
    parts = [country["arcs"]] if country["type"] == "Polygon" else country.get("arcs", [])
    polygons = []
    for part in parts:
        chains = [arcs[i] if i >= 0 else arcs[~i][::-1] for i in part[0]]
        ring = np.concatenate([chain[1:] if n else chain for n, chain in enumerate(chains)])
        if len(ring) >= 4:
            polygons.append(make_valid(Polygon(ring)))
    return polygons
