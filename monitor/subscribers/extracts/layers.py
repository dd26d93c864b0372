"""Layers of an extract: points read from the database once, kept in pieces, and handed on as tables.

A piece holds the next AT_ONCE points of a data set in the order of their ids. A worker that takes over reads on behind
the last stored piece.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial

import numpy as np
import pyarrow as pa
from django.conf import settings

from core.errors import UnusableData
from ingest.models import Product
from ingest.products.encoding import STEP_MM
from ingest.products.selectors import VALUES, points_batches
from ingest.readers.records import Float32
from ml.rasters.pieces import Arrays, Store
from ml.runs.provisional import living_of, provisional_days, provisional_values
from monitor.models.operations import Extract
from monitor.subscribers.extracts.formats import Layer

AT_ONCE = 20_000  # points of a piece
UNITS = (
    "velocity_mm_yr and its standard deviation: mm/yr; height_m: m; rmse_mm: mm; temporal_coherence: 0 to 1;"
    " los_east, los_north, los_up: unit vector from the ground to the satellite;"
    " columns p<date>: provisional, from new passes, until the next release replaces them;"
    f" columns d<date>: mm, rounded to {STEP_MM} mm unless a value of the point exceeds {STEP_MM * 32767:.0f} mm"
)
POSITIVE = {"los": "toward the satellite", "up": "up", "east": "to the east", "north": "to the north"}
ZERO = {"gnss": "GNSS stations", "local": "a point or the mean of the scene"}
MAX_NAME_LENGTH = 60


def layers_made(*, extract: Extract, store: Store, report: Callable[[int], None]) -> Iterator[Layer]:
    """Store the points of an extract in pieces, and yield the layer of each data set. report: is given points read.

    Raises UnusableData if points were deleted after the extract was asked for, because its file would lack them.
    """
    n_read = 0
    for product in Product.objects.filter(pk__in=extract.products, points_deleted_at=None).order_by("pk"):
        sizes = []
        added = provisional_days(product=product, known_at=extract.created_at) if extract.with_series else []
        for n_points in _stored(product, added, extract, store):
            sizes.append(n_points)
            report(n_points)
        n_read += sum(sizes)
        name = re.sub(r"\W+", "_", f"d{product.pk}_{product.name}_{product.component}", flags=re.ASCII)
        days = [f"d{day:%Y%m%d}" for day in product.dates[: product.n_dates]] if extract.with_series else []
        days += [f"p{day:%Y%m%d}" for day in added]
        columns = [("pid", pa.string()), ("longitude", pa.float64()), ("latitude", pa.float64())]
        schema = pa.schema([*columns, *((column, pa.float32()) for column in (*VALUES, *days))])
        tables = partial(_tables, store, [_name(product, number) for number in range(len(sizes))], schema)
        yield Layer(name[:MAX_NAME_LENGTH], _about(product, name[:MAX_NAME_LENGTH], sum(sizes)), schema, tables)
    if n_read < extract.n_points:
        raise UnusableData("Data sets of this area were replaced in the meantime. Ask for the area again.")


def _stored(product: Product, added: list[date], extract: Extract, store: Store) -> Iterator[int]:
    """Store a data set's points in pieces behind those that an earlier worker left; yield the points in each piece.

    added: provisional days, whose values follow those of the release.
    """
    number, after, n_points = 0, "", AT_ONCE
    while n_points == AT_ONCE:
        try:
            pids = _pids(store.get(_name(product, number)))
        except KeyError:
            break
        number, after, n_points = number + 1, pids[-1] if pids else after, len(pids)
        yield n_points
    if n_points < AT_ONCE:  # the last piece was there
        return
    batches = points_batches(
        product=product, after=after, at_once=AT_ONCE, area=extract.area, with_series=extract.with_series
    )
    for at, batch in enumerate(batches, start=number):
        text = np.frombuffer(json.dumps(batch.pids).encode(), dtype=np.uint8)
        series = np.column_stack([batch.series, _provisional(product, added, batch.pids, extract)])
        store.put(_name(product, at), batch._asdict() | {"pids": text, "series": series})
        yield len(batch.pids)


def _provisional(product: Product, added: list[date], pids: list[str], extract: Extract) -> Float32:
    """Return the provisional values of points, (points, added), mm; NaN also for what a release has replaced since."""
    values = np.full((len(pids), len(added)), np.nan, dtype=np.float32)
    series = living_of(product=product) if added and pids else None
    found = provisional_values(series=series, pids=pids, near=extract.area) if series else None
    if found:
        at = {day: column for column, day in enumerate(found.dates)}
        for column, day in enumerate(added):
            values[:, column] = found.values_mm[:, at[day]]
    return values


def _tables(store: Store, names: list[str], schema: pa.Schema) -> Iterator[pa.Table]:
    for name in names:
        piece = store.get(name)
        numbers = [*piece["position"].T, *piece["values"].T, *piece["series"].T]
        columns = [pa.array(np.ascontiguousarray(column), from_pandas=True) for column in numbers]
        yield pa.table([pa.array(_pids(piece), pa.string()), *columns], schema=schema)


def _pids(piece: Arrays) -> list[str]:
    pids: list[str] = json.loads(piece["pids"].tobytes())
    return pids


def _name(product: Product, number: int) -> str:
    return f"{product.pk}@{number:06}"


def _about(product: Product, layer: str, n_points: int) -> dict[str, str]:
    """Return the facts about a layer, in English, as programs and archives need them."""
    return {
        "layer": layer,
        "data_set": product.name,
        "component": product.component,
        "positive": POSITIVE[product.component],
        "units": UNITS,
        "zero": ZERO[product.reference],
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
