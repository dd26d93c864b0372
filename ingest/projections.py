"""Coordinates from one reference system into another. Making a transformer takes longer than using it."""

from functools import lru_cache

from pyproj import Transformer


@lru_cache(maxsize=64)
def transformer(source: int | str, target: int | str) -> Transformer:
    """From one EPSG code or WKT text to another, x before y in and out; threads may share it."""
    return Transformer.from_crs(source, target, always_xy=True)
