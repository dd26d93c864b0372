"""Computation of an alert's columns from its current detections, the exposure on its ground and its surroundings."""

from collections.abc import Iterable, Sequence
from datetime import date
from math import pi, sqrt
from typing import Any

import numpy as np
from django.contrib.gis.geos import GEOSGeometry
from shapely import from_wkb, get_coordinates, unary_union

from detection.figures import stored_of
from detection.kinds import Extent, Family, Kind, family, row_of
from detection.models import Alert, AlertCause, AlertExposure, Detection
from detection.rules.lifecycle import as_json
from detection.rules.motion import count_fast_places
from detection.rules.severity import Exposure, exposure_points
from detection.search.areas import to_django
from detection.search.classify import UNKNOWN_PLACE, classify, evidence_of, mean_shares
from ground_motion.core.areas import area_of, zone_of
from ground_motion.core.errors import promised
from ground_motion.core.geometry import project_geometry
from ground_motion.methods.deformation.places.context import OTHER, Surroundings, weigh
from ground_motion.methods.deformation.sealed.figures import main_of
from ground_motion.readers.context.volcanoes import volcano_at
from ingest.context.exposure import exposed_in, nearby
from ingest.models import Product, ScenePair
from ml.models import Run
from ml.runs.selectors import products_of

COLUMNS = ("buildings", "main_road_km", "other_road_km", "railway_km", "people")


def surroundings_at(*, area: GEOSGeometry, simulated: bool) -> Surroundings:
    """Return what lies in or near an area (mines, landslides, ice, roads, a volcano), its slope, elongation, diameter.

    elongation: of the smallest rectangle around the area; diameter: of a circle of the same area.
    """
    shape = from_wkb(bytes(area.wkb))
    flat = project_geometry(shape, 4326, zone_of(area))
    short_m, long_m = sorted(np.hypot(*np.diff(get_coordinates(flat.minimum_rotated_rectangle), axis=0).T)[:2])
    elongation, across_m = float(long_m / max(short_m, 1.0)), 2 * sqrt(area_of(shape) / pi)
    inside = area.point_on_surface
    return Surroundings(
        **nearby(area=area, simulated=simulated)._asdict(),
        elongation=elongation,
        across_m=across_m,
        volcano="" if simulated else volcano_at(inside.x, inside.y),
    )


def cause_refresh(*, alert: Alert, detections: Sequence[Detection]) -> None:
    """Update an alert's AlertCause; delete it unless the alert is local, of velocity and classified by a network."""
    local = family(alert.kind) is Family.VELOCITY and alert.extent == Extent.LOCAL
    shares = mean_shares([detection.class_shares for detection in detections]) if local else {}
    place = surroundings_at(area=alert.area, simulated=alert.simulated) if shares else UNKNOWN_PLACE
    if not shares or place.volcano:
        AlertCause.objects.filter(alert=alert).delete()
        return
    weighed = weigh(shares, place)
    values = {
        "network_shares": shares,
        "other_share": weighed.shares.get(OTHER, 0.0),
        "terms": [term._asdict() for term in weighed.terms],
        "elongation": place.elongation,
        "across_m": place.across_m,
    }
    AlertCause.objects.update_or_create(alert=alert, defaults=values)


def exposure_refresh(*, alert: Alert) -> None:
    """Recount buildings, roads, railways and people on an alert's ground, replacing the earlier count."""
    exposed = exposed_in(area=alert.area, simulated=alert.simulated)
    weighty = Exposure(exposed.buildings, exposed.main_road_km, exposed.railway_km, exposed.people)
    values = {name: getattr(exposed, name) for name in COLUMNS} | {
        "weight": exposure_points(weighty),
        "sources": [as_json(source) for source in exposed.sources],
    }
    AlertExposure.objects.update_or_create(alert=alert, defaults=values)


def describe(detections: Sequence[Detection]) -> dict[str, Any]:
    """Return column -> value of an alert: area is the union of its detections; figures are the main detection's."""
    area = unary_union([from_wkb(bytes(detection.area.wkb)) for detection in detections])
    area_m2, shape = area_of(area), to_django(area)
    simulated = any(detection.scan.prediction.run.input.simulated for detection in detections)
    by_rate = family(detections[0].kind) is Family.VELOCITY
    local = by_rate and detections[0].extent == Extent.LOCAL
    place = surroundings_at(area=shape, simulated=simulated) if local else UNKNOWN_PLACE
    spans = [data_span(detection) for detection in detections]
    begins = [first for first, _ in spans] + [detection.onset for detection in detections if detection.onset]
    return {
        "area": shape,
        "area_m2": area_m2,
        "first_motion": min(begins),
        "last_motion": max(last for _, last in spans),
        "simulated": simulated,
        "n_views": n_views(detections),
        **(_velocity_figures(detections, place) if by_rate else _pair_figures(detections)),
    }


