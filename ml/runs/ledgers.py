"""Selectors of the motion of buildings: at a place, of all current products, and by class of damage in an area."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from django.contrib.gis.geos import GEOSGeometry
from django.db.models import Count, QuerySet

from ingest.foundation.locks import rows_of
from ml.models import BuildingLedger, BuildingMotion

AT_M = 15.0  # Match a place to the nearest building within this distance; places are rounded to 10 m.
# Nearest footprint of each place: candidates by the index on positions, then the distance on the ellipsoid to outlines.
_AT = """
    SELECT place.number, near.id
    FROM unnest(%s::int[], %s::float8[], %s::float8[]) AS place (number, longitude, latitude), LATERAL (
        SELECT building.id, ST_Distance(building.outline::geography, spot::geography) AS away
        FROM (SELECT ST_SetSRID(ST_MakePoint(place.longitude, place.latitude), 4326) AS spot) AS here, LATERAL (
            SELECT id, outline FROM ingest_building WHERE outline IS NOT NULL ORDER BY position <-> spot LIMIT 16
        ) AS building
        ORDER BY away LIMIT 1) AS near
    WHERE near.away <= %s"""
_FOOTPRINTS = """
    SELECT count(DISTINCT outline) FROM ingest_building building
    JOIN ingest_contextlayer layer ON layer.id = building.layer_id
    WHERE outline IS NOT NULL AND layer.simulated = %s AND ST_Intersects(position, %s::geometry)"""


class Town(NamedTuple):
    """Buildings of an area. of_class: number by class of damage, only of buildings whose motion is known."""

    n_buildings: int
    of_class: Counter[int]

    @property
    def n_known(self) -> int:
        """Return the number of buildings whose motion is measured."""
        return self.of_class.total()


class At(NamedTuple):
    """Building at a place: whether one is known there, and its motion in the product with most points on it, if any."""

    stands: bool
    motion: BuildingMotion | None


def buildings_at(*, places: Sequence[tuple[float, float]]) -> list[At]:
    """Return the building at each place (longitude, latitude in degrees)."""
    columns = [list(column) for column in zip(*places, strict=True)] or [[], []]
    found = dict(rows_of(_AT, [list(range(len(places))), *columns, AT_M]))
    motions = motions_current().filter(building_id__in=found.values()).order_by("points")
    most = {motion.building_id: motion for motion in motions}
    return [At(number in found, most.get(found.get(number, 0))) for number in range(len(places))]


def motions_current() -> QuerySet[BuildingMotion]:
    """Return the motions of buildings in current products, with building and product."""
    current = BuildingMotion.objects.filter(ledger__product__superseded_by=None)
    return current.select_related("building", "ledger__product")


def town_in(*, area: GEOSGeometry, simulated: bool) -> Town | None:
    """Return the buildings of an area (EPSG:4326) by the ledger that knows most of them; None without footprints."""
    ((counted,),) = rows_of(_FOOTPRINTS, [simulated, bytes(area.ewkb)])
    ledgers = BuildingLedger.objects.filter(
        product__simulated=simulated, product__superseded_by=None, product__footprint__intersects=area
    )
    if not counted or not ledgers.exists():
        return None
    within = BuildingMotion.objects.filter(ledger__in=ledgers, building__position__intersects=area)
    known: dict[int, Counter[int]] = {}
    for ledger_id, damage, n in within.values_list("ledger_id", "damage").annotate(Count("pk")):
        known.setdefault(ledger_id, Counter())[damage] = n
    return Town(counted, max(known.values(), key=Counter.total, default=Counter()))
