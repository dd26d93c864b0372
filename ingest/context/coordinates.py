"""Coordinates as people type them."""

import re
from typing import NamedTuple

_NUMBER = r"([+\-−]?\d{1,3}(?:\.\d+)?)\s*°?\s*"
_PLAIN = re.compile(rf"{_NUMBER}[,;\s]\s*{_NUMBER}")
_LETTERED = re.compile(rf"{_NUMBER}([NSEW])[,;\s]*{_NUMBER}([NSEW])", re.IGNORECASE)


class Position(NamedTuple):
    """A position in degrees (EPSG:4326)."""

    longitude: float
    latitude: float


def parse_position(text: str) -> Position | None:
    """Parse '19.4, -99.1' (latitude first) or '19.41° N 99.08° W' in any order; return None for anything else."""
    lettered = _LETTERED.fullmatch(text.strip())
    if lettered:
        return _of_letters(*lettered.groups())
    plain = _PLAIN.fullmatch(text.strip())
    return _on_earth(_number(plain[2]), _number(plain[1])) if plain else None


def _of_letters(first: str, letter: str, second: str, other: str) -> Position | None:
    degrees = {}
    for value, side in ((first, letter.upper()), (second, other.upper())):
        if value[0] in "+-−":
            return None
        degrees["latitude" if side in "NS" else "longitude"] = float(value) * (-1 if side in "SW" else 1)
    return _on_earth(degrees["longitude"], degrees["latitude"]) if len(degrees) == 2 else None


def _on_earth(longitude: float, latitude: float) -> Position | None:
    return Position(longitude, latitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


def _number(text: str) -> float:
    return float(text.replace("−", "-"))
