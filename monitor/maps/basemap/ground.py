"""Vector tiles of loaded land, waters, roads, railways, buildings and places, drawn below all other layers."""

from typing import NamedTuple

from django.db.models import Max

from ingest.models import ContextLayer
from ingest.readers.context.records import ContextKind
from monitor.maps.map.tile_geometry import BOUNDS, drawn, parameters, read_tile

KINDS = (
    ContextKind.REGIONS,
    ContextKind.RIVERS,
    ContextKind.LAKES,
    ContextKind.ROADS,
    ContextKind.RAILWAYS,
    ContextKind.BUILDINGS,
    ContextKind.PLACES,
)
MOST_FEATURES = 20_000  # per layer and tile; an even sample, the same at every request


class GroundLayer(NamedTuple):
    """Layer of the tiles. name: unique, or readers drop a layer; from_zoom: SQL of the lowest zoom that shows a row."""

    name: str
    table: str
    columns: str
    geometry: str
    from_zoom: str
    where: str = "true"


GROUND_LAYERS = (
    # the world's own coasts are drawn from the atlas; a simulated country is not in it
    GroundLayer("land", "administrativeregion", "row.name", "outline", "0", "level = 0 AND simulated"),
    GroundLayer("lakes", "water", "row.name", "shape", "7", "water_class = 'lake'"),
    GroundLayer(
        "rivers",
        "water",
        "row.name, water_class",
        "shape",
        "CASE water_class WHEN 'river' THEN 7 ELSE 11 END",
        "water_class <> 'lake'",
    ),
    GroundLayer(
        "roads",
        "transportline",
        "line_class, tunnel",
        "line",
        "CASE line_class WHEN 'main' THEN 8 ELSE 12 END",
        "line_class <> 'rail'",
    ),
    GroundLayer("railways", "transportline", "tunnel", "line", "9", "line_class = 'rail'"),
    GroundLayer("buildings", "building", "row.id", "position", "14"),
    GroundLayer(
        "places",
        "place",
        "row.name, population",
        "position",
        """CASE WHEN population >= 100000 THEN 4 WHEN population >= 10000 THEN 6
            WHEN population >= 1000 THEN 8 ELSE 10 END""",
    ),
)


def ground_version() -> str:
    """Return a version that changes when a layer is loaded or removed; empty if no layer is loaded."""
    loaded = ContextLayer.objects.filter(kind__in=KINDS)
    newest = loaded.aggregate(at=Max("loaded_at"))["at"]
    return f"{newest.timestamp():.0f}-{loaded.count()}" if newest else ""


def ground_tile(*, z: int, x: int, y: int) -> bytes:
    """Return a vector tile with the layers of GROUND_LAYERS, simplified to the resolution of the tile."""
    parts = " || ".join(map(_part, GROUND_LAYERS))  # a tile is the concatenation of its layers
    return read_tile(f"WITH {BOUNDS} SELECT {parts}", parameters(z, x, y))


def _part(layer: GroundLayer) -> str:
    geometry = f"row.{layer.geometry}"
    return f"""(SELECT ST_AsMVT(rows, '{layer.name}', 4096, 'geometry') FROM (
        SELECT {layer.columns}, simulated, {drawn(geometry)} AS geometry
        FROM ingest_{layer.table} AS row JOIN ingest_contextlayer AS layer ON layer.id = row.layer_id, bounds
        WHERE {layer.where} AND {layer.from_zoom} <= %(z)s AND {geometry} && clip
        ORDER BY hashtext(row.id::text) LIMIT {MOST_FEATURES}) AS rows)"""  # noqa: S608
