"""Publishing a product as files: time, memory and sizes, against copying its points and series out of the database."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.db import connection

from ingest.products.partitions import POINTS as POINTS_TABLE
from ingest.products.partitions import SERIES
from ingest.products.services import product_delete
from lab.speed.measure import figure, report, result, seconds
from lab.speed.simulated import CHUNK, load_towns

POINTS, DATES = 10**6, 100
# VmHWM is read, because a child inherits ru_maxrss from the process that it was forked from.
_PUBLISH_AND_PRINT_PEAK = """
import re, sys
import django
django.setup()
from django.core.management import call_command
call_command("publish", sys.argv[1], verbosity=0)
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


def run(points: int = POINTS) -> dict[str, Any]:
    """Measure a first publication, a second one without changes, the peak of memory and what the files take."""
    product = load_towns(points=points, n_dates=DATES, kinds=-(-points // CHUNK))  # Repeated points compress too well.
    peaks_mb: list[float] = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            first, second = (seconds(lambda: peaks_mb.append(_publish(folder))) for _ in range(2))
            sizes = {part.name: _size_mb(part) for part in Path(folder).iterdir() if part.is_dir()}
        copied = seconds(lambda: _copy(product.pk))
    finally:
        product_delete(product=product)
    what = f"publishing {points:,} points of {DATES} dates"
    return report(
        "publish",
        [
            result(f"{what}, against copying them out of the database", "s", [first], [copied]),
            figure("publishing again, nothing changed", "s", second),
            figure("peak of memory", "MB", max(peaks_mb)),
            *(figure(f"published {name}", "MB", sizes[name]) for name in ("points", "series", "tiles")),
        ],
    )


def _publish(folder: str) -> float:
    command = [sys.executable, "-c", _PUBLISH_AND_PRINT_PEAK, folder]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]) / 1024


def _size_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def _copy(product: int) -> None:
    """Copy the rows of a product out of the database, in the binary form, and drop them."""
    for table in (POINTS_TABLE, SERIES):
        with connection.cursor() as cursor:
            rows = f"SELECT * FROM {table} WHERE product_id = {product:d}"  # noqa: S608
            with cursor.copy(f"COPY ({rows}) TO STDOUT (FORMAT binary)") as copy:
                for _ in copy:
                    pass
