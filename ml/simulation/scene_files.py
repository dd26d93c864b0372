"""Simulated images as files: a series in OPERA's names, or one pair with its truth."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

from ml.simulation.scenes import SceneSeries
from ml.simulation.velocity import ASCENDING

BURST = "000001-IW2"


def write_series(series: SceneSeries, folder: Path) -> tuple[Path, ...]:
    """Write one VV GeoTIFF a date, tagged as simulated, under the name that OPERA RTC-S1 would give it."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for date, power in zip(series.dates, series.power, strict=True):
        stamp, made = (f"{when:%Y%m%dT%H%M%SZ}" for when in (date, date + dt.timedelta(days=1)))
        path = folder / f"OPERA_L2_RTC-S1_T{ASCENDING.number}-{BURST}_{stamp}_{made}_S1A_30_v1.0_VV.tif"
        _write(path, {"VV": power}, series.transform, series.epsg)
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
        _write(path, bands, series.transform, series.epsg)
    return names


def _write(path: Path, bands: dict[str, NDArray[np.float32]], transform: Affine, epsg: int) -> None:
    rows, cols = next(iter(bands.values())).shape
    profile = {
        "driver": "GTiff", "dtype": "float32", "count": len(bands), "height": rows, "width": cols,
        "crs": f"EPSG:{epsg}", "transform": transform, "nodata": np.nan, "compress": "deflate", "predictor": 3,
    }  # fmt: skip
    partial = path.with_name(f".{path.name}.partial")
    with rasterio.open(partial, "w", **profile) as raster:
        for index, (name, values) in enumerate(bands.items(), start=1):
            raster.write(values, index)
            raster.set_band_description(index, name)
        raster.update_tags(SIMULATED="yes")
    partial.replace(path)
