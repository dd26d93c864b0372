"""Made administrative regions: boxes with a name."""

from django.contrib.gis.geos import MultiPolygon, Polygon

from ground_motion.core.text import search_key
from ingest.context.regions import slugs_give
from ingest.models import AdministrativeRegion, ContextLayer

AROUND_THE_MADE_ALERT = (-12.1, 46.9, -11.9, 47.1)


def make_region(
    name: str = "Westshore",
    bounds: tuple[float, float, float, float] = AROUND_THE_MADE_ALERT,
    level: int = 1,
    simulated: bool = False,
    **values,
) -> AdministrativeRegion:
    file = {"file_name": "made.geojson", "file_sha256": "5" * 64, "simulated": simulated}
    layer, _ = ContextLayer.objects.get_or_create(kind="regions", name="made", defaults=file)
    box = Polygon.from_bbox(bounds)
    box.srid = 4326
    named = {"name": name, "search_name": search_key(name), "level": level}
    outline = MultiPolygon(box, srid=4326)
    region = AdministrativeRegion.objects.create(layer=layer, outline=outline, view=box, **named, **values)
    slugs_give()
    region.refresh_from_db()
    return region
