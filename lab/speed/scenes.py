"""A full-width strip of a Sentinel-1 GRD scene to a map-projected COG, against GDAL's own warp of it; memory."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from django.conf import settings
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.warp import reproject
from rasterio.windows import Window

from ingest.pixel_grids import PixelGrid
from ingest.rasters import CACHE_MB, write_cog_blocks
from ingest.readers import open_scenes
from ingest.readers.images.scenes import SceneFile
from lab.speed import simulated_safe as made_safe
from lab.speed.measure import pairs, report, result, seconds

PIXELS, LINES = 25_000, 2_000
COG = {"driver": "COG", "compress": "DEFLATE", "level": 1, "predictor": 3, "overview_resampling": "AVERAGE"}


def run() -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="ground-motion-bench-") as folder:
        product, strip, cog = made_strip(Path(folder))
        (scene,) = open_scenes(product)
        times = pairs(lambda: convert(product, cog), lambda: _gdal(strip, cog, scene), rounds=3)
        what = f"strip of {PIXELS:,} x {LINES:,} px to COG (control: GDAL's warp of the calibrated strip by its points)"
        rows = [result(what, "Mpx/s", *times, amount=PIXELS * LINES / 1e6), _reading(product), _memory(product, cog)]
    return report("scenes", rows)


def made_strip(folder: Path) -> tuple[Path, Path, Path]:
    """A product of one polarisation; the same strip calibrated, with its control points, for GDAL; where to write."""
    flight = made_safe.Flight(lines=LINES, pixels=PIXELS)
    digital = np.tile(made_safe.random_digital(500, PIXELS), (LINES // 500, 1))
    recipe = made_safe.Recipe(flight=flight, polarisations=("VV",), digital={"VV": digital}, grid=(10, 21))
    product = made_safe.make(folder, recipe)
    strip = folder / "calibrated.tif"
    with rasterio.open(next(product.glob("measurement/*.tiff")), driver="GTiff") as source:
        points, crs = source.gcps
        profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "height": LINES, "width": PIXELS}
        with rasterio.open(strip, "w", gcps=points, crs=crs, nodata=0, **profile) as target:
            for row in range(0, LINES, 500):
                window = Window(0, row, PIXELS, 500)
                target.write((source.read(1, window=window) / np.float32(450)) ** 2, 1, window=window)
    return product, strip, folder / "out.tif"


def convert(product: Path, cog: Path) -> None:
    """What is measured: parse, calibrate, take the noise off, lay onto the map, write."""
    (scene,) = open_scenes(product)
    header = scene.header
    grid = PixelGrid(header.epsg, header.transform, header.rows, header.cols)
    write_cog_blocks(cog, grid, scene.blocks(), (header.polarisation, "linear power"), {})


def _gdal(strip: Path, cog: Path, scene: SceneFile) -> None:
    """Warp by a polynomial through the points, cubic, onto the same grid, with as many threads; then the same COG."""
    header, plain = scene.header, cog.with_suffix(".plain.tif")
    profile = {
        "driver": "GTiff",
        "dtype": "float32",
        "count": 1,
        "height": header.rows,
        "width": header.cols,
        "nodata": np.nan,
        "crs": f"EPSG:{header.epsg}",
        "transform": header.transform,
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "sparse_ok": True,
        "bigtiff": "if_safer",
    }
    with rasterio.Env(GDAL_CACHEMAX=CACHE_MB, GDAL_NUM_THREADS="ALL_CPUS"):
        with rasterio.open(strip, driver="GTiff") as source, rasterio.open(plain, "w", **profile) as target:
            _warp(source, rasterio.band(target, 1))
        rasterio.shutil.copy(plain, cog, **COG)
    plain.unlink()


def _warp(source: DatasetReader, target: Any) -> None:
    points, crs = source.gcps
    reproject(
        rasterio.band(source, 1),
        target,
        gcps=points,
        src_crs=crs,
        resampling=Resampling.cubic,
        num_threads=2,
        warp_mem_limit=CACHE_MB,
        src_nodata=0,
    )


def _reading(product: Path) -> dict[str, Any]:
    """The reader alone: its pieces are made and thrown away."""

    def read() -> None:
        for block in open_scenes(product)[0].blocks():
            del block

    median = sorted(seconds(read) for _ in range(3))[1]
    return _figure("the same strip, read and laid onto the map, not written", "Mpx/s", PIXELS * LINES / 1e6 / median)


# ru_maxrss would not do: a child inherits the peak of the process that it was forked from
_CONVERT_AND_TELL_PEAK = """
import re, sys
from pathlib import Path
from lab.speed.scenes import convert
convert(Path(sys.argv[1]), Path(sys.argv[2]))
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


def _memory(product: Path, cog: Path) -> dict[str, Any]:
    command = [sys.executable, "-c", _CONVERT_AND_TELL_PEAK, str(product), str(cog)]
    child = subprocess.run(command, cwd=settings.BASE_DIR, check=True, capture_output=True, text=True)
    return _figure("peak memory of converting it, in a process of its own", "MB", int(child.stdout.split()[-1]) / 1024)


def _figure(what: str, unit: str, value: float) -> dict[str, Any]:
    nothing = dict.fromkeys(("control", "ratio", "low", "high"))
    return {"what": what, "value": round(value, 3), "unit": unit, **nothing, "n": 1}
