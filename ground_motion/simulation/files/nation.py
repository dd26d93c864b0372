"""The demo nation as files: velocity fields, images, their context, and the simulated truth."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import LineString, Polygon, mapping
from shapely.geometry.polygon import orient

from ground_motion.simulation.files.egms import egms_name, write_egms_l2b
from ground_motion.simulation.files.passes import SINKING, SINKING_M, SINKING_MM_YR, has_passes
from ground_motion.simulation.files.scenes import write_series
from ground_motion.simulation.ground.frame import LocalFrame, Offset, to_geographic
from ground_motion.simulation.ground.sources import TruthArea
from ground_motion.simulation.nation import COLLIERIES, GLACIER, PIT, PIT_HALF_M, PIT_NAME, VILLAGES, Glacier, Nation
from ground_motion.simulation.nation_scenes import FAILING_HALF_M, SURGE_M_DAY, AreaImages
from ground_motion.simulation.velocity.region import TrackPoints

MINE_HALF_M = (1_500.0, 1_200.0)  # Half axes of the whole pit; single diggings are smaller.
NAMES = {
    "mining_subsidence": "Mining subsidence",
    "groundwater_subsidence": "Pumped ground",
    "mine_water_uplift": "Mine water rising",
    "landslide": "Landslide",
    "fill_settlement": "Fill that settles",
}
# The properties of all that moves, in the order of the file.
NOTHING: dict[str, Any] = {"kind": "", "title": "", "description": "", "rate_mm_yr": None, "rate_along": ""}
NOTHING |= dict.fromkeys(("speed_m_day", "size_m", "starts_on", "ends_on", "changed_on", "change_mm_yr"))


def write_products(nation: Nation, folder: Path) -> tuple[Path, ...]:
    """Write one EGMS zip per track and half of the country, west (burst 1) and east (burst 2)."""
    folder.mkdir(parents=True, exist_ok=True)
    middle_m, written = nation.region.terrain.frame.easting_m, []
    for track in nation.region.tracks:
        for burst, inside in ((1, track.easting_m < middle_m), (2, track.easting_m >= middle_m)):
            part = part_of(track, inside, burst)
            written.append(folder / f"{egms_name(part)}.zip")
            write_egms_l2b(written[-1], part)
    return tuple(written)


def part_of(track: TrackPoints, inside: NDArray[np.bool_], burst: int) -> TrackPoints:
    """Return the part of a track that is in a burst. inside: (n,), mask of the points in it."""
    single: dict[str, Any] = {
        name: values[inside] for name, values in vars(track).items() if isinstance(values, np.ndarray)
    }
    return dataclasses.replace(
        track,
        geometry=dataclasses.replace(track.geometry, burst=burst),
        fit=type(track.fit)(*(figure[inside] for figure in track.fit)),
        truth=type(track.truth)(*(part[inside] for part in track.truth)),
        **single,
    )


def write_images(images: Sequence[AreaImages], folder: Path) -> tuple[Path, ...]:
    """Write every image under the name that OPERA RTC-S1 would give it, tagged as simulated."""
    return tuple(path for area in images for path in write_series(area, folder, area.burst))


def write_villages(nation: Nation, path: Path) -> Path:
    """Write the invented places with their people."""
    rows = []
    for village in VILLAGES:
        longitude, latitude = geographic(nation.region.terrain.frame, [village.at])[0]
        rows.append([village.name, f"{latitude:.5f}", f"{longitude:.5f}", village.people, ""])
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["name", "latitude", "longitude", "population", "country"], *rows])
    return path


def write_glacier(nation: Nation, path: Path) -> Path:
    """Write the glacier's outline in the columns of RGI 7; it is known to surge."""
    ring = tongue(nation.region.terrain.frame, GLACIER)
    properties = {"rgi_id": "SIMULATED-00001", "glac_name": GLACIER.name, "surge_type": 3}
    return write_features(path, [(ring, properties)])


def write_mines(nation: Nation, path: Path) -> Path:
    """Write the outlines of the open pit and of the collieries' works, as a list of mines has them."""
    frame = nation.region.terrain.frame
    works = [(ellipse(frame, one.at, one.half_m), {"name": one.name, "state": one.state}) for one in COLLIERIES]
    return write_features(path, [(ellipse(frame, PIT, MINE_HALF_M), {"name": PIT_NAME}), *works])


def write_truth(nation: Nation, images: Sequence[AreaImages], path: Path) -> Path:
    """Write outlines of all simulated motion and events, each with a title and a description in plain words.

    Moving ground is outlined where its rate is the config's truth_threshold_mm_yr; events have their own extent.
    """
    moving = [(area.polygon, _source_feature(area)) for area in nation.region.truths]
    return write_features(path, [*moving, *_events(nation, images), *_seen_by_passes(nation)])


def _seen_by_passes(nation: Nation) -> list[tuple[Polygon, dict[str, Any]]]:
    """Return the village that begins to sink after the release, as `ground_motion.simulation.files.passes` has it."""
    track = nation.region.tracks[0]
    if not has_passes(track):
        return []
    outline = ellipse(nation.region.terrain.frame, SINKING.at, (SINKING_M, SINKING_M))
    begun = _day(track.dates[-1])
    properties = {
        "kind": "new_subsidence",
        "title": "Ground that begins to sink",
        "description": f"sinks by up to {SINKING_MM_YR:.0f} mm a year since {begun}; only new passes show it",
        "rate_mm_yr": -SINKING_MM_YR,
        "size_m": 2 * SINKING_M,
        "starts_on": track.dates[-1].isoformat(),
    }
    return [(outline, NOTHING | properties)]


