"""Loading a velocity product: all of it in one transaction, or nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from django.contrib.gis.geos import Polygon
from django.db import IntegrityError, connection, transaction
from pyproj import Transformer

from ingest import encoding, partitions
from ingest.errors import AlreadyLoaded, InputError
from ingest.hashing import file_sha256
from ingest.models import Product
from ingest.readers import TITLES, open_velocity_field
from ingest.readers.records import Component, FieldHeader, PointBatch, VelocityField

Progress = Callable[[int], None]
MAX_MERCATOR_LATITUDE = 85.06


class Totals:
    """What is learnt about a product while its points stream by."""

    def __init__(self) -> None:
        self.points = self.refused = 0
        self.west = self.south = np.inf
        self.east = self.north = -np.inf

    def add(self, batch: PointBatch) -> None:
        self.points += batch.pid.size
        self.refused += batch.refused
        if batch.pid.size:
            self.west, self.east = min(self.west, batch.longitude.min()), max(self.east, batch.longitude.max())
            self.south, self.north = min(self.south, batch.latitude.min()), max(self.north, batch.latitude.max())


def product_load(
    *,
    path: Path,
    source_format: str = "auto",
    attribution: str = "",
    licence: str = "",
    progress: Progress = lambda points: None,
) -> Product:
    """Load one file as one product. Raises InputError (AlreadyLoaded for the same file); then nothing has changed."""
    field = open_velocity_field(path, source_format)
    sha256 = file_sha256(path)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int(sha256[:15], 16)])
        loaded = Product.objects.filter(file_sha256=sha256).first()
        if loaded:
            raise AlreadyLoaded(
                path, f"this very file is already loaded as product {loaded.pk} ({loaded.name})", "Nothing to do"
            )
        product_id, totals = field_copy(cursor, path=path, field=field, progress=progress)
        return product_create(product_id, path, sha256, field.header, totals, attribution, licence)


def field_copy(
    cursor, *, path: Path, field: VelocityField, progress: Progress = lambda points: None
) -> tuple[int, Totals]:
    """Copy a field into partitions of a new product id, index and attach them. For use inside a transaction."""
    cursor.execute("SELECT nextval(pg_get_serial_sequence('ingest_product', 'id'))")
    (product_id,) = cursor.fetchone()
    cursor.execute(partitions.create_detached(product_id))
    totals = copy_points(cursor, path=path, field=field, product_id=product_id, progress=progress)
    try:
        with transaction.atomic():
            cursor.execute(partitions.index_and_attach(product_id))
    except IntegrityError as fault:
        detail = str(fault).splitlines()[-1].removeprefix("DETAIL:").strip()
        raise InputError(path, f"a point id stands twice ({detail})", "Remove the doubled rows") from fault
    return product_id, totals


def product_delete(*, product: Product) -> None:
    """Remove a product with its points and series."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(partitions.drop(product.pk))
        product.delete()


def copy_points(
    cursor, *, path: Path, field: VelocityField, product_id: int, progress: Progress = lambda points: None
) -> Totals:
    """Copy points and series into the detached tables of a product id, batch by batch."""
    totals = Totals()
    for batch in field.batches():
        _check(path, batch)
        totals.add(batch)
        if batch.pid.size:
            _copy_into(cursor, f"{partitions.POINTS}_p{product_id}", partitions.POINT_COLUMNS, [_point_rows(batch)])
            _copy_into(cursor, f"{partitions.SERIES}_p{product_id}", "pid, packed", _series_rows(batch))
        progress(batch.pid.size)
    if not totals.points:
        raise InputError(path, f"none of its {totals.refused} rows has a position and a velocity", "Export it again")
    return totals


def _check(path: Path, batch: PointBatch) -> None:
    beyond = np.abs(batch.latitude) > MAX_MERCATOR_LATITUDE
    if beyond.any() or (np.abs(batch.longitude) > 180).any():
        value = batch.latitude[beyond][0] if beyond.any() else batch.longitude[np.abs(batch.longitude) > 180][0]
        raise InputError(
            path, f"a coordinate of {value:.4f} degrees cannot be", "Check whether latitude and longitude are swapped"
        )
    if (batch.los_east > 0.1).any() and (batch.los_east < -0.1).any():
        raise InputError(path, "it holds points of an ascending and of a descending track", "Give one file per track")
    if (np.char.str_len(batch.pid) == 0).any():
        raise InputError(path, "a point has no id", "Fill the column 'pid'")


def _copy_into(cursor, table: str, columns: str, blocks: Iterator[bytes] | list[bytes]) -> None:
    with cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT binary)") as copy:
        copy.write(encoding.COPY_HEADER)
        for block in blocks:
            copy.write(block)
        copy.write(encoding.COPY_TRAILER)


def _point_rows(batch: PointBatch) -> bytes:
    x, y = Transformer.from_crs(4326, 3857, always_xy=True).transform(batch.longitude, batch.latitude)
    return encoding.copy_rows([
        batch.pid, batch.velocity_mm_yr, batch.velocity_std_mm_yr, batch.height_m, batch.temporal_coherence,
        batch.rmse_mm, batch.los_east, batch.los_north, batch.los_up,
        encoding.point_ewkb(batch.longitude, batch.latitude, 4326), encoding.point_ewkb(x, y, 3857),
    ])  # fmt: skip


def _series_rows(batch: PointBatch) -> Iterator[bytes]:
    small = encoding.fits_int16(batch.displacement_mm)
    if small.any():
        yield encoding.copy_rows([batch.pid[small], encoding.pack_int16(batch.displacement_mm[small])])
    if not small.all():
        yield encoding.copy_rows([batch.pid[~small], batch.displacement_mm[~small].astype("<f4")])


def product_create(
    product_id: int, path: Path, sha256: str, header: FieldHeader, totals: Totals, attribution: str, licence: str
) -> Product:
    return Product.objects.create(
        id=product_id,
        name=product_name(header, path),
        source_format=header.source_format,
        level=header.level,
        component=header.component.value,
        track=header.track,
        direction=header.direction.value,
        burst=header.burst,
        polarisation=header.polarisation,
        release=header.release,
        posting_m=header.posting_m,
        grid_epsg=header.grid_epsg,
        dates=list(header.dates),
        n_points=totals.points,
        n_refused=totals.refused,
        footprint=Polygon.from_bbox((totals.west, totals.south, totals.east, totals.north)),
        simulated=header.simulated,
        attribution=attribution or header.attribution,
        licence=licence or header.licence,
        header=header.extras,
        file_name=path.name,
        file_sha256=sha256,
    )


def product_name(header: FieldHeader, path: Path) -> str:
    """A short name that a person recognises: what it is, where from, which way it looks."""
    title = f"{TITLES[header.source_format]} {header.level}"
    parts = ["Simulated velocity field" if header.simulated else title]
    if header.track is None and not header.burst:  # nothing but its place on the disk tells it from others
        parts.append(f"{path.parent.name}/{path.stem}")
    if header.component is not Component.LOS:
        parts.append({Component.UP: "vertical", Component.EAST: "east-west"}[header.component])
    if header.track is not None:
        parts.append(f"track {header.track:03d} {header.direction}".strip())
    if header.burst:
        parts.append(f"{'tile' if header.level == 'L3' else 'burst'} {header.burst}")
    return ", ".join(parts)[:120]
