"""OPERA RTC-S1: calibrated, terrain-corrected Sentinel-1 backscatter, one burst and polarisation a file.

Names and contents: NASA/JPL, OPERA RTC-S1 product specification, JPL D-108758.
"""

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from ingest.errors import InputError
from ingest.projections import transformer
from ingest.readers import raster
from ingest.readers.records import Declared, Float32
from ingest.readers.scenes import Block, SceneAbout, SceneFile, SceneHeader, direction_at

TITLE = "OPERA RTC-S1"
NAME = re.compile(
    r"OPERA_L2_RTC-S1_T(?P<track>\d{3})-(?P<burst>\d{6}-IW\d)_(?P<acquired>\d{8}T\d{6})Z_(?P<made>\d{8}T\d{6})Z"
    r"_(?P<platform>S1[A-D])_(?P<posting>\d+)_v(?P<version>[\d.]+)_(?P<layer>VV|VH|HH|HV|mask)\.tiff?"
)
MAX_PIXELS = 10**8  # a burst has about 5 million
MOST_POWER = 1e5  # 50 dB: brighter is no backscatter
ATTRIBUTION = "Contains modified Copernicus Sentinel data, processed by NASA/JPL OPERA"


def about(path: Path) -> SceneAbout:
    """What the name tells, for an image that cannot be used."""
    named = NAME.fullmatch(path.name)
    if named is None:
        return SceneAbout()
    try:
        acquired_at = datetime.strptime(named["acquired"], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        acquired_at = None
    layer = named["layer"].replace("mask", "")
    return SceneAbout(named["platform"], int(named["track"]), None, "IW", layer, acquired_at)


def recognises(path: Path) -> bool:
    """Tell an image by its published name: OPERA's GeoTIFFs say nothing else of where they come from."""
    return path.name.startswith("OPERA_L2_RTC-S1_") and raster.is_geotiff(path)


def read(path: Path, declared: Declared) -> SceneFile:
    """Read name and grid; the image itself when asked for. Raises InputError for what cannot be used."""
    named = NAME.fullmatch(path.name)
    if named is None:
        raise InputError(path, "its name is not that of an OPERA RTC-S1 image", "Give it the name that it came with")
    if named["layer"] == "mask":
        raise InputError(
            path, "this is the layover and shadow mask, not an image", "Give the files ending with VV or VH"
        )
    try:
        with rasterio.open(path, driver="GTiff") as dataset:
            return SceneFile(_header(path, named, dataset), lambda: iter([Block(0, 0, _power(path))]))
    except RasterioError as fault:
        raise _unreadable(path, fault) from fault
    except ValueError as fault:
        if isinstance(fault, InputError):
            raise
        raise InputError(path, f"its name holds an impossible date ({fault})", "Download it again") from fault


def _header(path: Path, named: re.Match[str], dataset: DatasetReader) -> SceneHeader:
    epsg = dataset.crs.to_epsg() if dataset.crs else None
    if epsg is None or not dataset.crs.is_projected:
        raise InputError(path, f"its reference system is {dataset.crs}, not a projected one", "Download it again")
    grid = dataset.transform
    if grid.b or grid.d or grid.a <= 0 or not np.isclose(grid.a, -grid.e):
        raise InputError(path, f"its grid {tuple(grid)[:6]} is not north-up with square pixels", "Download it again")
    if dataset.width * dataset.height > MAX_PIXELS:
        raise InputError(path, f"it declares {dataset.width} x {dataset.height} pixels", "Cut it into pieces")
    if dataset.count != 1 or dataset.dtypes[0] not in {"float32", "float64"}:
        raise InputError(
            path, f"it holds {dataset.count} bands of {dataset.dtypes[0]}, not one of floats", "Export it again"
        )
    acquired_at = datetime.strptime(named["acquired"], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    centre = grid @ (dataset.width / 2, dataset.height / 2)
    longitude, _ = transformer(epsg, 4326).transform(*centre)
    simulated = dataset.tags().get("SIMULATED") == "yes"
    return SceneHeader(
        source_format="opera-rtc",
        platform=named["platform"],
        track=int(named["track"]),
        direction=direction_at(acquired_at, longitude),
        mode="IW",
        burst=named["burst"],
        polarisation=named["layer"],
        backscatter="gamma0",
        acquired_at=acquired_at,
        epsg=epsg,
        transform=grid,
        rows=dataset.height,
        cols=dataset.width,
        simulated=simulated,
        attribution="" if simulated else ATTRIBUTION,
        licence="" if simulated else "Copernicus Sentinel data terms; OPERA products are free and open",
        extras={"made": named["made"], "version": named["version"]},
    )


def _power(path: Path) -> Float32:
    """Linear power, NaN where nothing was seen (file: NaN or 0)."""
    try:
        with rasterio.open(path, driver="GTiff") as dataset:
            power = dataset.read(1, masked=True).astype(np.float32).filled(np.nan)
    except RasterioError as fault:
        raise _unreadable(path, fault) from fault
    known = power[np.isfinite(power) & (power != 0)]
    if not known.size:
        raise InputError(path, "no pixel has a value", "Download it again")
    if np.median(known) < 0 or known.max() > MOST_POWER:
        found = f"its values ({known.min():.3g} to {known.max():.3g}) are not linear power"
        raise InputError(path, found, "Convert decibels with 10 ** (value / 10)")
    return np.where(power > 0, power, np.float32(np.nan))


def _unreadable(path: Path, fault: Exception) -> InputError:
    return InputError(path, f"it cannot be read as GeoTIFF ({fault})", "Download it again")
