"""What stands on the ground of an alert: kept with it, and taken into its severity."""

from django.contrib.gis.geos import GEOSGeometry
from django.db import transaction

from detection.models import Alert, AlertExposure
from detection.rules.severity import Exposure, exposure_points
from ingest.context.exposure import Exposed, exposed_in

COLUMNS = ("buildings", "main_road_km", "other_road_km", "railway_km", "people")


def exposure_at(*, area: GEOSGeometry, simulated: bool) -> Exposure:
    """What severity asks for, from the layers that are loaded now."""
    return _for_severity(exposed_in(area=area, simulated=simulated))


def exposure_refresh(*, alert: Alert) -> AlertExposure:
    """Count what stands on an alert's ground now, in place of what was counted before."""
    exposed = exposed_in(area=alert.area, simulated=alert.simulated)
    values = {name: getattr(exposed, name) for name in COLUMNS} | {
        "weight": exposure_points(_for_severity(exposed)),
        "sources": [source._asdict() | {"loaded_on": source.loaded_on.isoformat()} for source in exposed.sources],
    }
    with transaction.atomic():
        kept, _ = AlertExposure.objects.update_or_create(alert=alert, defaults=values)
    return kept


def _for_severity(exposed: Exposed) -> Exposure:
    return Exposure(exposed.buildings, exposed.main_road_km, exposed.railway_km, exposed.people)
