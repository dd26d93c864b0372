"""Points of one sample that are near each other are stored together."""

import numpy as np
import pytest
from django.db import connection

from ingest.products.partitions import POINTS
from ingest.products.sampling import SHARES, condition, storing_order
from lab.speed.simulated import load_towns


@pytest.mark.django_db
def test_points_are_stored_by_the_sample_that_the_database_counts_them_to():
    pids = [f"{'x' * length}{length}-grün" for length in range(60)]
    with connection.cursor() as cursor:
        levels = " + ".join(f"(NOT ({condition(share)}))::int" for share in SHARES)
        cursor.execute(f"SELECT {levels} FROM unnest(%s::text[]) WITH ORDINALITY AS one (pid, n) ORDER BY n", [pids])
        level = np.array([row[0] for row in cursor])
    still = np.zeros(len(pids))
    order = storing_order(np.array([pid.encode() for pid in pids]), still, still)
    assert sorted(order) == list(range(len(pids)))
    assert len(set(level)) > 2
    assert (np.diff(level[order]) >= 0).all()


def test_points_of_one_sample_follow_a_curve_over_the_ground():
    x, y = (grid.ravel() * 1000.0 for grid in np.meshgrid(np.arange(-16, 16), np.arange(-16, 16)))
    order = storing_order(np.full(x.size, b"same"), x, y)
    steps = np.hypot(np.diff(x[order]), np.diff(y[order]))
    assert np.median(steps) <= 1500
    assert np.mean(steps) < 3000  # 16,000 m in an order by chance


@pytest.mark.django_db
def test_a_sample_in_a_town_is_read_from_few_pages():
    product = load_towns(points=60_000)
    with connection.cursor() as cursor:
        cursor.execute(f"""
            SELECT count(*), count(DISTINCT (ctid::text::point)[0]) FROM {POINTS}_p{product.pk}
            WHERE {condition(4)} AND tile_point && (
                SELECT ST_Expand(tile_point, 4000) FROM {POINTS}_p{product.pk} ORDER BY pid LIMIT 1)""")
        n_points, n_pages = cursor.fetchone()
    assert n_points > 50
    assert n_pages < n_points / 4
