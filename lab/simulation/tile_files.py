"""A tile's series, and a tile as files: each track as EGMS releases one, and the truth beside it."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from shapely import MultiPolygon, Polygon
from shapely.geometry import mapping

from lab.simulation.histories import draw_history
from lab.simulation.tiles import CELL_M, Tile, TileTrack
from ml.rasters.areas import outline, to_geographic
from ml.simulation.files.egms import egms_name, write_egms_l2b
from ml.simulation.ground.frame import GRID_EPSG, Floats, project_to_los_mm_yr
from ml.simulation.ground.frame import to_geographic as points_to_geographic
from ml.simulation.ground.sources import total_motion
from ml.simulation.velocity.region import TrackPoints
from ml.simulation.velocity.series import acquisition_dates, fit_series, years_of

FIRST_DATE = dt.date(2019, 1, 3)
NOISE_MM = (2.0, 3.5)
SEASONAL_MM = 0.8  # typical amplitude of the yearly wave on still ground
WARMEST_YEARS = 0.55  # from the first date, in January


@dataclass(frozen=True)
class TruthRecord:
    """One moving area as a track sees it. polygon: EPSG:3035, drawn at moving_mm_yr along the line of sight.

    peak_mm_yr: strongest cell, + toward the satellite; size_m: diameter of the circle of the same area.
    """

    kind: str
    peak_mm_yr: float
    size_m: float
    area_m2: float
    polygon: Polygon | MultiPolygon


def truth_records(tile: Tile, track: TileTrack) -> list[TruthRecord]:
    """Every source of a tile that moves anything by moving_mm_yr along a track's line of sight."""
    records = []
    for truth in tile.truths(track.geometry.los):
        polygon = outline(truth.mask, tile.transform, CELL_M**2)
        records.append(
            TruthRecord(truth.kind, truth.peak_mm_yr, float(2 * np.sqrt(polygon.area / np.pi)), polygon.area, polygon)
        )
    return records


def track_points(rng: np.random.Generator, tile: Tile, track: TileTrack, date_count: int = 120) -> TrackPoints:
    """A track with a displacement series per point, and the figures that a release fits to it.

    Each source moves along a history of its own (lab.simulation.histories) and breathes with its season; errors
    of the rate are straight lines; each date has white noise. Histories are drawn anew for each track: draw both from
    generators of one seed where they must agree.
    """
    dates = acquisition_dates(rng, FIRST_DATE, round(tile.config.years), 12, date_count)
    years = years_of(dates)
    series_mm = _series(rng, tile, track, years)
    longitude_deg, latitude_deg = points_to_geographic(track.x_m, track.y_m)
    east_m, north_m = tile.terrain.frame.to_local(track.x_m, track.y_m)
    return TrackPoints(
        geometry=track.geometry,
        dates=dates,
        pid=np.array([f"t{track.geometry.number:03d}{index:06d}" for index in range(track.x_m.size)]),
        easting_m=track.x_m,
        northing_m=track.y_m,
        longitude_deg=longitude_deg,
        latitude_deg=latitude_deg,
        height_m=track.height_m,
        cover=track.cover,
        amplitude_dispersion=np.clip(rng.normal(0.42, 0.08, track.x_m.size), 0.08, 1.0),
        series_mm=series_mm,
        fit=fit_series(series_mm, years),
        truth=total_motion(tile.sources, east_m, north_m, tile.terrain),
    )


def _series(
    rng: np.random.Generator, tile: Tile, track: TileTrack, years: Floats
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """(n, dates), mm, to 0.1."""
    count = track.x_m.size
    east_m, north_m = tile.terrain.frame.to_local(track.x_m, track.y_m)
    season = np.sin(2 * np.pi * (years - 0.15))
    yearly_mm = rng.normal(0, SEASONAL_MM, count)
    series = np.outer(track.errors.rate_mm_yr, years)
    for source in tile.sources:
        los_mm_yr = project_to_los_mm_yr(source.motion_at(east_m, north_m, tile.terrain), track.geometry.los)
        _, history = draw_history(rng, source.kind, years)
        series += np.outer(los_mm_yr, history)
        yearly_mm += source.seasonal_mm_per_mm_yr * los_mm_yr
    series += np.outer(yearly_mm, season)
    series += np.outer(track.errors.yearly_mm, np.cos(2 * np.pi * (years - WARMEST_YEARS)))
    series += rng.standard_normal(series.shape) * rng.uniform(*NOISE_MM, count)[:, None]
    return np.round(series, 1).astype(np.float32)


def write_tile(rng: np.random.Generator, tile: Tile, folder: Path, date_count: int = 120) -> list[Path]:
    """Write each track as an EGMS zip and truth.geojson (longitude, latitude) beside them; returns the zips."""
    zips = []
    for track in tile.tracks:
        points = track_points(rng, tile, track, date_count)
        zips.append(folder / f"{egms_name(points)}.zip")
        write_egms_l2b(zips[-1], points)
    features = [_feature(track, record) for track in tile.tracks for record in truth_records(tile, track)]
    partial = folder / ".truth.geojson.partial"
    partial.write_text(json.dumps({"type": "FeatureCollection", "simulated": True, "features": features}))
    partial.replace(folder / "truth.geojson")
    return zips


def _feature(track: TileTrack, record: TruthRecord) -> dict[str, object]:
    return {
        "type": "Feature",
        "geometry": mapping(to_geographic(record.polygon, GRID_EPSG)),
        "properties": {
            "class": record.kind,
            "track": track.geometry.number,
            "peak_rate_mm_yr": round(record.peak_mm_yr, 2),
            "rate_along": "line of sight",
            "size_m": round(record.size_m),
            "area_m2": round(record.area_m2),
        },
    }
