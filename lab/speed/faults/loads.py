"""Faults while files are loaded: no product, table or pyramid may be left incomplete."""

import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.db import OperationalError, connection

from ingest.models import MeasurementPoint, Product, PyramidCell
from ingest.products.partitions import POINTS, SERIES
from ingest.products.services import product_delete, product_load
from lab.speed.faults.processes import Forked, wait_until_alone
from lab.speed.measure import figure, seconds
from lab.speed.simulated import write_egms_csv

FILE_POINTS = 5_000


def measure(*, loaders: int, restarts: int) -> list[dict[str, Any]]:
    """Kill the loader at random moments, and restart PostgreSQL (mode immediate) while the loader copies."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "EGMS_L2b_117_0227_IW2_VV_2019_2023_1.csv"
        write_egms_csv(path, FILE_POINTS)
        spent = []
        for _ in range(2):
            spent.append(seconds(lambda: _load(path).wait()))
            _forget()
        undisturbed, rng = min(spent), np.random.default_rng(7)

        def at_any_moment(loader: Forked) -> bool:
            time.sleep(rng.uniform(0, undisturbed))
            return True

        results = [
            _many("loader killed", at_any_moment, _kill, path, loaders),
            _many("PostgreSQL restarted", _stopped_in_copy, _restart, path, restarts),
        ]
        _load(path).wait()
        if what_is_partial() or Product.objects.count() != 1:
            raise RuntimeError("after all faults, the same file does not load cleanly")
        _forget()
    return results


def what_is_partial() -> list[str]:
    """Return every sign of an incomplete product; empty if there is none."""
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
    what: str, wait: Callable[[Forked], bool], fault: Callable[[Forked], None], path: Path, rounds: int
) -> dict[str, Any]:
    """Cause a fault `rounds` times. wait: waits until it is due; False if that was missed, and a new load starts."""
    partial, interrupted, made = 0, 0, 0
    while made < rounds:
        loader = _load(path)
        if wait(loader):
            fault(loader)
            made += 1
            interrupted += loader.wait() != 0
            partial += bool(what_is_partial())
        _forget()
    summary = f"partial products, {what} {rounds} times ({interrupted} in mid-load)"
    return figure(summary, "products", partial, rounds)


def _load(path: Path) -> Forked:
    def load() -> None:
        try:
            product_load(path=path)
        except OperationalError:  # The fault restarts PostgreSQL, so that this error is expected.
            raise SystemExit(1) from None

    return Forked(load)


def _stopped_in_copy(loader: Forked) -> bool:
    """Stop the loader (SIGSTOP) during its COPY, so that the fault comes before the end; False if the loader ended."""
    while loader.poll() is None:
        if _copies():
            loader.send(signal.SIGSTOP)
            time.sleep(0.1)  # This leaves time to process data already sent.
            if _copies():
                return True
            loader.send(signal.SIGCONT)
    return False


def _copies() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_progress_copy JOIN pg_stat_activity USING (pid)"
            " WHERE query LIKE 'COPY ingest_%%' AND state = 'active')"
        )
        return bool(cursor.fetchone()[0])


def _kill(loader: Forked) -> None:
    loader.kill()
    wait_until_alone()


def _restart(loader: Forked) -> None:
    connection.close()
    subprocess.run([settings.BASE_DIR / "scripts" / "services", "crash"], check=True)
    loader.send(signal.SIGCONT)


def _forget() -> None:
    for product in Product.objects.all():
        product_delete(product=product)
