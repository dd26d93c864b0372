"""Points of a product as GeoParquet along a Hilbert curve, and their series as Zarr, in the same order of rows.

A name holds a digest of all that determines the files, so that what stands in the target is not made again.
"""

import json
import warnings
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from django.utils import timezone

from ground_motion.core.geoparquet import write_points
from ingest.models import Product
from ingest.products.encoding import STEP_MM
from ingest.products.selectors import points_batches
from ml.models import LivingDate
from ml.runs.provisional import living_of, provisional_days
from monitor.open_data.extracts.layers import UNITS, facts_of, provisional_of, schema_of, table_of

FORMAT = 1  # Raise it when the same product makes other files.
SHARD_POINTS = 65_536  # One file of series; all that is held in memory at a time.
CHUNK_POINTS = 256  # What a click on a point reads: about 35 kB of 100 dates, see docs/decisions/0024.
MISSING = -(2**31)


class Names(NamedTuple):
    """Names of a product's files in the target; series is empty where it has none."""

    points: str
    series: str


def names_of(product: Product) -> Names:
    """Return the names of a product's files, which change with everything that is written into them."""
    passes = LivingDate.objects.filter(series=living_of(product=product)).values_list("day", "made_at", "n_known")
    made_from = [FORMAT, product.file_sha256, product.datum_mm_yr, facts_of(product, "", product.n_points)]
    made_from += [[f"{day}" for day in product.dates], [*map(str, passes)]]
    digest = sha256(json.dumps(made_from).encode()).hexdigest()[:16]
    name = f"{product.pk}-{digest}"
    return Names(f"points/{name}.parquet", f"series/{name}.zarr" if product.has_series else "")


def product_write(product: Product, names: Names, folder: Path) -> Iterator[str]:
    """Write a product's files into a folder; yield their names in the order in which they are to appear, points last.

    A batch of SHARD_POINTS is held at a time.
    """
    added = provisional_days(product=product, known_at=timezone.now()) if product.has_series else []
    facts: dict[str, Any] = facts_of(product, names.points, product.n_points) | {"units": UNITS}
    if names.series:
        facts |= {"series": names.series, "provisional_dates": " ".join(map(str, added))}
    store = folder / names.series
    series = _series_begin(store, product, added, facts) if names.series else None

    def tables() -> Iterator[pa.Table]:
        first = 0
        for batch in points_batches(product=product, with_series=product.has_series, at_once=SHARD_POINTS):
            if series is not None:
                values = np.column_stack([batch.series, provisional_of(product, added, batch)])
                steps = np.where(np.isfinite(values), np.rint(values / STEP_MM), MISSING)
                series[first : first + len(steps)] = steps.astype(np.int32)
                first += len(steps)
            yield table_of(batch, schema_of(), np.empty((len(batch.pids), 0), np.float32))

    path = folder / names.points
    path.parent.mkdir(parents=True, exist_ok=True)
    write_points(str(path), schema_of(), tables(), {"data_set": facts})
    if names.series:
        yield from sorted(file.relative_to(folder).as_posix() for file in store.rglob("*") if file.is_file())
    yield names.points


def _series_begin(path: Path, product: Product, added: list[date], facts: dict[str, Any]) -> Any:
    """Return the array of series in a new Zarr group: int32 in steps of 0.1 mm, which xarray converts to mm."""
    import zarr  # Only who publishes has the extra.

    group = zarr.create_group(str(path), attributes=facts)
    days = [*product.dates[: product.n_dates], *added]
    numbers = np.array(days, "datetime64[D]").astype(np.int32)
    times: dict[str, Any] = {"units": "days since 1970-01-01", "calendar": "proleptic_gregorian"}
    group.create_array("time", data=numbers, dimension_names=["time"], attributes=times)
    later = np.arange(len(days)) >= product.n_dates
    words: dict[str, Any] = {"long_name": "from new passes, until the next release replaces it"}
    group.create_array("provisional", data=later, dimension_names=["time"], attributes=words)
    values = group.create_array(
        "displacement_mm",
        shape=(product.n_points, len(days)),
        chunks=(CHUNK_POINTS, len(days)),
        shards=(SHARD_POINTS, len(days)),
        dtype="int32",
        fill_value=MISSING,
        dimension_names=["point", "time"],
        attributes={"units": "mm", "scale_factor": STEP_MM, "missing_value": MISSING},
    )
    with warnings.catch_warnings():  # Version 3 does not describe joint metadata yet; they save three requests.
        warnings.filterwarnings("ignore", "Consolidated metadata")
        zarr.consolidate_metadata(str(path))
    return values
