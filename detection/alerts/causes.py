"""What the surroundings of an alert say of its cause: kept with it, and taken into its kind."""

from collections.abc import Sequence
from math import pi, sqrt

import numpy as np
from django.contrib.gis.geos import GEOSGeometry
from shapely import from_wkb, get_coordinates
from shapely import transform as transform_geometry

from detection.kinds import Extent, Family, family
from detection.models import Alert, AlertCause, Detection
from detection.search.classify import mean_shares
from ingest.areas import area_of
from ingest.context.nearby import nearby
from ingest.geometry import utm_epsg
from ingest.projections import transformer
from ml.deformation.places.context import OTHER, Surroundings, weigh


def surroundings_at(*, area: GEOSGeometry, simulated: bool) -> Surroundings:
    """What is loaded of an area's place, and its shape."""
    elongation, across_m = shape_of(area)
    return Surroundings(**nearby(area=area, simulated=simulated)._asdict(), elongation=elongation, across_m=across_m)


def shape_of(area: GEOSGeometry) -> tuple[float, float]:
    """Longer over shorter side of the smallest rectangle around an area, and the diameter of its circle, metres."""
    shape = from_wkb(bytes(area.wkb))
    project = transformer(4326, utm_epsg(area.centroid.x, area.centroid.y))
    flat = transform_geometry(shape, project.transform, interleaved=False)
    sides = np.hypot(*np.diff(get_coordinates(flat.minimum_rotated_rectangle), axis=0).T)[:2]
    return float(max(sides) / max(min(sides), 1.0)), 2 * sqrt(area_of(shape) / pi)


def cause_refresh(*, alert: Alert, detections: Sequence[Detection]) -> None:
    """Keep what spoke for the kind of an alert; nothing where no network named a cause."""
    shares = mean_shares([detection.class_shares for detection in detections])
    if family(alert.kind) is not Family.VELOCITY or alert.extent != Extent.LOCAL or not shares:
        AlertCause.objects.filter(alert=alert).delete()
        return
    place = surroundings_at(area=alert.area, simulated=alert.simulated)
    weighed = weigh(shares, place)
    values = {
        "network_shares": shares,
        "other_share": weighed.shares.get(OTHER, 0.0),
        "terms": [term._asdict() for term in weighed.terms],
        "elongation": place.elongation,
        "across_m": place.across_m,
    }
    AlertCause.objects.update_or_create(alert=alert, defaults=values)
