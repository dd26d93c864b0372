"""Points of a data set as tables, read from the database in batches: for files of areas, and to be published."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import partial

import numpy as np
import pyarrow as pa
from django.conf import settings
from django.contrib.gis.geos import GEOSGeometry, Polygon
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from ground_motion.readers.records import Float32
from ingest.models import Product
from ingest.products.encoding import STEP_MM
from ingest.products.selectors import VALUES, PointBatch, points_batches
from ml.runs.provisional import living_of, provisional_days, provisional_values
from monitor.open_data.extracts.formats import Layer
from monitor.wording.datum import zero_columns
from monitor.wording.refusals import Refusal

UNITS = (
    "velocity_mm_yr and its standard deviation: mm/yr; height_m: m; rmse_mm: mm; temporal_coherence: 0 to 1;"
    " los_east, los_north, los_up: unit vector from the ground to the satellite"
)
UNITS_OF_DATES = (
    "; columns p<date>: provisional, from new passes, until the next release replaces them;"
    f" columns d<date>: mm, rounded to {STEP_MM} mm unless a value of the point exceeds {STEP_MM * 32767:.0f} mm"
)
POSITIVE = {"los": "toward the satellite", "up": "up", "east": "to the east", "north": "to the north"}
MAX_NAME_LENGTH = 60


def layers_of(*, area: GEOSGeometry, n_points: Mapping[int, int], with_series: bool) -> list[Layer]:
    """Return the layer of each data set that has points in an area. n_points: their numbers by the data set's key.

    Reading a layer raises Refusal if the database has fewer points by then.
    """
    layers = []
    for product in Product.objects.filter(pk__in=n_points).order_by("pk"):
        added = provisional_days(product=product, known_at=timezone.now()) if with_series else []
        name = re.sub(r"\W+", "_", f"d{product.pk}_{product.name}_{product.component}", flags=re.ASCII)
        name, n = name[:MAX_NAME_LENGTH], n_points[product.pk]
        days = [f"d{day:%Y%m%d}" for day in product.dates[: product.n_dates]] if with_series else []
        schema = schema_of([*days, *(f"p{day:%Y%m%d}" for day in added)])
        tables = partial(_tables, area, product, added, schema, n)
        layers.append(Layer(name, facts_of(product, name, n), schema, tables))
    return layers


def schema_of(days: Sequence[str] = ()) -> pa.Schema:
    """Return the schema of a table of points. days: names of columns with displacements."""
    columns = [("pid", pa.string()), ("longitude", pa.float64()), ("latitude", pa.float64())]
    return pa.schema([*columns, *((column, pa.float32()) for column in (*VALUES, *days))])


def _tables(area: GEOSGeometry, product: Product, added: list[date], schema: pa.Schema, n: int) -> Iterator[pa.Table]:
    """Yield the points of a data set in batches.

    added: provisional days, whose values follow those of the release; n: number of points that there have to be.
    """
    with_series = len(schema) > len(schema_of())
    for batch in points_batches(product=product, area=area, with_series=with_series):
        yield table_of(batch, schema, np.column_stack([batch.series, provisional_of(product, added, batch)]))
        n -= len(batch.pids)
    if n > 0:
        raise Refusal(_("Data sets of this area were replaced in the meantime. Ask for the area again."))


def table_of(batch: PointBatch, schema: pa.Schema, series: Float32) -> pa.Table:
    """Return points as a table. series: columns after those of VALUES, (points, columns)."""
    numbers = [*batch.position.T, *batch.values.T, *series.T]
    columns = [pa.array(np.ascontiguousarray(column), from_pandas=True) for column in numbers]
    return pa.table([pa.array(batch.pids, pa.string()), *columns], schema=schema)


def provisional_of(product: Product, added: list[date], batch: PointBatch) -> Float32:
    """Return the provisional values of points, (points, added), mm; NaN also for what a release has replaced since."""
    values = np.full((len(batch.pids), len(added)), np.nan, dtype=np.float32)
    if not values.size or (series := living_of(product=product)) is None:
        return values
    near = Polygon.from_bbox((*batch.position.min(axis=0), *batch.position.max(axis=0)))
    near.srid = 4326
    if found := provisional_values(series=series, pids=batch.pids, near=near):
        at = {day: column for column, day in enumerate(found.dates)}
        for column, day in enumerate(added):
            values[:, column] = found.values_mm[:, at[day]]
    return values


def facts_of(product: Product, layer: str, n_points: int) -> dict[str, str]:
    """Return the facts about a data set's points, in English, as programs and archives need them."""
    with override("en"):
        zero = {name: str(value) for name, value in zero_columns(product.datum).items()}
    return {
        "layer": layer,
        "data_set": product.name,
        "component": product.component,
        "positive": POSITIVE[product.component],
        "units": UNITS + UNITS_OF_DATES,
        **zero,
        "track": str(product.track or ""),
        "direction": product.direction,
        "release": product.release,
        "first_date": f"{product.dates[0]}",
        "last_date": f"{product.dates[-1]}",
        "n_dates": str(product.n_dates),
        "n_points": str(n_points),
        "simulated": "yes" if product.simulated else "no",
        "attribution": product.attribution,
        "licence": product.licence,
        "source": settings.PUBLIC_URL,
    }