def _source_feature(area: TruthArea) -> dict[str, Any]:
    down = area.rate_along == "downslope"
    verb = "slides" if down else "rises" if area.rate_mm_yr > 0 else "sinks"
    description = f"{verb} by up to {abs(area.rate_mm_yr):.0f} mm a year, {_width_text(area.size_m)}"
    if abs(area.acceleration_per_yr) >= 0.05:
        description += ", faster every year" if area.acceleration_per_yr > 0 else ", slower every year"
    change = area.change
    if change:
        by = f"{abs(change.share * area.rate_mm_yr):.0f} mm a year {'faster' if change.share > 0 else 'slower'}"
        description += f"; {'at rest' if change.share == -1 else by} since {_day(change.day)}"
    return NOTHING | {
        "kind": area.kind,
        "title": NAMES[area.kind],
        "description": description,
        "rate_mm_yr": round(area.rate_mm_yr, 1),
        "rate_along": area.rate_along,
        "size_m": round(area.size_m),
        "changed_on": change.day.isoformat() if change else None,
        "change_mm_yr": round(change.share * area.rate_mm_yr, 1) if change else None,
    }


def _events(nation: Nation, images: Sequence[AreaImages]) -> list[tuple[Polygon, dict[str, Any]]]:
    frame = nation.region.terrain.frame
    torn = ellipse(frame, nation.failing, FAILING_HALF_M)
    events = (  # They belong to the glacier, the pit and the slope.
        ("Glacier surge", tongue(frame, GLACIER), f"speeds up to {SURGE_M_DAY[-1]:g} m a day", SURGE_M_DAY[-1]),
        ("Open pit", ellipse(frame, PIT, PIT_HALF_M), "dug wider, the surface is new", None),
        ("Slope failure", torn, "the surface is torn", None),
    )
    event_features = []
    for series, (title, outline, description, speed) in zip(images, events, strict=True):
        area_m2 = outline.area * 111_320.0**2 * math.cos(math.radians(outline.centroid.y))
        size_m = 2 * math.sqrt(area_m2 / math.pi)
        since, until = (date.date() for date in series.event_between)
        properties = {
            "kind": title.lower().replace(" ", "_"),
            "title": title,
            "description": f"{description} between {_day(since)} and {_day(until)}, {_width_text(size_m)}",
            "speed_m_day": speed,
            "size_m": round(size_m),
            "starts_on": since.isoformat(),
            "ends_on": until.isoformat(),
        }
        event_features.append((outline, NOTHING | properties))
    return event_features


def _day(date: dt.date) -> str:
    return f"{date.day} {date:%B %Y}"


def _width_text(size_m: float) -> str:
    return f"{size_m / 1000:.1f} km across" if size_m >= 950 else f"{round(size_m, -1):.0f} m across"


def tongue(frame: LocalFrame, glacier: Glacier) -> Polygon:
    """Return the outline of the ice: a rectangle with its corners rounded a little."""
    turn = math.radians(glacier.bearing_deg)
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    rounded = [np.sign(part) * np.abs(part) ** 0.4 for part in (np.cos(angle), np.sin(angle))]
    along, across = rounded[0] * glacier.half_length_m, rounded[1] * glacier.half_width_m
    east_m = glacier.centre.east_m + along * math.sin(turn) + across * math.cos(turn)
    north_m = glacier.centre.north_m + along * math.cos(turn) - across * math.sin(turn)
    return Polygon(geographic(frame, [Offset(float(e), float(n)) for e, n in zip(east_m, north_m, strict=True)]))


def ellipse(frame: LocalFrame, centre: Offset, half_m: tuple[float, float]) -> Polygon:
    """Return an ellipse with its axes east and north, in degrees."""
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    ring = [Offset(centre.east_m + half_m[0] * math.cos(at), centre.north_m + half_m[1] * math.sin(at)) for at in angle]
    return Polygon(geographic(frame, ring))


def geographic(frame: LocalFrame, places: Sequence[Offset]) -> list[tuple[float, float]]:
    """Return longitude and latitude of places."""
    east_m, north_m = (np.array(part, dtype=np.float64) for part in zip(*places, strict=True))
    longitude, latitude = to_geographic(*frame.to_grid(east_m, north_m))
    return list(zip(longitude.tolist(), latitude.tolist(), strict=True))


def write_features(path: Path, features: Sequence[tuple[Polygon | LineString, Mapping[str, Any]]]) -> Path:
    """Write polygons or lines in degrees and their properties to a GeoJSON file; return its path."""
    shapes = [mapping(orient(shape) if isinstance(shape, Polygon) else shape) for shape, _ in features]
    listed = [
        {"type": "Feature", "properties": properties, "geometry": shape}
        for shape, (_, properties) in zip(shapes, features, strict=True)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "simulated": True, "features": listed}), encoding="utf-8")
    return path
