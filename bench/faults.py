"""Faults in the middle of a load, at random moments: no product may ever be there in part.

The loader is killed (SIGKILL), or PostgreSQL is restarted in mode immediate, as a power cut would. It works on the
private cluster of this checkout only: scripts/services brings it up, and takes it down in the middle.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection

from bench.measure import report, seconds
from bench.simulated import write_egms_csv
from ingest.models import MeasurementPoint, Product, PyramidCell
from ingest.products.partitions import POINTS, SERIES
from ingest.products.services import product_delete

FILE_POINTS = 20_000
ROUNDS = 50


def run(rounds: int = ROUNDS) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "EGMS_L2b_117_0227_IW2_VV_2019_2023_1.csv"
        write_egms_csv(path, FILE_POINTS)
        undisturbed = seconds(lambda: _load(path).wait())
        _forget()
        results = [
            _many("the loader killed", _kill, path, undisturbed, rounds),
            _many("PostgreSQL restarted in mode immediate", _restart, path, undisturbed, rounds),
        ]
        _load(path).wait()
        if what_is_partial() or Product.objects.count() != 1:
            raise RuntimeError("after all faults, the same file does not load cleanly")
        _forget()
    return report("faults", results)


def what_is_partial() -> list[str]:
    """Every sign of a product that is not wholly there; nothing where all is well."""
    products = {product.pk: product for product in Product.objects.all()}
    wanted = {f"{table}_p{pk}" for table in (POINTS, SERIES) for pk in products}
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^ingest_.*_p[0-9]+$'")
        tables = {name for (name,) in cursor.fetchall()}
    signs = [f"table {name} without its product" for name in sorted(tables - wanted)]
    signs += [f"product without its table {name}" for name in sorted(wanted - tables)]
    for pk, product in products.items():
        counted = MeasurementPoint.objects.filter(product=product).count()
        if counted != product.n_points:
            signs.append(f"product {pk} has {counted} of {product.n_points} points")
        if sum(PyramidCell.objects.filter(product=pk, z=0).values_list("n", flat=True)) != product.n_points:
            signs.append(f"the pyramid of product {pk} is not whole")
    if PyramidCell.objects.exclude(product__in=products).exists():
        signs.append("a pyramid without its product")
    return signs


def _many(
    what: str, fault: Callable[[subprocess.Popen], None], path: Path, undisturbed: float, rounds: int
) -> dict[str, Any]:
    rng, partial, interrupted = np.random.default_rng(7), 0, 0
    for _ in range(rounds):
        loader = _load(path)
        time.sleep(rng.uniform(0.3, 1.0) * undisturbed)
        fault(loader)
        interrupted += loader.wait() != 0
        connection.close()
        partial += bool(what_is_partial())
        _forget()
    return {
        "what": f"partial products after {what} at {rounds} random moments ({interrupted} of them in mid-load)",
        "value": partial,
        "unit": "products",
        "control": None,
        "ratio": None,
        "n": rounds,
        "low": None,
        "high": None,
    }


def _load(path: Path) -> subprocess.Popen:
    command = [sys.executable, settings.BASE_DIR / "manage.py", "ingest", str(path)]
    return subprocess.Popen(command, env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _kill(loader: subprocess.Popen) -> None:
    loader.kill()
    loader.wait()
    # PostgreSQL notices at its next word to the dead client
    for _ in range(100):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
            if cursor.fetchone() == (1,):
                return
        time.sleep(0.1)


def _restart(loader: subprocess.Popen) -> None:
    connection.close()
    subprocess.run([settings.BASE_DIR / "scripts" / "services", "crash"], check=True)


def _forget() -> None:
    for product in Product.objects.all():
        product_delete(product=product)
