"""Vector tiles of glaciers, mines, landslides, regions and stations for the map."""

from dataclasses import dataclass

from django.db.models import Value
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ingest.context.simulated_truth import truth_is_loaded
from ingest.models import ContextLayer, Station
from monitor.maps.map.tile_geometry import BOUNDS, drawn, parameters, read_tile

ZOOM_OF_OUTLINES = 7  # A glacier is smaller than its mark at lower zooms.
MAX_FEATURES = 4000  # Most features per tile; the sample is even and the same at every request.
# SQL of a glacier's identifier in addresses (`monitor.pages.glaciers.views.ident_of`); NULL if no speed is known
PAGE_OF_GLACIER = """(SELECT coalesce(nullif(ingest_glacier.glacier_id, ''), ingest_glacier.id::text)
    FROM detection_glaciermotion AS motion
    WHERE motion.glacier_id = ingest_glacier.id AND motion.speed_m_day IS NOT NULL)"""


@dataclass(frozen=True)
class Overlay:
    """Map layer of surroundings. columns: SQL by property name; far, near: geometry below zoom 7 and from zoom 7."""

    kind: str
    label: Promise
    table: str
    columns: dict[str, str]
    far: str
    near: str = ""  # Text for near zooms, as `far` is for distant ones.
    where: str = "true"


OVERLAYS = (
    Overlay(
        "regions",
        _("Borders of regions"),
        "administrativeregion",
        {"name": "name", "level": "level"},
        "outline",
        # The base map has the borders of countries; those of provinces that come with the software are estimates.
        where="layer_id IN (SELECT id FROM ingest_contextlayer WHERE NOT shipped)",
    ),
    Overlay(
        "glaciers",
        _("Glaciers, stronger where they surge"),
        "glacier",
        {"name": "name", "surge": "surge", "page": PAGE_OF_GLACIER},
        "position",
        "coalesce(outline, position)",
        "shown",
    ),
    Overlay("mines", _("Mines"), "mine", {"name": "name"}, "position", "outline"),
    Overlay(
        "landslides",
        _("Reported landslides"),
        "landslide",
        {"name": "landslide_type", "day": "to_char(happened_on, 'YYYY-MM-DD')", "accuracy_m": "accuracy_m"},
        "position",
    ),
    Overlay(
        "stations",
        _("Stations and benchmarks"),
        "station",
        {"name": "code", "technique": "technique", "page": "id::text"},
        "position",
    ),
)
# The simulated motion has its own switch, shown only if a simulation is loaded.
TRUTH = Overlay(
    "truth",
    _("Show what was simulated"),
    "simulatedtruth",
    {"title": "title", "description": "description"},
    "outline",
    "outline",
)
BY_KIND = {overlay.kind: overlay for overlay in (*OVERLAYS, TRUTH)}


def overlays_available() -> list[Overlay]:
    """Return the overlays whose data are loaded."""
    stations = Station.objects.annotate(kind=Value("stations")).values_list("kind")
    layers = ContextLayer.objects.filter(shipped=False)
    loaded = {kind for (kind,) in layers.values_list("kind").union(stations)}  # One query finds all kinds.
    return [overlay for overlay in OVERLAYS if overlay.kind in loaded]


def truth_overlay() -> Overlay | None:
    """Return the overlay of the simulated motion, or None if no simulation is loaded."""
    return TRUTH if truth_is_loaded() else None


def context_tile(*, overlay: Overlay, z: int, x: int, y: int) -> bytes:
    """Return a vector tile of an overlay with the layer 'context', simplified to the resolution of the tile."""
    columns = ", ".join(f"{value} AS {name}" for name, value in overlay.columns.items())
    geometry = overlay.near if z >= ZOOM_OF_OUTLINES and overlay.near else overlay.far
    indexed = f"{geometry} && clip"
    if geometry.startswith("coalesce"):  # The expression has no index, but its columns have one.
        indexed = "(outline && clip OR (outline IS NULL AND position && clip))"
    sql = f"""
        WITH {BOUNDS}, found AS (
            SELECT {columns}, {geometry} AS shape FROM ingest_{overlay.table}, bounds
            WHERE {overlay.where} AND {indexed}
            ORDER BY hashtext(ingest_{overlay.table}.id::text) LIMIT {MAX_FEATURES}
        )
        SELECT ST_AsMVT(rows, 'context', 4096, 'geometry') FROM (
            SELECT {", ".join(overlay.columns)}, {drawn("shape")} AS geometry FROM found, bounds) AS rows"""  # noqa: S608
    return read_tile(sql, parameters(z, x, y))
