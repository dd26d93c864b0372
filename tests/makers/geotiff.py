"""Makes GeoTIFFs: of anything, and of velocities."""

from functools import partial
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from ground_motion.readers.records import Component, Declaration, Technique
from tests.makers.sources import FLOWS, SINKS, Source

DEGREES = Affine(0.001, 0, -99.2, 0, -0.001, 19.5)


def write(path: Path, values, crs="EPSG:4326", transform: Affine | None = DEGREES, **options) -> Path:
    """One image. values: (rows, cols) or (bands, rows, cols); tags, scale, offset and unit as options."""
    values = np.atleast_3d(np.asarray(values).T).T
    tags, scale, offset, unit = (options.pop(name, None) for name in ("tags", "scale", "offset", "unit"))
    profile = {"driver": "GTiff", "dtype": str(values.dtype), "crs": crs}
    profile |= dict(zip(("count", "height", "width"), values.shape, strict=True))
    profile |= ({"transform": transform} if transform else {}) | options
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(values)
        if tags:
            raster.update_tags(**tags)
        if unit:
            raster.units = (unit,) * values.shape[0]
        if scale is not None:
            raster.scales, raster.offsets = (scale,) * values.shape[0], (offset,) * values.shape[0]
    return path


def write_bands(path: Path, values, count: int = 1, dtype: str = "float32", **options) -> Path:
    """One image whose bands all hold the same values, (rows, cols)."""
    return write(path, np.stack([np.asarray(values, dtype=dtype)] * count), **options)


def make(folder: Path, value: float = -20.0, name: str = "velocity.tif", dtype: str = "float32", **options) -> Path:
    """4 x 5 pixels of one velocity, the first of them nodata (-9999)."""
    values = np.full((4, 5), value, dtype=dtype)
    values[0, 0] = -9999
    return write(folder / name, values, **({"nodata": -9999} | options))


def make_vx_vy(folder: Path, vx: float = 0.4, vy: float = 0.0, name: str = "20180304-20180405_velo") -> Path:
    """A folder of one tracked pair, on the central meridian of its UTM zone: x is east, y is north."""
    grid = Affine(60, 0, 500_000, 0, -60, 6_754_000)
    for axis, value in (("vx", vx), ("vy", vy)):
        make(folder, value=value, name=f"{name}_{axis}.tif", crs="EPSG:32607", transform=grid)
    return folder


def source(unit: str, positive: str, value: float, component: Component, technique=Technique.INSAR) -> Source:
    declared = Declaration(unit=unit, positive=positive)
    return Source("geotiff", partial(make, value=value), component, SINKS, technique, declared, series=False)


SOURCES = [
    source("mm/yr", "toward", -20, Component.LOS),
    source("cm/yr", "away", 2, Component.LOS),
    source("m/yr", "down", 0.02, Component.UP),
    source("m/day", "west", 20 / 365_250, Component.EAST, Technique.TRACKING),
    Source(
        "vx-vy",
        lambda folder: make_vx_vy(folder / "pair", vx=FLOWS / 365_250),
        Component.EAST,
        FLOWS,
        Technique.TRACKING,
        Declaration(unit="m/day"),
        series=False,
    ),
]
