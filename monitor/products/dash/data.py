"""What the workbench draws, in numbers."""

from typing import NamedTuple

import numpy as np

from ingest.models import DisplacementSeries, MeasurementPoint, Product
from ingest.products.encoding import unpack_series

MOST_POINTS = 8000


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
    """Every n-th point in the order of ids, so that the same product always gives the same sample."""
    step = max(1, -(-product.n_points // most))
    rows = (
        MeasurementPoint.objects.filter(product=product)
        .order_by("pid")
        .values_list("pid", "position", "velocity_mm_yr")
    )
    chosen = list(rows)[::step]
    return MapSample(
        [pid for pid, _, _ in chosen],
        np.array([position.x for _, position, _ in chosen]),
        np.array([position.y for _, position, _ in chosen]),
        np.array([velocity for _, _, velocity in chosen]),
    )


def chosen_series(*, product: Product, pids: list[str]) -> list[tuple[str, np.ndarray]]:
    """The series of some points, in the given order; mm, NaN where missing."""
    rows = dict(DisplacementSeries.objects.filter(product=product, pid__in=pids).values_list("pid", "packed"))
    known = [pid for pid in pids if pid in rows]
    return list(zip(known, unpack_series([bytes(rows[pid]) for pid in known], len(product.dates)), strict=True))
