"""Simulated images as files: a series in OPERA's names, or one pair with its truth."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ground_motion.core.rasters import write_cog
from ground_motion.simulation.nation_scenes import AreaImages
from ground_motion.simulation.sar.scenes import SceneSeries
from ground_motion.simulation.velocity.region import ASCENDING

BURST = "000001-IW2"
UNITS = {"dx_px": "px", "dy_px": "px", "coherence": "1"}


def write_series(series: SceneSeries | AreaImages, folder: Path, burst: str = BURST) -> tuple[Path, ...]:
    """Write one VV GeoTIFF a date, tagged as simulated, under the name that OPERA RTC-S1 would give it."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for date, power in zip(series.dates, series.power, strict=True):
        stamp, made = (f"{when:%Y%m%dT%H%M%SZ}" for when in (date, date + dt.timedelta(days=1)))
        path = folder / f"OPERA_L2_RTC-S1_T{ASCENDING.number}-{burst}_{stamp}_{made}_S1A_30_v1.0_VV.tif"
        _write(path, series, {"VV": power})
        written.append(path)
    return tuple(written)


def write_pair(series: SceneSeries, index: int, folder: Path) -> tuple[Path, ...]:
    """Write reference.tif and secondary.tif (linear power) of one repeat, and truth.tif (dx_px, dy_px, coherence)."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot write to {folder} ({error.strerror}): name a folder that you may write to") from error
    names = tuple(folder / name for name in ("reference.tif", "secondary.tif", "truth.tif"))
    truth = {"dx_px": series.dx_px[index], "dy_px": series.dy_px[index], "coherence": series.coherence[index]}
    for path, bands in zip(
        names, ({"power": series.power[index]}, {"power": series.power[index + 1]}, truth), strict=True
    ):
        _write(path, series, bands)
    return names


def _write(path: Path, series: SceneSeries | AreaImages, bands: dict[str, NDArray[np.float32]]) -> None:
    units = [UNITS.get(name, "linear power") for name in bands]
    write_cog(path, bands, series.transform, series.epsg, units, {"SIMULATED": "yes"})
