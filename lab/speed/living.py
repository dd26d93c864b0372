"""Speed and memory of adding one pass to a release of a million points, against reading and writing its series."""

import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from django.db import connection, transaction

from ground_motion.core.pixel_grids import PixelGrid, footprint_of
from ground_motion.core.rasters import RasterExtent, write_cog_parts
from ingest.foundation.geos import geos
from ingest.foundation.storage import save_with_raster
from ingest.models import Interferogram, Product
from ingest.products.partitions import SERIES
from ingest.products.services import product_delete
from ingest.scenes.interferograms import BANDS
from lab.speed.measure import figure, report, result, seconds
from lab.speed.simulated import load_towns
from ml.models import LivingSeries
from ml.runs.living import living_extend

POINTS, DATES = 10**6, 120
REACH, TRACK = 3, 999
GRID = PixelGrid(32632, Affine(80, 0, 270_000, 0, -80, 5_820_000), 2_900, 2_900)  # around the towns, like a HyP3 scene
# VmHWM is read, because a child inherits ru_maxrss from the process that it was forked from.
_EXTEND_AND_PRINT_PEAK = """
import re, sys
import django
django.setup()
from ingest.models import Product
from ml.runs.living import living_extend
living_extend(product=Product.objects.get(pk=sys.argv[1]))
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


def run(points: int = POINTS, rounds: int = 5) -> dict[str, Any]:
    """Measure the time of each new date, and the peak of memory with the first date and with a later one."""
    product = load_towns(points=points, n_dates=DATES, track=TRACK)
    product.direction = "ascending"
    product.save()
    try:
        _arrive(product, 1)
        beginning_mb = _peak_mb(product)
        extending, controls = [], []
        for number in range(2, rounds + 2):
            _arrive(product, number)
            extending.append(seconds(lambda: living_extend(product=product)))
            controls.append(seconds(lambda: _read_and_write(product)))
        _arrive(product, rounds + 2)
        extending_mb = _peak_mb(product)
    finally:
        LivingSeries.objects.filter(product=product).delete()
        product_delete(product=product)
    return report(
        "living",
        [
            result(
                f"one new date for {points:,} points, against reading and writing their series",
                "s",
                extending,
                controls,
            ),
            figure("peak of memory with a new date", "MB", extending_mb),
            figure("peak of memory at the beginning, with the first date", "MB", beginning_mb),
        ],
    )


def _arrive(product: Product, number: int) -> None:
    """Store the interferograms of the pass `number` after the release."""
    rng = np.random.default_rng(number)
    days = [*product.dates[-REACH:], *(product.dates[-1] + n * timedelta(days=6) for n in range(1, number + 1))]
    for earlier in days[-1 - REACH : -1]:
        _store(rng, earlier, days[-1])


def _store(rng: np.random.Generator, earlier: date, later: date) -> None:
    slope = np.linspace(-5, 5, GRID.cols, dtype=np.float32)[None, :]
    change = (slope * rng.normal() + rng.normal(0, 1, (GRID.rows, GRID.cols))).astype(np.float32)
    coherence = np.full_like(change, 0.7)
    row = Interferogram(
        name=f"benchmark {earlier} to {later}",
        source_format="hyp3",
        track=TRACK,
        direction="ascending",
        reference_day=earlier,
        secondary_day=later,
        wavelength_m=0.0555,
        posting_m=80.0,
        footprint=geos(footprint_of(GRID)),
        file_name="benchmark",
        file_sha256=f"{later:%Y%m%d}",
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"interferogram_{earlier:%Y%m%d}_{later:%Y%m%d}.tif"
        part = {"change_mm": change, "coherence": coherence}
        write_cog_parts(
            path, RasterExtent((GRID.rows, GRID.cols), GRID.transform, GRID.epsg), [((0, 0), part)], BANDS, {}
        )
        save_with_raster(row, path)


def _peak_mb(product: Product) -> float:
    """Prolong the series in a process of its own; return the peak of its memory, MB."""
    command = [sys.executable, "-c", _EXTEND_AND_PRINT_PEAK, str(product.pk)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1024


def _read_and_write(product: Product) -> None:
    """Read the packed series of a product and write them into a table that is rolled back, by binary COPY."""
    own = f"SELECT pid, packed FROM {SERIES} WHERE product_id = {product.pk:d}"  # noqa: S608
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE benchmark_copy (pid text, packed bytea) ON COMMIT DROP")
        with tempfile.TemporaryFile() as kept:
            with cursor.copy(f"COPY ({own}) TO STDOUT (FORMAT binary)") as copy:
                for block in copy:
                    kept.write(block)
            kept.seek(0)
            with cursor.copy("COPY benchmark_copy FROM STDIN (FORMAT binary)") as copy:
                while block := kept.read(2**20):
                    copy.write(block)
