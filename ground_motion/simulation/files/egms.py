"""Writing of a simulated track like an EGMS release: a zip with wide CSV and XML header, marked as simulated."""

from __future__ import annotations

import io
import math
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from ground_motion.simulation.ground.frame import Floats
from ground_motion.simulation.velocity.region import TrackGeometry, TrackPoints

GEOID_HEIGHT_M = 54.0  # one round value for the whole fictional island
LINE_SPACING_M = 14.0
RANGE_SPACING_M = 2.3  # slant range
ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # fixed, so that one seed gives one sequence of bytes

HEADER = """<?xml version='1.0' encoding='UTF-8'?>
<BURST>
  <product_level>L2b</product_level>
  <track>{track:03d}</track>
  <burst_id>{burst:04d}</burst_id>
  <sub_swath>{sub_swath}</sub_swath>
  <production_facility>simulation</production_facility>
  <simulated>true</simulated>
  <pass_direction>{direction}</pass_direction>
  <dem>
    <version>fractal</version>
  </dem>
  <gnss>
    <version>none</version>
  </gnss>
  <dataset>
    <first_date>{first:%Y%m%d}</first_date>
    <last_date>{last:%Y%m%d}</last_date>
    <images>{images}</images>
  </dataset>
</BURST>
"""


def egms_name(track: TrackPoints) -> str:
    """Return the name that EGMS would give the file, without its ending: EGMS_L2b_901_0001_IW2_VV_2019_2023_1."""
    place = track.geometry
    years = f"{track.dates[0].year}_{track.dates[-1].year}"
    return f"EGMS_L2b_{place.number:03d}_{place.burst:04d}_IW{place.sub_swath}_VV_{years}_1"


def write_egms_l2b(path: Path, track: TrackPoints) -> None:
    """Write one track as a zip of CSV and XML, named after path. mm, mm/yr, + toward the satellite, one decimal.

    The XML contains <simulated>true</simulated>. The file is written under another name and then renamed.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with zipfile.ZipFile(partial, "w") as archive:
            _add(archive, f"{path.stem}.xml", xml_header(track).encode())
            _add(archive, f"{path.stem}.csv", csv_bytes([track]))
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, ZIP_TIME)
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=1)


def xml_header(track: TrackPoints) -> str:
    """Return the XML header of a track, with the elements of a real one and a mark of simulation."""
    place = track.geometry
    return HEADER.format(
        track=place.number,
        burst=place.burst,
        sub_swath=place.sub_swath,
        direction=place.direction,
        first=track.dates[0],
        last=track.dates[-1],
        images=len(track.dates),
    )


def csv_bytes(tracks: Sequence[TrackPoints]) -> bytes:
    """Return the wide CSV of tracks, one below the other. Raises ValueError if their dates differ."""
    dates = tracks[0].dates
    if any(track.dates != dates for track in tracks):
        raise ValueError("tracks with different dates do not fit one CSV: write one file per track")
    out = io.BytesIO()
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    for track in tracks:
        table = _table(track)
        if not out.tell():
            out.write((",".join(table.column_names) + "\n").encode())
        pyarrow.csv.write_csv(table, out, options)
    return out.getvalue()


def _table(track: TrackPoints) -> pa.Table:
    """Return the track's table: all columns as text, (n,) each, as the release of 2020 to 2024 has them."""
    count, fit, los = len(track), track.fit, track.geometry.los
    line, pixel = radar_position(track.easting_m, track.northing_m, track.geometry)
    text = {
        "pid": pa.array(track.pid.tolist()),
        "mp_type": _constant("0", count),
        "latitude": _decimals(track.latitude_deg, 6),
        "longitude": _decimals(track.longitude_deg, 6),
        "easting": _decimals(track.easting_m, 2),
        "northing": _decimals(track.northing_m, 2),
        "height_ortho": _decimals(track.height_m, 1),
        "height_ellipse": _decimals(track.height_m + GEOID_HEIGHT_M, 1),
        "line": pa.array(line).cast(pa.string()),
        "pixel": pa.array(pixel).cast(pa.string()),
        "rmse_ts": _decimals(fit.rmse_mm, 1),
        "temporal_coherence": _decimals(fit.temporal_coherence, 2),
        "amplitude_dispersion": _decimals(track.amplitude_dispersion, 2),
        "incidence_angle": _constant(f"{los.incidence_angle_deg():.2f}", count),
        "track_angle": _constant(f"{los.track_angle_deg():.2f}", count),
        "los_east": _constant(f"{los.east:g}", count),
        "los_north": _constant(f"{los.north:g}", count),
        "los_up": _constant(f"{los.up:g}", count),
        "mean_velocity": _decimals(fit.velocity_mm_yr, 1),
        "mean_velocity_std": _decimals(fit.velocity_std_mm_yr, 1),
        "acceleration": _decimals(fit.acceleration_mm_yr2, 2),
        "acceleration_std": _decimals(fit.acceleration_std_mm_yr2, 2),
        "seasonality": _decimals(fit.seasonality_mm, 1),
        "seasonality_std": _decimals(fit.seasonality_std_mm, 1),
        "gnss_velocity": _constant("0.0", count),  # No plate motion is simulated.
    }
    days = (f"{date:%Y%m%d}" for date in track.dates)
    return pa.table(text | dict(zip(days, _tenths(track.series_mm), strict=True)))


def _constant(text: str, count: int) -> pa.Array:
    return pa.array([text]).take(pa.array(np.zeros(count, dtype=np.int32)))


def _decimals(values: Floats, decimals: int) -> pa.Array:
    """Return numbers as text, as the release writes them: rounded, as short as possible, with a point, never −0.0."""
    return pa.array([repr(value) for value in (np.round(values, decimals) + 0.0).tolist()])


def _tenths(series_mm: NDArray[np.float32]) -> list[pa.Array]:
    """Return one column per date, formatted with one decimal by looking each value up in a table of all values."""
    tenths = np.rint(series_mm.T * 10).astype(np.int32)  # (dates, n)
    lowest = int(tenths.min(initial=0))
    words = pa.array([f"{value / 10:.1f}" for value in range(lowest, int(tenths.max(initial=0)) + 1)])
    return [words.take(pa.array(column - lowest)) for column in tenths]


def radar_position(
    easting_m: Floats, northing_m: Floats, geometry: TrackGeometry
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each point's radar line (along the flight) and pixel (away from the satellite) from 0 on a flat Earth."""
    heading = math.radians(geometry.los.track_angle_deg())
    incidence = math.radians(geometry.los.incidence_angle_deg())
    along_m = easting_m * math.sin(heading) + northing_m * math.cos(heading)
    away_m = easting_m * math.cos(heading) - northing_m * math.sin(heading)  # Distances count to the right.
    line = np.floor((along_m - along_m.min(initial=np.inf)) / LINE_SPACING_M).astype(np.int64)
    pixel = np.floor((away_m - away_m.min(initial=np.inf)) * math.sin(incidence) / RANGE_SPACING_M).astype(np.int64)
    return line, pixel
