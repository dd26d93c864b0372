"""What the workbench draws, in numbers."""

import threading
from typing import NamedTuple

import numpy as np
from django.core.cache import cache

from ingest.models import DisplacementSeries, Product
from ingest.products.encoding import unpack_series
from ingest.products.selectors import points_sampled

MOST_POINTS = 5000  # what a browser draws quickly as SVG
KEPT_SECONDS = 24 * 3600
WAIT_SECONDS = 5.0

_one_at_a_time = threading.Lock()  # of each web process


class Busy(Exception):
    """Another sample is being drawn; this one may be asked for again in a moment."""


class MapSample(NamedTuple):
    """An even sample of a product's points. Degrees, mm/yr."""

    pid: list[str]
    longitude: np.ndarray
    latitude: np.ndarray
    velocity_mm_yr: np.ndarray

    def extreme_pids(self) -> list[str]:
        """The most negative, the middle and the most positive point: something to look at before a choice is made."""
        order = np.argsort(self.velocity_mm_yr)
        return [self.pid[order[index]] for index in (0, len(order) // 2, -1)]


def sample_points(*, product: Product, most: int = MOST_POINTS) -> MapSample:
    """At most so many points, the same ones every time: drawn once a day, one product at a time. Raises Busy."""
    key = f"workbench-sample-{product.pk}-{product.n_points}-{product.loaded_at:%Y%m%dT%H%M%S.%f}-{most}"
    kept = cache.get(key)
    if kept is None:
        if not _one_at_a_time.acquire(timeout=WAIT_SECONDS):
            raise Busy
        try:
            kept = cache.get(key)  # perhaps drawn while this one waited
            if kept is None:
                kept = points_sampled(product=product, most=most)
                cache.set(key, kept, timeout=KEPT_SECONDS)
        finally:
            _one_at_a_time.release()
    pid, *numbers = kept
    return MapSample(pid, *map(np.array, numbers))


def chosen_series(*, product: Product, pids: list[str]) -> list[tuple[str, np.ndarray]]:
    """The series of some points, in the given order; mm, NaN where missing."""
    rows = dict(DisplacementSeries.objects.filter(product=product, pid__in=pids).values_list("pid", "packed"))
    known = [pid for pid in pids if pid in rows]
    return list(zip(known, unpack_series([bytes(rows[pid]) for pid in known], len(product.dates)), strict=True))
