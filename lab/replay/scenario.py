"""Scenarios: a file of events, and the alerts to which they must lead. No database.

If an event states the result of a search (a rate, a change, a speed), this replaces the network, and the service does
the rest. If it states a field or images, these are written to files and go through the whole service.
scenarios/README.md explains the format.
"""

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

MIDDLE = 12.0, 47.0  # Longitude and latitude of the origin of all places, degrees.
KM_NORTH = 1 / 111.2
KM_EAST = KM_NORTH / 0.682  # The factor is for a latitude of 47 degrees.
FOLDER = Path(__file__).parent / "scenarios"
WINDOW = timedelta(days=5 * 365)  # A product's data span this time.
DELAY = timedelta(days=10)  # A product appears this long after its last image.
RELEASE_DAYS, REPEAT_DAYS = 180, 12  # Days between two products, and between two images.


class Measure(StrEnum):
    """Kind of incoming data; each value is the key under which an event's entry states its figures."""

    VELOCITY = "rates"  # The values are mm/yr.
    CHANGE = "changes"  # Change of a pair's coherence in standard deviations; negative where it was lost.
    OFFSETS = "speeds"  # The values are m/day, outside glaciers.
    GLACIER = "ice"  # The values are m/day on the glacier; several bands begin with the upper one.
    FIELD = "fields"  # A velocity field is a file of `lab.replay.fields`.
    IMAGES = "images"  # An image is a file of `lab.replay.images`.


PRODUCTS = frozenset({Measure.VELOCITY, Measure.FIELD})
SIGMAS = {Measure.OFFSETS: 0.05, Measure.GLACIER: 0.05}  # Values in m/day for places that state none.


@dataclass(frozen=True, kw_only=True)
class Found:
    """A detected area: a square of size_m, x_km east and y_km north of the middle.

    value: in the unit of the event's measure. peak: the highest value, by default a fifth more than `value`.
    """

    value: float
    x_km: float = 0.0
    y_km: float = 0.0
    size_m: float = 800.0
    sigma: float = 0.8
    peak: float | None = None
    peak_sigma: float | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    extent: str = "local"


@dataclass(frozen=True, kw_only=True)
class ShownGround:
    """Ground covered by a product or pair: a square, km from the middle."""

    x_km: float = 0.0
    y_km: float = 0.0
    half_km: float = 25.0


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event of a day: data come in, are deleted or searched anew, or a specialist judges an alert.

    data: first and last date of the images; track: descending if even; beside: a track searched together with it;
    beside_shows: whether that track alone shows the motion; points: number on the place; noise: of the rates, mm/yr;
    release: its name, by default the last date; method: name and version; again: the track's latest data are searched
    once more by it; delete: these data are deleted; series: what the series of the place state (accelerating_since,
    at_rest_since, moving_since); made: content of a file; verdict: on alert number `alert`, in order of opening, or
    taken-back.
    """

    day: date
    measure: Measure = Measure.VELOCITY
    data: tuple[date, date] = (date.min, date.min)
    track: int = 15
    beside: int = 0
    beside_shows: bool = True
    component: str = "los"
    tile: str = "tile"
    source: str = "egms"
    release: str = ""
    polarisation: str = "VV"
    view: ShownGround = ShownGround()
    areas: tuple[Found, ...] = ()
    points: int = 50
    noise: float = 0.8
    method: str = "network 1"
    again: bool = False
    delete: bool = False
    series: Mapping[str, date] = field(default_factory=dict)
    made: Mapping[str, Any] = field(default_factory=dict)
    verdict: str = ""
    alert: int = 1


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A scenario. alerts: the steps of each alert, in order of opening; 'update: rate' if its state stays the same."""

    name: str
    about: str
    anomalous: bool
    events: tuple[Event, ...]
    alerts: tuple[tuple[str, ...], ...]

    @property
    def files(self) -> bool:
        """Return whether the scenario uses files, networks and rasters, which takes seconds."""
        return any(event.measure in {Measure.FIELD, Measure.IMAGES} for event in self.events)


def square(x_km: float, y_km: float, side_m: float) -> tuple[float, float, float, float]:
    """Return west, south, east and north of a square, degrees, from its place in km east and north of the middle."""
    longitude, latitude, half_km = MIDDLE[0] + x_km * KM_EAST, MIDDLE[1] + y_km * KM_NORTH, side_m / 2000
    east, north = half_km * KM_EAST, half_km * KM_NORTH
    return longitude - east, latitude - north, longitude + east, latitude + north


def scenarios(folder: Path = FOLDER) -> list[Scenario]:
    """Read all scenarios of a folder, ordered by file and position. ValueError for an unreadable one."""
    found: list[Scenario] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            found += [_scenario(name, table) for name, table in tomllib.loads(path.read_text()).items()]
        except (tomllib.TOMLDecodeError, TypeError, KeyError, ValueError) as fault:
            raise ValueError(f"{path.name} is no list of scenarios: {fault}; see README.md beside it") from fault
    names = [one.name for one in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{folder} has several scenarios of the name {', '.join(sorted(twice))}: rename all but one")
    return found


def _scenario(name: str, table: Mapping[str, Any]) -> Scenario:
    unknown = table.keys() - {"about", "anomalous", "events", "alerts"}
    if unknown:
        raise ValueError(f"{name} has {', '.join(sorted(unknown))}, which no scenario has")
    events = [event for entry in table["events"] for event in _events(dict(entry))]
    return Scenario(
        name=name,
        about=table["about"],
        anomalous=table.get("anomalous", False),
        events=tuple(sorted(events, key=lambda one: one.day)),
        alerts=tuple(tuple(steps) for steps in table["alerts"]),
    )


def _events(entry: dict[str, Any]) -> Iterator[Event]:
    """Yield one event, or several `every` days apart if the entry lists several values.

    A value holds for all places or is a list with one per place: 0 if nothing is found, nan if there are no data.
    """
    stated = Measure(entry.pop("measure", Measure.VELOCITY))
    measure = next((one for one in Measure if one in entry), stated)
    places, values = entry.pop("places", [{}]), entry.pop(measure, [0])
    window = entry.pop("window", WINDOW.days if measure in PRODUCTS else REPEAT_DAYS)
    every = timedelta(days=entry.pop("every", RELEASE_DAYS if measure in PRODUCTS else REPEAT_DAYS))
    day = entry.pop("day")
    event = Event(**{**entry, "day": day, "measure": measure, "view": ShownGround(**entry.pop("view", {}))})
    for number, value in enumerate(values):
        came = day + number * every
        last = came - DELAY if measure in PRODUCTS else came
        data = tuple(entry.get("data", (last - timedelta(days=window), last)))
        yield replace(event, day=came, data=data, **_shown(measure, places, value))


def _shown(measure: Measure, places: list[dict[str, Any]], value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {"made": value}
    listed = value if isinstance(value, list) else [value]
    places = [{"sigma": SIGMAS.get(measure, Found.sigma)} | place for place in places]
    if measure is Measure.GLACIER:  # All bands are of one glacier.
        return {"areas": tuple(Found(value=one, **places[0]) for one in listed)}
    areas = tuple(Found(value=one, **place) for one, place in zip(listed, places, strict=True) if one)
    if any(math.isnan(area.value) for area in areas):
        return {"points": 0}
    return {"areas": areas}
