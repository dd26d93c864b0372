"""Selectors of glaciers and their measurements."""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
from django.contrib.gis.geos import MultiPolygon
from django.db.models import Case, Max, Q, QuerySet, When
from shapely import from_wkb, unary_union

from detection.glaciers.surge import PairSample, as_json, view_of
from detection.kinds import Kind
from detection.models import Alert, Detection, GlacierMotion, GlacierSample
from detection.rules.lifecycle import LIVING
from ground_motion.core.errors import promised
from ground_motion.methods.offsets.motion import GroundMotion
from ground_motion.readers.context.records import ContextKind
from ingest.models import ContextLayer, Glacier
from ml.models import ModelVersion, Prediction
from ml.runs.selectors import predictions_finished

POLARISATIONS = ("VV", "HH", "VH", "HV")  # Ice is brighter in like polarisations.


def ice_share(*, area: MultiPolygon, simulated: bool) -> float:
    """Return the share of an area that lies on glaciers whose outlines are loaded, 0-1."""
    outlines = glaciers_with_outlines().filter(outline__intersects=area, layer__simulated=simulated)
    shapes = [from_wkb(bytes(promised(outline).wkb)) for outline in outlines.values_list("outline", flat=True)]
    own = from_wkb(bytes(area.wkb))
    return float(own.intersection(unary_union(shapes)).area / own.area) if shapes else 0.0


def glaciers_with_outlines() -> QuerySet[Glacier]:
    """Return the shown glaciers that have an outline."""
    return Glacier.objects.filter(shown=True, outline__isnull=False)


def predictions_unmeasured() -> QuerySet[Prediction]:
    """Return searched predictions of offsets in which loaded glaciers have not been measured yet."""
    newest = ContextLayer.objects.filter(kind=ContextKind.GLACIERS).aggregate(at=Max("loaded_at"))["at"]
    offsets = predictions_finished().filter(run__model_version__task=ModelVersion.Task.OFFSETS, scan__isnull=False)
    if newest is None:
        return offsets.none()
    due = offsets.filter(Q(glacier_scan=None) | Q(glacier_scan__measured_at__lt=newest))
    return due.order_by("run__pair__secondary__acquired_at", "id")


def samples_by_view(*, glacier: Glacier) -> dict[str, list[GlacierSample]]:
    """Return name of a track -> samples of a glacier, oldest first; only the latest run of each pair counts.

    If a pass was stored in several polarisations, one is used.
    """
    pair = "prediction__run__pair"
    rows = (
        GlacierSample.objects.filter(glacier=glacier)
        .select_related(f"{pair}__reference", f"{pair}__secondary", "prediction__scan")
        .order_by(f"{pair}_id", "-prediction__run__finished_at", "-prediction_id")
        .distinct(f"{pair}_id")
    )
    views: dict[str, dict[str, list[GlacierSample]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        scene = row.prediction.run.its_pair.reference
        views[f"track {scene.track} {scene.direction}".strip()][scene.polarisation].append(row)
    samples = {}
    for name, by_polarisation in sorted(views.items()):
        best = min(by_polarisation, key=lambda p: POLARISATIONS.index(p) if p in POLARISATIONS else len(POLARISATIONS))
        samples[name] = sorted(
            by_polarisation[best], key=lambda row: promised(row.prediction.run.its_pair.secondary.acquired_at)
        )
    return samples


def surges_living(*, glacier: Glacier) -> list[Alert]:
    """Return living surge alerts whose area lies on a glacier (a point inside the area decides)."""
    outline = promised(glacier.outline)
    living = Alert.objects.filter(
        kind=Kind.GLACIER_SURGE, state__in=LIVING, area__intersects=outline, simulated=glacier.layer.simulated
    )
    return [alert for alert in living.order_by("pk") if outline.contains(alert.area.point_on_surface)]


def glaciers_stale() -> QuerySet[GlacierMotion]:
    """Return the motions of glaciers that must be computed again."""
    return GlacierMotion.objects.filter(stale=True).select_related("glacier__layer").order_by("id")


def motions_known() -> QuerySet[GlacierMotion]:
    """Return motions of glaciers with a known speed: surging ones first, then by speed."""
    surging = Case(When(state=GlacierMotion.State.SURGING, then=0), default=1)
    known = GlacierMotion.objects.filter(speed_m_day__isnull=False, glacier__shown=True)
    return known.select_related("glacier__layer").order_by(surging, "-speed_m_day", "id")


def motion_of(*, ident: str) -> GlacierMotion | None:
    """Return the motion of a glacier. ident: its identifier (RGI), or its row number if it has none."""
    wanted = Q(glacier__glacier_id=ident)
    if ident.isascii() and ident.isdecimal() and len(ident) <= 9:
        wanted |= Q(glacier__glacier_id="", glacier=int(ident))
    return GlacierMotion.objects.filter(wanted, glacier__shown=True).select_related("glacier__layer").first()


def motions_touching(*, area: MultiPolygon, simulated: bool) -> list[GlacierMotion]:
    """Return the motions of the glaciers that an area touches."""
    motions = GlacierMotion.objects.filter(
        glacier__outline__intersects=area, glacier__shown=True, glacier__layer__simulated=simulated
    )
    return list(motions.select_related("glacier__layer").order_by("-speed_m_day", "id"))


def series_of(detections: Iterable[Detection]) -> list[dict[str, Any]]:
    """Return one series per track of moving ground without an outline of its own, as `surge.as_json`: m/day.

    Of two detections in pairs of the same days (two polarisations, two bursts) the first one counts. Pairs in which
    the area did not differ from still ground are missing, so the series does not prove rest.
    """
    views: dict[str, dict[tuple[Any, Any], PairSample]] = {}
    km2: dict[str, float] = {}
    for detection in detections:
        pair, speed, sigma = detection.scan.prediction.run.pair, detection.speed_m_day, detection.speed_sigma_m_day
        if pair is None or not speed or not sigma or detection.bearing_deg is None:
            continue
        bearing = math.radians(detection.bearing_deg)
        parts = speed * math.sin(bearing), speed * math.cos(bearing), sigma
        name = f"track {pair.reference.track} {pair.reference.direction}".strip()
        days = pair.reference.day, pair.secondary.day
        sample = PairSample(*days, GroundMotion(*(np.array([part]) for part in parts)))
        views.setdefault(name, {}).setdefault(days, sample)
        km2[name] = detection.area_m2 / 1e6
    return [as_json(view_of([by[days] for days in sorted(by)], km2[name]), name) for name, by in sorted(views.items())]
