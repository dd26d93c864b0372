"""A database that was filled once, kept in memory and given to every test that starts from it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from django.core.files import File
from django.db import connection, transaction

from ingest.foundation.storage import raster_put_back, raster_storage, rasters_named
from ingest.models import Product
from ingest.products import functions, partitions

PARTITIONED = (partitions.POINTS, partitions.SERIES)


class Snapshot(NamedTuple):
    """What was put into tables that were empty before, and the rasters beside them."""

    rows: dict[str, bytes]  # by table
    product_rows: dict[tuple[str, int], bytes]  # by partitioned table and product
    rasters: Path


def take(fill: Callable[[], object], keep: Path) -> Snapshot | None:
    """Run `fill` and copy what it stored; None where rows of its own are mixed with older ones.

    keep: where the copies of its rasters go.
    """
    before = _counts()
    fill()
    after = _counts()
    changed = [table for table, count in after.items() if count != before[table]]
    if any(before[table] for table in changed):
        return None
    products = [*Product.objects.values_list("pk", flat=True)]
    keep.mkdir()
    for name in rasters_named():
        with raster_storage().open(name) as source, (keep / name).open("wb") as copy:
            shutil.copyfileobj(source, copy)
    return Snapshot(
        {table: _read(f'"{table}"') for table in changed if table not in PARTITIONED},
        {(table, pk): _read(_of_product(table, pk)) for table in PARTITIONED for pk in products},
        keep,
    )


def give(snapshot: Snapshot) -> None:
    """Put it into an empty database; foreign keys are checked at the end of the transaction."""
    products = {pk for _, pk in snapshot.product_rows}
    with transaction.atomic(), connection.cursor() as cursor:
        for pk in products:
            functions.product_drop(pk)  # a sweep after a test empties partitions and leaves them
        for table, rows in snapshot.rows.items():
            _write(cursor, table, rows)
        for pk in products:
            cursor.execute(partitions.create_detached(pk))
            for table in PARTITIONED:
                _write(cursor, f"{table}_p{pk:d}", snapshot.product_rows[table, pk])
            cursor.execute(partitions.index(pk) + partitions.attach(pk, pk))
        for table in snapshot.rows:  # another worker's database may have counted less far
            _count_on(cursor, table)
    for path in snapshot.rasters.iterdir():
        with path.open("rb") as stream:
            raster_put_back(path.name, File(stream))


def _counts() -> dict[str, int]:
    """Rows of every table; partitions count with their parent."""
    tables = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
    with connection.cursor() as cursor:
        cursor.execute(f"{tables} AND relnamespace = 'public'::regnamespace")
        names = [name for (name,) in cursor.fetchall()]
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}', count(*) FROM \"{name}\"" for name in names))
        return dict(cursor.fetchall())


def _count_on(cursor, table: str) -> None:
    """Let the next row of a table come behind those that it has."""
    cursor.execute("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attname = 'id'", [f'"{table}"'])
    if cursor.fetchone():
        cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [f'"{table}"'])
        if (sequence := cursor.fetchone()[0]) is not None:
            newest = f'SELECT greatest(last_value, (SELECT max(id) FROM "{table}")) FROM {sequence}'
            cursor.execute("SELECT setval(%s, (" + newest + "))", [sequence])


def _of_product(table: str, product_id: int) -> str:
    return f"(SELECT * FROM {table} WHERE product_id = {product_id:d})"


def _read(rows: str) -> bytes:
    with connection.cursor() as cursor, cursor.copy(f"COPY {rows} TO STDOUT (FORMAT BINARY)") as copy:
        return b"".join(bytes(part) for part in copy)


def _write(cursor, table: str, rows: bytes) -> None:
    with cursor.copy(f'COPY "{table}" FROM STDIN (FORMAT BINARY)') as copy:
        copy.write(rows)
