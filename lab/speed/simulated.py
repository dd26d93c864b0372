"""Simulated points for speed benchmarks: clustered like towns, with 300 dates."""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from django.db import connection, transaction
from pyarrow import csv
from pyproj import Transformer

from ground_motion.core.projections import transformer
from ground_motion.readers.records import Component, FieldHeader, PointBatch, Submission, VelocityField
from ingest.models import Product
from ingest.products import loading, services

DATES = tuple(date(2019, 1, 3) + timedelta(days=6 * n) for n in range(300))
TOWNS = 40
TOWNS_AT = (7.0, 51.5)
CHUNK = 50_000
KINDS_OF_BATCHES = 4  # Batches are made once and used again, so that only loading takes time.


@lru_cache(KINDS_OF_BATCHES)
def made_batch(n: int, seed: int = 1, first: int = 0) -> PointBatch:
    """Make n points around 40 towns within about 100 km of 51.5° N 7° E."""
    rng = np.random.default_rng(seed)
    towns = rng.uniform(-0.7, 0.7, (TOWNS, 2))
    town = rng.integers(0, TOWNS, n)
    scatter = rng.normal(0, 0.02, (n, 2))
    longitude = TOWNS_AT[0] + towns[town, 0] * 1.6 + scatter[:, 0]
    latitude = TOWNS_AT[1] + towns[town, 1] + scatter[:, 1]
    velocity = rng.normal(0, 1, n).astype(np.float32)
    years = np.array([(day - DATES[0]).days for day in DATES], dtype=np.float32) / 365.25
    displacement = velocity[:, None] * years + rng.normal(0, 3, (n, len(DATES))).astype(np.float32)
    ones = np.ones(n, dtype=np.float32)
    return PointBatch(
        pid=numbered(first, n),
        longitude=longitude,
        latitude=latitude,
        height_m=100 * ones,
        velocity_mm_yr=velocity,
        velocity_std_mm_yr=0.1 * ones,
        temporal_coherence=0.9 * ones,
        rmse_mm=2 * ones,
        los_east=-0.62 * ones,
        los_north=-0.1 * ones,
        los_up=0.78 * ones,
        displacement_mm=displacement,
    )


def load_towns(
    *,
    points: int,
    n_dates: int = 2,
    track: int = 999,
    shift: tuple[float, float] = (0.0, 0.0),
    kinds: int = KINDS_OF_BATCHES,
) -> Product:
    """Load a product with the given number of points, as if from a file. n_dates: of its series; two make them short.

    shift: by how many degrees east and north the towns are moved. kinds: of batches, which are repeated after these.
    """
    header = FieldHeader(source_format="egms", level="L2b", component=Component.LOS, dates=DATES[:n_dates], track=track)
    east, north = shift
    made = [made_batch(min(CHUNK, points), seed=seed) for seed in range(min(kinds, -(-points // CHUNK)))]

    def batches() -> Iterator[PointBatch]:
        for first in range(0, points, CHUNK):
            n = min(CHUNK, points - first)
            columns = {name: column[:n] for name, column in made[first // CHUNK % len(made)].columns().items()}
            columns |= {"pid": numbered(first, n), "displacement_mm": columns["displacement_mm"][:, :n_dates]}
            columns |= {"longitude": columns["longitude"] + east, "latitude": columns["latitude"] + north}
            yield PointBatch(**columns)

    path = Path("lab.speed.csv")
    with transaction.atomic(), connection.cursor() as cursor:
        field = VelocityField(header=header, batches=batches)
        product_id, totals = loading.field_copy(cursor, path=path, field=field)
        return services.product_create(product_id, path, f"{product_id:064d}", header, totals, Submission())


def numbered(first: int, n: int) -> np.ndarray:
    """Return the ids of n points, such as bench000000042, fast enough not to affect the measurement."""
    number = np.arange(first, first + n)[:, None]
    digits = (number // 10 ** np.arange(8, -1, -1) % 10 + ord("0")).astype(np.uint8)
    letters = np.broadcast_to(np.frombuffer(b"bench", dtype=np.uint8), (n, 5))
    return np.ascontiguousarray(np.hstack([letters, digits])).view("S14").ravel()


def write_egms_csv(path: Path, points: int, chunk: int = 20_000) -> None:
    """Write made points in the columns of an EGMS L2b table, figures as short as EGMS writes them."""
    writer, to_grid = None, transformer(4326, 3035)
    with path.open("wb") as stream:
        for first in range(0, points, chunk):
            table = pa.table(_egms_columns(made_batch(min(chunk, points - first), seed=first, first=first), to_grid))
            writer = writer or csv.CSVWriter(stream, table.schema)
            writer.write_table(table)
        if writer:
            writer.close()


def _egms_columns(batch: PointBatch, to_grid: Transformer) -> dict[str, np.ndarray]:
    easting, northing = to_grid.transform(batch.longitude, batch.latitude)
    numbers = {
        "latitude": (batch.latitude, 6),
        "longitude": (batch.longitude, 6),
        "easting": (easting, 1),
        "northing": (northing, 1),
        "height_ortho": (batch.height_m, 1),
        "rmse_ts": (batch.rmse_mm, 1),
        "temporal_coherence": (batch.temporal_coherence, 2),
        "los_east": (batch.los_east, 3),
        "los_north": (batch.los_north, 3),
        "los_up": (batch.los_up, 3),
        "mean_velocity": (batch.velocity_mm_yr, 1),
        "mean_velocity_std": (batch.velocity_std_mm_yr, 1),
        **{f"{day:%Y%m%d}": (batch.displacement_mm[:, place], 1) for place, day in enumerate(DATES)},
    }
    columns = {name: values.astype(np.float64).round(digits) for name, (values, digits) in numbers.items()}
    return {"pid": batch.pid.astype(str), "mp_type": np.zeros(batch.pid.size, dtype=int), **columns}
