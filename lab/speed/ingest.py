"""Speed of loading points into PostGIS against PostgreSQL's server-side binary COPY; of a whole CSV; and memory."""

import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from ground_motion.readers.records import Component, FieldHeader, PointBatch, VelocityField
from ingest.models import Product
from ingest.products import loading, partitions, pyramid, services
from lab.speed.measure import figure, pairs, report, result, seconds
from lab.speed.simulated import DATES, made_batch, numbered, write_egms_csv

SIZES = (10**4, 10**5, 10**6)
LARGEST = 10**7  # The rows have four dates, because those of 300 would fill a small disk twice.
MAX_DATES = 4
CHUNK = 4_000  # Rows in about 4 MB of an EGMS table.
CSV_POINTS = 10**5
SCRATCH_ID = 2_000_000_000
TABLES = (partitions.POINTS, partitions.SERIES)
# ru_maxrss would be wrong: a child inherits the peak of the process that forked it.
_LOAD_AND_PRINT_PEAK = """
import re, sys
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "ingest", sys.argv[1]])
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


class _Undone(Exception):
    pass


def _rolled_back(work: Callable[[Any], object]) -> None:
    """Call a function in a transaction that is rolled back."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(partitions.create_detached(SCRATCH_ID))
            work(cursor)
            raise _Undone
    except _Undone:
        pass


def run() -> dict[str, Any]:
    """Measure the copying of points in all sizes, disk space, a whole file, and memory."""
    copies = [_copy(points, len(DATES)) for points in SIZES] + [_copy(LARGEST, MAX_DATES)]
    small, large = copies[0], copies[len(SIZES) - 1]  # Both have 300 dates.
    exponent = 1 + math.log(small["value"] / large["value"]) / math.log(large["points"] / small["points"])
    growth = figure(f"growth of time from {small['points']:,} to {large['points']:,} points", "exponent", exponent)
    return report("ingest", [*copies, growth, *_bytes_a_point(), _whole_file(), _memory()])


def field_of(points: int, n_dates: int) -> VelocityField:
    """Return a velocity field whose batches are made beforehand and reused, so that making points takes no time."""
    kinds = [made_batch(min(CHUNK, points), seed=seed) for seed in range(4)]
    kinds = [replace(kind, displacement_mm=kind.displacement_mm[:, :n_dates].copy()) for kind in kinds]
    ids = [numbered(first, min(CHUNK, points - first)) for first in range(0, points, CHUNK)]

    def batches() -> Iterator[PointBatch]:
        for number, pid in enumerate(ids):
            columns = {name: column[: pid.size] for name, column in kinds[number % len(kinds)].columns().items()}
            yield PointBatch(**columns | {"pid": pid})

    header = FieldHeader(source_format="egms", level="L2b", component=Component.LOS, dates=DATES[:n_dates])
    return VelocityField(header=header, batches=batches)


def _copy(points: int, n_dates: int) -> dict[str, Any]:
    """Measure packing and copying points, without parsing and indices, against COPY of the same rows from files."""
    field, folder = field_of(points, n_dates), Path(tempfile.mkdtemp(prefix="ground-motion-bench-"))
    folder.chmod(0o777)
    files = {table: folder / table for table in TABLES}

    def ours(cursor: CursorWrapper) -> None:
        loading.points_copy(cursor, path=Path("lab.speed.csv"), field=field, product_id=SCRATCH_ID)

    def write_files(cursor: CursorWrapper) -> None:
        ours(cursor)
        for table, path in files.items():
            cursor.execute(f"COPY {table}_p{SCRATCH_ID} TO '{path}' (FORMAT binary)")

    def control(cursor: CursorWrapper) -> None:
        for table, path in files.items():
            cursor.execute(f"COPY {table}_p{SCRATCH_ID} FROM '{path}' (FORMAT binary)")

    _rolled_back(write_files)
    rounds = 3 if points >= LARGEST else 5
    times = pairs(lambda: _rolled_back(ours), lambda: _rolled_back(control), rounds=rounds)
    shutil.rmtree(folder)
    what = f"{points:,} points of {n_dates} dates into PostGIS, parse excluded"
    return result(what, "points/s", *times, amount=points) | {"points": points}


def _bytes_a_point() -> list[dict[str, Any]]:
    """Measure disk space per point of 300 dates: series with their index; everything with indices and pyramid."""
    sizes: dict[str, float] = {}

    def measure(cursor: CursorWrapper) -> None:
        loading.points_copy(cursor, path=Path("lab.speed.csv"), field=field_of(CSV_POINTS, 300), product_id=SCRATCH_ID)
        cursor.execute(partitions.index(SCRATCH_ID) + partitions.attach(SCRATCH_ID, SCRATCH_ID))
        before = _size(cursor, pyramid.TABLE)
        cursor.execute(pyramid.build(SCRATCH_ID))
        points, series = (_size(cursor, f"{table}_p{SCRATCH_ID}") for table in TABLES)
        sizes["series with their index"] = series / CSV_POINTS
        sizes["everything, indices and pyramid included"] = (
            points + series + _size(cursor, pyramid.TABLE) - before
        ) / CSV_POINTS

    _rolled_back(measure)
    return [figure(f"disk for a point of 300 dates: {what}", "bytes", size) for what, size in sizes.items()]


def _size(cursor: CursorWrapper, table: str) -> int:
    cursor.execute("SELECT pg_total_relation_size(%s)", [table])
    return int(cursor.fetchone()[0])


def _whole_file() -> dict[str, Any]:
    """Measure the points per second from an EGMS CSV of 300 dates to a published, indexed, tiled product."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "EGMS_L2b_117_0227_IW2_VV_2019_2023_1.csv"
        write_egms_csv(path, CSV_POINTS)
        spent = [seconds(lambda: services.product_delete(product=services.product_load(path=path))) for _ in range(3)]
    rate = float(np.median([CSV_POINTS / one for one in spent]))
    return figure(f"EGMS CSV of {CSV_POINTS:,} points and 300 dates to published product", "points/s", rate)


def _memory() -> dict[str, Any]:
    """Measure the peak memory of a `manage.py ingest` of a file with ten times as many points."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "EGMS_L2b_117_0227_IW2_VV_2019_2023_1.csv"
        write_egms_csv(path, 10 * CSV_POINTS)
        command = [sys.executable, "-c", _LOAD_AND_PRINT_PEAK, str(path)]
        environment = os.environ | {"DJANGO_SETTINGS_MODULE": "monitor.settings"}
        child = subprocess.run(
            command, cwd=settings.BASE_DIR, env=environment, check=True, capture_output=True, text=True
        )
    services.product_delete(product=Product.objects.latest("id"))
    what = f"peak memory of manage.py ingest, EGMS CSV of {10 * CSV_POINTS:,} points"
    return figure(what, "MB", int(child.stdout.split()[-1]) / 1024)
