"""Glaciers, mines, landslides and regions as vector tiles, for the map."""

from dataclasses import dataclass

from django.db import connection

from ingest.context.selectors import kinds_loaded
from ingest.context.simulated_truth import truth_is_loaded

ZOOM_OF_OUTLINES = 7  # further out a glacier is smaller than its mark
MOST_FEATURES = 4000  # the same ones every time, evenly chosen
WORLD_DEGREES, MERCATOR_DEGREES = 360.0, 85.06
MARGIN = 0.02  # of a tile; the buffer of the tile itself is a sixty-fourth
# what the address of its page calls it, as `glacier_rows.ident_of` does; nothing where no pair has seen it yet
PAGE_OF_GLACIER = """(SELECT coalesce(nullif(ingest_glacier.glacier_id, ''), ingest_glacier.id::text)
    FROM detection_glaciermotion AS motion
    WHERE motion.glacier_id = ingest_glacier.id AND motion.speed_m_day IS NOT NULL)"""


@dataclass(frozen=True)
class Overlay:
    """One kind on the map. columns: what a feature states, by name; far, near: the geometry below and from zoom 7."""

    kind: str
    label: str
    table: str
    columns: dict[str, str]
    far: str
    near: str
    where: str = "true"


OVERLAYS = (
    Overlay(
        "regions",
        "Borders of regions",
        "administrativeregion",
        {"name": "name", "level": "level"},
        "outline",
        "outline",
    ),
    Overlay(
        "glaciers",
        "Glaciers, stronger where they surge",
        "glacier",
        {"name": "name", "surge": "surge", "page": PAGE_OF_GLACIER},
        "position",
        "coalesce(outline, position)",
        "shown",
    ),
    Overlay("mines", "Mines", "mine", {"name": "name"}, "position", "outline"),
    Overlay(
        "landslides",
        "Reported landslides",
        "landslide",
        {"name": "landslide_type", "day": "to_char(happened_on, 'YYYY-MM-DD')", "accuracy_m": "accuracy_m"},
        "position",
        "position",
    ),
)
# What a simulation put in: a switch of its own, and only where a simulation is loaded.
TRUTH = Overlay(
    "truth",
    "Show what was simulated",
    "simulatedtruth",
    {"title": "title", "description": "description"},
    "outline",
    "outline",
)
BY_KIND = {overlay.kind: overlay for overlay in (*OVERLAYS, TRUTH)}


def overlays_available() -> list[Overlay]:
    """Those that have something to show."""
    loaded = kinds_loaded()
    return [overlay for overlay in OVERLAYS if overlay.kind in loaded]


def truth_overlay() -> Overlay | None:
    """The switch that shows what was simulated, where a simulation is loaded."""
    return TRUTH if truth_is_loaded() else None


def context_tile(*, overlay: Overlay, z: int, x: int, y: int) -> bytes:
    """A vector tile with the layer 'context'; outlines are as fine as the tile can show."""
    columns = ", ".join(f"{value} AS {name}" for name, value in overlay.columns.items())
    geometry = overlay.near if z >= ZOOM_OF_OUTLINES else overlay.far
    sql = f"""
        WITH bounds AS (
            SELECT tile, ST_SetSRID(ST_MakeBox2D(
                ST_Point(ST_XMin(box) - %(margin)s, greatest(-%(most)s, ST_YMin(box) - %(margin)s)),
                ST_Point(ST_XMax(box) + %(margin)s, least(%(most)s, ST_YMax(box) + %(margin)s))), 4326) AS clip
            FROM (SELECT tile, ST_Transform(tile, 4326) AS box FROM (
                SELECT ST_TileEnvelope(%(z)s, %(x)s, %(y)s) AS tile) AS one) AS two
        ), found AS (
            SELECT {columns}, {geometry} AS shape FROM ingest_{overlay.table}, bounds
            WHERE {overlay.where} AND {_indexed(overlay, geometry)}
            ORDER BY hashtext(ingest_{overlay.table}.id::text) LIMIT {MOST_FEATURES}
        )
        SELECT ST_AsMVT(rows, 'context', 4096, 'geometry') FROM (
            SELECT {", ".join(overlay.columns)}, ST_AsMVTGeom(ST_Transform(ST_ClipByBox2D(
                CASE WHEN ST_Dimension(shape) = 0 THEN shape ELSE ST_Simplify(shape, %(fine)s, true) END, clip), 3857),
                tile, 4096, 64) AS geometry
            FROM found, bounds) AS rows"""  # noqa: S608
    width = WORLD_DEGREES / 2**z
    values = {"z": z, "x": x, "y": y, "margin": width * MARGIN, "fine": width / 2048, "most": MERCATOR_DEGREES}
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        (tile,) = cursor.fetchone()
    return bytes(tile)


def _indexed(overlay: Overlay, geometry: str) -> str:
    """The condition on columns that have an index."""
    if geometry.startswith("coalesce"):
        return "(outline && clip OR (outline IS NULL AND position && clip))"
    return f"{geometry} && clip"
