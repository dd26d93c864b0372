"""Made points for benchmarks: clustered like towns, with 300 dates."""

from datetime import date, timedelta

import numpy as np

from ingest.readers.records import PointBatch

DATES = tuple(date(2019, 1, 3) + timedelta(days=6 * n) for n in range(300))
TOWNS = 40


def made_batch(n: int, seed: int = 1, first: int = 0) -> PointBatch:
    """n points around 40 towns within about 100 km of 51.5° N 7° E."""
    rng = np.random.default_rng(seed)
    towns = rng.uniform(-0.7, 0.7, (TOWNS, 2))
    town = rng.integers(0, TOWNS, n)
    scatter = rng.normal(0, 0.02, (n, 2))
    longitude, latitude = 7.0 + towns[town, 0] * 1.6 + scatter[:, 0], 51.5 + towns[town, 1] + scatter[:, 1]
    velocity = rng.normal(0, 1, n).astype(np.float32)
    years = np.array([(day - DATES[0]).days for day in DATES], dtype=np.float32) / 365.25
    displacement = velocity[:, None] * years + rng.normal(0, 3, (n, len(DATES))).astype(np.float32)
    ones = np.ones(n, dtype=np.float32)
    pid = np.char.add(b"bench", np.char.zfill(np.arange(first, first + n).astype("S9"), 9))
    return PointBatch(
        pid, longitude, latitude, 100 * ones, velocity, 0.1 * ones, 0.9 * ones, 2 * ones,
        -0.62 * ones, -0.1 * ones, 0.78 * ones, displacement,
    )  # fmt: skip
