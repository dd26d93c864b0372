"""Points of a product as GeoParquet along a Hilbert curve, and their series as Zarr, in the same order of rows.

A name holds a digest of all that determines the files, so that what stands in the target is not made again.
"""

import json
import math
import warnings
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from django.utils import timezone
from numpy.typing import NDArray

from ground_motion.core.geoparquet import write_points
from ingest.foundation.locks import rows_of
from ingest.models import MeasurementPoint, Product
from ingest.products.encoding import STEP_MM
from ingest.products.selectors import VALUES, PointBatch, points_batches
from ml.models import LivingDate
from ml.runs.provisional import living_of, provisional_days
from monitor.open_data.extracts.layers import UNITS, facts_of, provisional_of, schema_of, table_of

FORMAT = 2  # Raise it when the same product makes other files.
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
    series = Series(store, product, added, facts) if names.series else None

    def tables() -> Iterator[pa.Table]:
        for batch in points_batches(product=product, with_series=product.has_series, at_once=SHARD_POINTS):
            if series is not None:
                values = np.column_stack([batch.series, provisional_of(product, added, batch)])
                series.append(batch, np.where(np.isfinite(values), np.rint(values / STEP_MM), MISSING))
            yield table_of(batch, schema_of(), np.empty((len(batch.pids), 0), np.float32))

    path = folder / names.points
    path.parent.mkdir(parents=True, exist_ok=True)
    write_points(str(path), schema_of(), tables(), {"data_set": facts})
    if series is not None:
        series.end()
        yield from sorted(file.relative_to(folder).as_posix() for file in store.rglob("*") if file.is_file())
    yield names.points


class Series:
    """A Zarr group of series: int32 in steps of 0.1 mm, which xarray converts to mm.

    Browsers read it too, hence gzip. They know a point by its place and its id, not by its row: the group `click` has
    dates, the boxes of chunks and (attribute `boxes`) of shards, ids as bytes, and the figures that a panel shows.
    """

    def __init__(self, path: Path, product: Product, added: list[date], facts: dict[str, Any]) -> None:
        """Begin a store."""
        import zarr  # Only who publishes has the extra.
        from zarr.codecs import GzipCodec

        self.path, self.n_points, self.first, self.packed = path, product.n_points, 0, GzipCodec(level=2)
        self.group = zarr.create_group(str(path), attributes=facts)
        days = [*product.dates[: product.n_dates], *added]
        numbers = np.array(days, "datetime64[D]").astype(np.int32)
        times: dict[str, Any] = {"units": "days since 1970-01-01", "calendar": "proleptic_gregorian"}
        self.group.create_array("time", data=numbers, dimension_names=["time"], attributes=times)
        later = np.arange(len(days)) >= product.n_dates
        words: dict[str, Any] = {"long_name": "from new passes, until the next release replaces it"}
        self.group.create_array("provisional", data=later, dimension_names=["time"], attributes=words)
        units = {"units": "mm", "scale_factor": STEP_MM, "missing_value": MISSING}
        self.values = self._array(self.group, "displacement_mm", "int32", len(days), MISSING, units)
        about: dict[str, Any] = {"dates": [f"{day}" for day in days], "n_released": product.n_dates}
        self.click = self.group.create_group("click", attributes=about)
        sql = f"SELECT max(octet_length(pid)) FROM {MeasurementPoint._meta.db_table} WHERE product_id = %s"  # noqa: S608
        longest = rows_of(sql, [product.pk])[0][0]
        self.pids = self._array(self.click, "pid", "uint8", longest, 0, {})
        self.figures = self._array(self.click, "figures", "float32", len(VALUES), math.nan, {"columns": VALUES})
        self.boxes: list[NDArray[np.float64]] = []

    def _array(self, group: Any, name: str, dtype: str, width: int, fill: float, attributes: dict[str, Any]) -> Any:
        return group.create_array(
            name,
            shape=(self.n_points, width),
            chunks=(CHUNK_POINTS, width),
            shards=(SHARD_POINTS, width),
            compressors=self.packed,
            dtype=dtype,
            fill_value=fill,
            dimension_names=["point", "time" if name == "displacement_mm" else name],
            attributes=attributes,
        )

    def append(self, batch: PointBatch, steps: NDArray[np.floating]) -> None:
        """Add a shard. steps: (points, dates), 0.1 mm."""
        rows = slice(self.first, self.first + len(steps))
        self.first = rows.stop
        self.values[rows] = steps.astype(np.int32)
        pids = np.array([pid.encode() for pid in batch.pids], f"S{self.pids.shape[1]}")
        self.pids[rows] = pids.view(np.uint8).reshape(len(pids), -1)
        self.figures[rows] = batch.values
        at, starts = batch.position, np.arange(0, len(steps), CHUNK_POINTS)
        self.boxes.append(np.hstack([np.minimum.reduceat(at, starts), np.maximum.reduceat(at, starts)]))

    def end(self) -> None:
        """Write the boxes (west, south, east, north, degrees), and metadata that save a reader further requests."""
        import zarr

        whole, per_shard = np.vstack(self.boxes).astype(np.float32), SHARD_POINTS // CHUNK_POINTS
        shape = (min(per_shard, len(whole)), 4)
        self.click.create_array("boxes", data=whole, chunks=shape, compressors=self.packed, fill_value=math.nan)
        of_shards = [[*part[:, :2].min(axis=0), *part[:, 2:].max(axis=0)] for part in self.boxes]
        self.click.attrs["boxes"] = np.round(of_shards, 6).tolist()
        with warnings.catch_warnings():  # Version 3 does not describe joint metadata yet.
            warnings.filterwarnings("ignore", "Consolidated metadata")
            zarr.consolidate_metadata(str(self.path))
