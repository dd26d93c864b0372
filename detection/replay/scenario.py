"""A scenario: a history as a file, and the alerts that it must lead to. Pure.

The network is replaced: a file says what a search of each product finds (rate, size, noise); all that follows is the
service's own. scenarios/README.md says how one is written.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "scenarios"
WINDOW = timedelta(days=5 * 365)  # of a product's data
DELAY = timedelta(days=10)  # from the last image to the product


@dataclass(frozen=True, kw_only=True)
class Found:
    """An area in a product. rate: mm/yr; x_km, y_km: east and north of the middle; size_m: side of its square."""

    rate: float
    x_km: float = 0.0
    y_km: float = 0.0
    size_m: float = 800.0
    sigma: float = 0.8
    shares: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Event:
    """What happens on a day: a product comes in, is deleted or searched anew, or a specialist judges an alert.

    data: first and last date of the images; track: even ones descend; covers: whether points lie on the place;
    noise: of its rates, mm/yr; method: that searches; again: the newest product of the track, searched by it once more;
    delete: the newest product of the track; verdict: on the alert that was opened as number `alert`; taken-back too.
    """

    day: date
    data: tuple[date, date] = (date.min, date.min)
    track: int = 15
    component: str = "los"
    tile: str = "tile"
    source: str = "egms"
    areas: tuple[Found, ...] = ()
    covers: bool = True
    noise: float = 0.8
    method: str = "network 1"
    again: bool = False
    delete: bool = False
    verdict: str = ""
    alert: int = 1


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """alerts: of each, in the order in which they were opened, its steps; 'update: rate' where the state stays."""

    name: str
    about: str
    anomalous: bool
    events: tuple[Event, ...]
    alerts: tuple[tuple[str, ...], ...]


def scenarios(folder: Path = FOLDER) -> list[Scenario]:
    """All scenarios of a folder, by file and place in it. ValueError for one that cannot be read, naming the file."""
    found: list[Scenario] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            found += [_scenario(name, table) for name, table in tomllib.loads(path.read_text()).items()]
        except (tomllib.TOMLDecodeError, TypeError, KeyError, ValueError) as fault:
            raise ValueError(f"{path.name} is no list of scenarios: {fault}; see README.md beside it") from fault
    return found


def _scenario(name: str, table: Mapping[str, Any]) -> Scenario:
    events = [one for entry in table["events"] for one in _events(dict(entry))]
    return Scenario(
        name=name,
        about=table["about"],
        anomalous=table.get("anomalous", False),
        events=tuple(sorted(events, key=lambda one: one.day)),
        alerts=tuple(tuple(steps) for steps in table["alerts"]),
    )


def _events(entry: dict[str, Any]) -> Iterator[Event]:
    """One event, or, with `rates`, a product every so many days: each with the rate of each place, 0 where none is."""
    places, rates = entry.pop("places", [{}]), entry.pop("rates", [0])
    every, day = timedelta(days=entry.pop("every", 180)), entry.pop("day")
    window = timedelta(days=entry.pop("window", WINDOW.days))
    for number, of_places in enumerate(rates):
        came, values = day + number * every, of_places if isinstance(of_places, list) else [of_places]
        areas = tuple(Found(rate=value, **place) for value, place in zip(values, places, strict=True) if value)
        data = tuple(entry.get("data", (came - DELAY - window, came - DELAY)))
        yield Event(**{"areas": areas, **entry, "day": came, "data": data})
