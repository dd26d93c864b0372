"""Rows of ledgers of buildings."""

from django.contrib.gis.geos import Point, Polygon
from django.utils import timezone

from ground_motion.readers.context.records import ContextKind
from ingest.models import Building, ContextLayer, Product
from ml.models import BuildingLedger, BuildingMotion


def make_building(product: Product, place: tuple[float, float], **figures: float) -> BuildingMotion:
    """Make a building around a place in degrees that sinks by 6 mm/yr against the ground around, with its ledger."""
    layer, _ = ContextLayer.objects.get_or_create(
        kind=ContextKind.BUILDINGS, name="houses", defaults={"file_sha256": "h" * 64, "simulated": product.simulated}
    )
    x, y = place
    outline = Polygon.from_bbox((x - 1e-4, y - 1e-4, x + 1e-4, y + 1e-4))
    building = Building.objects.create(layer=layer, position=Point(x, y), outline=outline)
    ledger, _ = BuildingLedger.objects.get_or_create(
        product=product, defaults={"n_buildings": 1, "n_known": 1, "made_at": timezone.now()}
    )
    rates = {"rate_mm_yr": -6.0, "rate_low": -8.0, "rate_high": -4.0}
    rates |= {"deviation_mm_yr": -6.0, "deviation_low": -8.0, "deviation_high": -4.0}
    damage = {"damage": 2, "moves_alone": True}
    return BuildingMotion.objects.create(
        ledger=ledger, building=building, **{"points": 5.0, **rates, **damage, **figures}
    )
