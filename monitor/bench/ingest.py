"""Points into PostGIS, against PostgreSQL's own server-side binary COPY of the same rows; and a CSV all the way."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from django.db import connection, transaction

from ingest import loading, partitions, services
from ingest.readers.records import Component, FieldHeader, VelocityField
from ml.simulation.region_files import write_region
from ml.simulation.velocity import simulate_region
from monitor.bench.made import DATES, made_batch
from monitor.bench.measure import pairs, report, result, seconds

POINTS, CHUNK = 200_000, 50_000
SCRATCH_ID = 2_000_000_000
TABLES = (partitions.POINTS, partitions.SERIES)


class _Undone(Exception):
    pass


def _rolled_back(work) -> None:
    """Do it in a transaction that leaves nothing behind."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(partitions.create_detached(SCRATCH_ID))
            work(cursor)
            raise _Undone
    except _Undone:
        pass


def run() -> dict[str, Any]:
    batches = [made_batch(CHUNK, seed=n, first=n * CHUNK) for n in range(POINTS // CHUNK)]
    header = FieldHeader("egms", "L2b", Component.LOS, DATES)
    field = VelocityField(header, lambda: iter(batches))
    folder = Path(tempfile.mkdtemp(prefix="ground-motion-bench-"))
    folder.chmod(0o777)
    files = {table: folder / table for table in TABLES}

    def ours(cursor) -> None:
        loading.points_copy(cursor, path=Path("bench.csv"), field=field, product_id=SCRATCH_ID)

    def write_files(cursor) -> None:
        ours(cursor)
        for table, path in files.items():
            cursor.execute(f"COPY {table}_p{SCRATCH_ID} TO '{path}' (FORMAT binary)")

    def control(cursor) -> None:
        for table, path in files.items():
            cursor.execute(f"COPY {table}_p{SCRATCH_ID} FROM '{path}' (FORMAT binary)")

    _rolled_back(write_files)
    times = pairs(lambda: _rolled_back(ours), lambda: _rolled_back(control))
    for path in files.values():
        path.unlink()
    folder.rmdir()
    copied = result("points into PostGIS, 300 dates, parse excluded", "points/s", *times, amount=POINTS)
    return report("ingest", [copied, _whole_file()])


def _whole_file() -> dict[str, Any]:
    """CSV in a zip → published, indexed product; no control (ogr2ogr is not installed)."""
    with tempfile.TemporaryDirectory() as folder:
        path = next(p for p in write_region(simulate_region(7), Path(folder) / "region") if p.suffix == ".zip")
        rates = []
        for _ in range(5):
            loaded = []
            spent = seconds(lambda loaded=loaded: loaded.append(services.product_load(path=path)))
            rates.append(loaded[0].n_points / spent)
            services.product_delete(product=loaded[0])
    return {
        "what": "EGMS zip with 120 dates to published product",
        "value": round(float(np.median(rates))),
        "unit": "points/s",
        "control": None,
        "ratio": None,
        "n": len(rates),
        "low": round(min(rates)),
        "high": round(max(rates)),
    }
