"""Land, waters, roads, railways, buildings and places that are loaded, as vector tiles under everything else."""

from typing import NamedTuple

from django.db import connection
from django.db.models import Max

from ingest.models import ContextLayer
from ingest.readers.context.records import ContextKind

KINDS = (
    ContextKind.REGIONS,
    ContextKind.RIVERS,
    ContextKind.LAKES,
    ContextKind.ROADS,
    ContextKind.RAILWAYS,
    ContextKind.BUILDINGS,
    ContextKind.PLACES,
)
MOST_FEATURES = 20_000  # of a layer in a tile; the same ones every time, evenly chosen
MARGIN = 0.02  # of a tile; the buffer of the tile itself is a sixty-fourth
MOST_DEGREES = 85.06  # where Web Mercator ends


class Drawn(NamedTuple):
    """One layer of the tiles. from_zoom: of a row; further out it is left out. Names differ, or readers lose one."""

    name: str
    table: str
    columns: str
    geometry: str
    from_zoom: str
    where: str = "true"


DRAWN = (
    # the world's own coasts are drawn from the atlas; a simulated country is not in it
    Drawn("land", "administrativeregion", "row.name", "outline", "0", "level = 0 AND simulated"),
    Drawn("lakes", "water", "row.name", "shape", "7", "water_class = 'lake'"),
    Drawn(
        "rivers",
        "water",
        "row.name, water_class",
        "shape",
        "CASE water_class WHEN 'river' THEN 7 ELSE 11 END",
        "water_class <> 'lake'",
    ),
    Drawn(
        "roads",
        "transportline",
        "line_class, tunnel",
        "line",
        "CASE line_class WHEN 'main' THEN 8 ELSE 12 END",
        "line_class <> 'rail'",
    ),
    Drawn("railways", "transportline", "tunnel", "line", "9", "line_class = 'rail'"),
    Drawn("buildings", "building", "row.id", "position", "14"),
    Drawn(
        "places",
        "place",
        "row.name, population",
        "position",
        """CASE WHEN population >= 100000 THEN 4 WHEN population >= 10000 THEN 6
            WHEN population >= 1000 THEN 8 ELSE 10 END""",
    ),
)


def ground_version() -> str:
    """Changes when a layer is loaded or goes; empty where nothing of it is loaded."""
    loaded = ContextLayer.objects.filter(kind__in=KINDS)
    newest = loaded.aggregate(at=Max("loaded_at"))["at"]
    return f"{newest.timestamp():.0f}-{loaded.count()}" if newest else ""


def ground_tile(*, z: int, x: int, y: int) -> bytes:
    """A vector tile with the layers of DRAWN, as fine as it can show."""
    parts = " || ".join(map(_part, DRAWN))  # layers of a tile can stand one after the other
    width = 360.0 / 2**z
    values = {"z": z, "x": x, "y": y, "margin": width * MARGIN, "fine": width / 2048, "most": MOST_DEGREES}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH bounds AS (
                SELECT tile, ST_SetSRID(ST_MakeBox2D(
                    ST_Point(ST_XMin(box) - %(margin)s, greatest(-%(most)s, ST_YMin(box) - %(margin)s)),
                    ST_Point(ST_XMax(box) + %(margin)s, least(%(most)s, ST_YMax(box) + %(margin)s))), 4326) AS clip
                FROM (SELECT tile, ST_Transform(tile, 4326) AS box FROM (
                    SELECT ST_TileEnvelope(%(z)s, %(x)s, %(y)s) AS tile) AS one) AS two)
            SELECT {parts}""",  # noqa: S608
            values,
        )
        (tile,) = cursor.fetchone()
    return bytes(tile)


def _part(layer: Drawn) -> str:
    geometry = f"row.{layer.geometry}"
    return f"""(SELECT ST_AsMVT(rows, '{layer.name}', 4096, 'geometry') FROM (
        SELECT {layer.columns}, simulated, ST_AsMVTGeom(ST_Transform(ST_ClipByBox2D(
            CASE WHEN ST_Dimension({geometry}) = 0 THEN {geometry} ELSE ST_Simplify({geometry}, %(fine)s, true) END,
            clip), 3857), tile, 4096, 64) AS geometry
        FROM ingest_{layer.table} AS row JOIN ingest_contextlayer AS layer ON layer.id = row.layer_id, bounds
        WHERE {layer.where} AND {layer.from_zoom} <= %(z)s AND {geometry} && clip
        ORDER BY hashtext(row.id::text) LIMIT {MOST_FEATURES}) AS rows)"""  # noqa: S608
