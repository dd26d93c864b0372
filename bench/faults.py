"""Faults in the middle of a load: no product may ever be there in part.

The loader is killed (SIGKILL) at random moments, or PostgreSQL is restarted in mode immediate, as a power cut would,
while the loader is seen copying. It works on the private cluster of this checkout only: scripts/services brings it up,
and takes it down in the middle.
"""

import os
import signal
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
        rng = np.random.default_rng(7)

        def at_any_moment(loader: subprocess.Popen) -> bool:
            time.sleep(rng.uniform(0.3, 1.0) * undisturbed)
            return True

        results = [
            _many("the loader killed", "at random moments", at_any_moment, _kill, path, rounds),
            _many("PostgreSQL restarted in mode immediate", "in COPY", _stopped_in_copy, _restart, path, rounds),
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
    what: str,
    when: str,
    wait: Callable[[subprocess.Popen], bool],
    fault: Callable[[subprocess.Popen], None],
    path: Path,
    rounds: int,
) -> dict[str, Any]:
    """wait: until the moment of the fault; False where it was missed, and the load is begun again."""
    partial, interrupted, made = 0, 0, 0
    while made < rounds:
        loader = _load(path)
        if wait(loader):
            fault(loader)
            made += 1
            interrupted += loader.wait() != 0
            connection.close()
            partial += bool(what_is_partial())
        _forget()
    return {
        "what": f"partial products after {what} {rounds} times {when} ({interrupted} of them in mid-load)",
        "value": partial,
        "unit": "products",
        "control": None,
        "ratio": None,
        "n": rounds,
        "low": None,
        "high": None,
    }


def _stopped_in_copy(loader: subprocess.Popen) -> bool:
    """Stop the loader (SIGSTOP) while it copies: the COPY that is seen then cannot end before the fault."""
    while loader.poll() is None:
        if _copies():
            loader.send_signal(signal.SIGSTOP)
            time.sleep(0.1)  # for what it had sent already
            if _copies():
                return True
            loader.send_signal(signal.SIGCONT)
    return False


def _copies() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_progress_copy JOIN pg_stat_activity USING (pid)"
            " WHERE query LIKE 'COPY ingest_%%' AND state = 'active')"
        )
        return bool(cursor.fetchone()[0])


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
    loader.send_signal(signal.SIGCONT)


def _forget() -> None:
    for product in Product.objects.all():
        product_delete(product=product)
