"""Typed records that the readers of context yield: degrees, EPSG:4326, longitude first; outlines are valid."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from shapely import MultiLineString, MultiPolygon, Polygon

PHONE = re.compile(r"\+?[0-9][0-9 ()/.-]{2,38}")
MAX_PAGE_LENGTH = 300
PAGE = re.compile(r"https?://[^\s/<>\"'@]+(/[^\s<>\"']*)?")  # The page is that of the office responsible for a region.


class ContextKind(StrEnum):
    """Kind of context; lists show kinds in this order."""

    REGIONS = "regions"
    PLACES = "places"
    GLACIERS = "glaciers"
    MINES = "mines"
    LANDSLIDES = "landslides"
    ELEVATION = "elevation"
    BUILDINGS = "buildings"
    ROADS = "roads"
    RAILWAYS = "railways"
    POPULATION = "population"
    RIVERS = "rivers"
    LAKES = "lakes"


class Surge(StrEnum):
    """Evidence that a glacier surges: RGI's 0, 1, 2, 3 and 9 (RGI 6 technical note, 'Surging'; RGI 7 'surge_type')."""

    NONE = "none"
    POSSIBLE = "possible"
    PROBABLE = "probable"
    OBSERVED = "observed"
    UNKNOWN = "unknown"


class PlaceKind(StrEnum):
    """Kind of a named place."""

    TOWN = "town"
    VOLCANO = "volcano"


class RegionRecord(NamedTuple):
    """Region of a file. level: 0 country, 1 province or state, 2 below. code: official, empty if the file has none.

    contact_name: office responsible for ground motion there, with its telephone number and page; empty if not stated.
    names: by two-letter code of the language; other_names: found by the search, but not shown.
    """

    name: str
    country: str
    level: int
    outline: MultiPolygon
    code: str = ""
    contact_name: str = ""
    contact_phone: str = ""
    contact_page: str = ""
    names: Mapping[str, str] = {}
    other_names: tuple[str, ...] = ()


class PlaceRecord(NamedTuple):
    """Place of a file. population: 0 if the file does not state it; country: name or ISO code, as in the file.

    names: by two-letter code of the language; other_names: found by the search, but not shown.
    """

    name: str
    longitude: float
    latitude: float
    population: int
    country: str
    names: Mapping[str, str] = {}
    province: str = ""
    kind: PlaceKind = PlaceKind.TOWN
    other_names: tuple[str, ...] = ()


class GlacierRecord(NamedTuple):
    """Glacier of a file. glacier_id: its RGI id; glims_id: its GLIMS id; outline: None if only a position is known.

    reach_m_day: the fastest motion to look for, m/day, if the file states it.
    """

    glacier_id: str
    glims_id: str
    name: str
    longitude: float
    latitude: float
    outline: MultiPolygon | None
    surge: Surge
    of_surge_list: bool = False
    reach_m_day: float | None = None


class MineRecord(NamedTuple):
    """Mine with its outline; facts that the file does not state are empty. state: active or closed."""

    name: str
    country: str
    outline: MultiPolygon
    state: str = ""


class LandslideRecord(NamedTuple):
    """Landslide of a catalogue. accuracy_m: error of the position; None if unknown."""

    event_id: str
    happened_on: date | None
    longitude: float
    latitude: float
    accuracy_m: float | None
    landslide_type: str
    trigger: str
    size: str
    near: str


class LineClass(StrEnum):
    """Class of a line: a road that joins towns, any other road for cars, or a railway."""

    MAIN = "main"
    OTHER = "other"
    RAIL = "rail"


class BuildingRecord(NamedTuple):
    """Building, as a point inside it; outline: its largest footprint in degrees; None: the file has a point."""

    longitude: float
    latitude: float
    outline: Polygon | None


class LineRecord(NamedTuple):
    """Piece of a road or railway."""

    line_class: LineClass
    tunnel: bool
    line: MultiLineString


class WaterClass(StrEnum):
    """Class of water: river or canal, stream, or lake (also the area of a wide river)."""

    RIVER = "river"
    STREAM = "stream"
    LAKE = "lake"


class WaterRecord(NamedTuple):
    """Piece of a river or stream, or outline of a lake."""

    water_class: WaterClass
    name: str
    shape: MultiLineString | MultiPolygon


class Remark(NamedTuple):
    """Reason why rows were left out (`refused`) or changed."""

    text: str
    refused: bool


PlacedRecord = RegionRecord | PlaceRecord | GlacierRecord | MineRecord | LandslideRecord
Record = PlacedRecord | BuildingRecord | LineRecord | WaterRecord


@dataclass(frozen=True)
class ContextFile:
    """Opened file of context. name: the same for newer editions; source: the unpacked layer; rows: reads its rows."""

    kind: ContextKind
    name: str
    parts: tuple[Path, ...]
    source: Path
    rows: Callable[[], Iterator[Record | Remark]]
    attribution: str = ""
    licence: str = ""