def independent_views(detection: Detection) -> set[tuple[Any, ...]]:
    """Return one key for each independent view that shows a detection: a track, or the later image of a pair.

    A joint run on two tracks gives two keys if each track shows the motion by itself.
    """
    seen = detection.scan.prediction.run.input
    if isinstance(seen, ScenePair):
        return {(seen.reference.track, seen.secondary.acquired_at)}
    together = {
        (reason["component"], reason["orbit"], reason["track"]) for reason in detection.reasons if reason.get("seen")
    }
    return together or {(seen.component, seen.track, seen.direction)}


def n_views(detections: Iterable[Detection]) -> int:
    """Return the number of independent views that show any of the detections."""
    return len(set().union(*(independent_views(detection) for detection in detections)))


def measured_in(detection: Detection) -> Product | ScenePair:
    """Return the source of a detection's figures: its image pair, or the product of the track that gave the rate."""
    return detection.scan.prediction.run.pair or field_of(detection)


def field_of(detection: Detection) -> Product:
    """Return the velocity field of the track that gave a detection's rate."""
    run = detection.scan.prediction.run
    if not detection.reasons:
        return run.its_product
    first, own = detection.reasons[0], run.its_product
    # Not every file states its track; detections of earlier releases have no product in their reasons.
    name, orbit = first.get("product", own.name), first.get("orbit") or own.track
    if (own.name, own.direction, own.track) == (name, first.get("track", own.direction), orbit):
        return own
    named = (other for other in products_of(run=run) if (other.name, other.direction) == (name, first.get("track")))
    return next(named, None) or next((other for other in products_of(run=run) if other.track == orbit), own)


def view_of_detection(detection: Detection) -> str:
    """Return the name of the view that measured a detection: component/track/direction/format, or pair/track."""
    return _view_of(measured_in(detection))


def views_of_run(run: Run) -> dict[str, date]:
    """Return name of a view -> last date of its data, for each view of a run; names as in `view_of_detection`."""
    seen = [run.pair] if run.pair else products_of(run=run)
    views: dict[str, date] = {}
    for source in seen:
        views[_view_of(source)] = max(data_end(source), views.get(_view_of(source), date.min))
    return views


def _view_of(seen: Product | ScenePair) -> str:
    if isinstance(seen, ScenePair):
        return f"pair/{seen.reference.track}"
    parts = seen.component, seen.track, seen.direction, seen.source_format
    return "/".join(str(part) for part in parts if part)


def data_span(detection: Detection) -> tuple[date, date]:
    """Return the first and last date of the data behind a detection."""
    seen = detection.scan.prediction.run.input
    if isinstance(seen, ScenePair):
        return seen.reference.day, seen.secondary.day
    return seen.dates[0], seen.dates[-1]


def data_end(seen: Product | ScenePair) -> date:
    """Return the last date of a product's series, or the day of a pair's later image."""
    return seen.secondary.day if isinstance(seen, ScenePair) else seen.dates[-1]


def _velocity_figures(detections: Sequence[Detection], place: Surroundings) -> dict[str, Any]:
    products = [detection.scan.prediction.run.its_product for detection in detections]
    at = main_of([(p.component, promised(d.peak_rate_mm_yr)) for d, p in zip(detections, products, strict=True)])
    main = detections[at]
    evidence = [
        item
        for d, p in zip(detections, products, strict=True)
        for item in evidence_of(
            d.reasons or [{"track": p.direction}], p.component, promised(d.rate_mm_yr), d.area_m2, d.class_shares
        )
    ]
    kind = classify(evidence, place)
    shares = {} if kind is Kind.VOLCANO else mean_shares([detection.class_shares for detection in detections])
    weighed = weigh(shares, place)
    return {
        "kind": kind,
        "class_shares": {name: share for name, share in weighed.shares.items() if name != OTHER},
        "n_fast_places": count_fast_places(main.places, promised(main.rate_mm_yr)),
        "component": products[at].component,
        **{name: getattr(main, name) for name in (*stored_of(Family.VELOCITY), "extent", "reference")},
    }


def _pair_figures(detections: Sequence[Detection]) -> dict[str, Any]:
    """Return the figures of the greatest loss of coherence, or of the latest detection, a surge if there is any."""
    if family(detections[0].kind) is Family.SURFACE:
        main = min(detections, key=lambda detection: promised(detection.change_sigma))
    else:
        detections = [detection for detection in detections if row_of(detection.kind).event] or detections
        main = max(detections, key=lambda detection: (data_span(detection)[1], detection.score))
    figures = (*stored_of(Family.OFFSETS), *stored_of(Family.SURFACE))
    columns = ("kind", *figures, "usual_speed_m_day", "onset", "onset_sigma_days")
    return {name: getattr(main, name) for name in columns}
