"""What was looked at in a region, and when last."""

from datetime import date, datetime
from typing import NamedTuple

from django.contrib.gis.geos import MultiPolygon
from django.db.models import Count, DateField, F, Func, Max, QuerySet

from ingest.models import Product, Scene


class Looks(NamedTuple):
    """n_products: velocity fields that reach into the region; the last date of their measurements; the last image."""

    n_products: int
    last_measured: date | None
    last_image: datetime | None


def looks_at(*, region: MultiPolygon) -> Looks:
    last = Func(F("dates"), template="(%(expressions)s)[array_upper(%(expressions)s, 1)]", output_field=DateField())
    known = fields_in(region=region).order_by().aggregate(n=Count("pk"), last=Max(last))
    images = Scene.objects.filter(footprint__intersects=region).aggregate(last=Max("acquired_at"))
    return Looks(known["n"], known["last"], images["last"])


def fields_in(*, region: MultiPolygon) -> QuerySet[Product]:
    """Return velocity fields that reach into a region, the last loaded first, without derived ones."""
    return Product.objects.current().filter(derived_from=None, footprint__intersects=region)
