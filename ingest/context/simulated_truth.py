"""Simulated truth, loaded with the demo and shown next to the detections. No detector reads it."""

import json
from pathlib import Path

from django.contrib.gis.db.models import Union
from django.contrib.gis.geos import GEOSGeometry, MultiPolygon
from django.db import transaction
from django.db.models import QuerySet

from ingest.models import SimulatedTruth

COLUMNS = (
    *("kind", "title", "description", "rate_mm_yr", "rate_along", "speed_m_day", "size_m"),
    *("starts_on", "ends_on", "changed_on", "change_mm_yr"),
)


def truth_load(*, path: Path) -> int:
    """Replace the simulated truth by the content of a file from the simulator; return the number of outlines."""
    rows = []
    for feature in json.loads(path.read_text(encoding="utf-8"))["features"]:
        outline = MultiPolygon(GEOSGeometry(json.dumps(feature["geometry"])), srid=4326)
        rows.append(SimulatedTruth(outline=outline, **{name: feature["properties"][name] for name in COLUMNS}))
    with transaction.atomic():
        SimulatedTruth.objects.all().delete()
        SimulatedTruth.objects.bulk_create(rows)
    return len(rows)


def truth_is_loaded() -> bool:
    """Return whether any simulated truth is loaded."""
    return SimulatedTruth.objects.exists()


def truth_in(*, area: MultiPolygon) -> QuerySet[SimulatedTruth]:
    """Return the simulated truth within an area, the largest first."""
    return SimulatedTruth.objects.filter(outline__intersects=area).order_by("-size_m", "id")


def truth_share(*, area: MultiPolygon) -> float:
    """Return the share of an area in which motion or change was simulated, 0-1."""
    inside = truth_in(area=area).aggregate(Union("outline"))["outline__union"]
    return inside.intersection(area).area / area.area if inside else 0.0
