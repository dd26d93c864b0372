"""What a simulation put in: loaded with the demo, for people to compare with what was found. No detector reads it."""

import json
from pathlib import Path

from django.contrib.gis.geos import GEOSGeometry, MultiPolygon
from django.db import transaction
from django.db.models import QuerySet

from ingest.models import SimulatedTruth

TOLD = ("kind", "title", "told", "rate_mm_yr", "rate_along", "speed_m_day", "size_m", "starts_on", "ends_on")


def truth_load(*, path: Path) -> int:
    """Put the truth that the simulator wrote in place of the one before; returns how many outlines."""
    rows = []
    for feature in json.loads(path.read_text(encoding="utf-8"))["features"]:
        outline = MultiPolygon(GEOSGeometry(json.dumps(feature["geometry"])), srid=4326)
        properties = {"told": feature["properties"].get("description"), **feature["properties"]}
        rows.append(SimulatedTruth(outline=outline, **{name: properties[name] for name in TOLD}))
    with transaction.atomic():
        SimulatedTruth.objects.all().delete()
        SimulatedTruth.objects.bulk_create(rows)
    return len(rows)


def truth_is_loaded() -> bool:
    return SimulatedTruth.objects.exists()


def truth_in(*, area: MultiPolygon) -> QuerySet[SimulatedTruth]:
    """What was put in where an area lies, the largest first."""
    return SimulatedTruth.objects.filter(outline__intersects=area).order_by("-size_m", "id")
