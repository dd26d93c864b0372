"""Room that everything takes: bytes by kind, from the catalogue of the database and the folders."""

from pathlib import Path

from django.conf import settings
from django.db import connection

from ingest.products.partitions import POINTS, SERIES
from ingest.sources.client.quota import folder_bytes
from ingest.storage import raster_entries

OUTBOX = ("monitor_outgoingmessage", "monitor_notification")
PYRAMID = "ingest_pyramidcell"
RASTER_KINDS = {"scene": "images", "change": "changes of releases", "elevation": "elevation"}  # by how names begin


def sizes() -> dict[str, int]:
    """Return bytes by kind of data, from two queries of the catalogue and each folder; no table or file is read."""
    tables, database = _table_bytes()
    return {
        "database": database,
        "of which points": tables.get(POINTS, 0),
        "of which series": tables.get(SERIES, 0),
        "of which pyramid": tables.get(PYRAMID, 0),
        "of which outbox": sum(tables.get(name, 0) for name in OUTBOX),
        **_raster_bytes(),
        "uploads": folder_bytes(Path(settings.UPLOAD_DIR)),
        "downloads": folder_bytes(Path(settings.ACQUIRE_FOLDER)),
    }


def _table_bytes() -> tuple[dict[str, int], int]:
    """Return bytes by table, partitions under their parent, and of the database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(parent.relname, child.relname), sum(pg_total_relation_size(child.oid))"
            " FROM pg_class child LEFT JOIN pg_inherits i ON i.inhrelid = child.oid"
            " LEFT JOIN pg_class parent ON parent.oid = i.inhparent"
            " WHERE child.relkind = 'r' AND child.relnamespace = 'public'::regnamespace GROUP BY 1"
        )
        tables = {name: int(size) for name, size in cursor.fetchall()}
        cursor.execute("SELECT pg_database_size(current_database())")
        (database,) = cursor.fetchone()
    return tables, database


def _raster_bytes() -> dict[str, int]:
    taken = dict.fromkeys([*RASTER_KINDS.values(), "predictions"], 0)
    for entry in raster_entries():
        taken[RASTER_KINDS.get(entry.name.split("_")[0], "predictions")] += entry.size_bytes
    return taken
