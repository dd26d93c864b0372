"""Sealed evidence of alerts: a package of inputs and figures, made only if the figures follow from the inputs again."""

import tempfile
from collections.abc import Iterator, Sequence
from math import ceil, floor
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from numpy.typing import NDArray
from shapely import from_wkb, unary_union
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from detection.alerts.describe import data_span
from detection.by_hand import columns_set_by_hand
from detection.kinds import FAMILIES, Extent, Family
from detection.models import Alert, Detection, SealedEvidence
from detection.search.areas import PointColumns, columns_in, ground_around
from detection.selectors import FOLLOWED_STATES, detections_current, evidence_basis
from ground_motion.core.areas import polygons_of
from ground_motion.core.geometry import project_geometry
from ground_motion.methods.deformation.sealed import FORMAT
from ground_motion.methods.deformation.sealed.figures import Flagged
from ground_motion.methods.deformation.sealed.measurement import COLUMNS, Measurement, alert_figures
from ground_motion.methods.deformation.sealed.package import MAX_BYTES, files_of, opened, packed, plain
from ground_motion.methods.deformation.sealed.versions import versions
from ground_motion.rasters.areas import AreaThresholds, areas_in, to_geographic
from ground_motion.statistics.reasons import TrackReason
from ingest.foundation.storage import raster_put
from ingest.models import Product
from ingest.products.selectors import area_series
from ml.runs.selectors import products_of
from ml.runs.stored import Part, StoredRaster, background_mm_yr, opened_bands

Why = SealedEvidence.Why
OF_REASON = ("product", *TrackReason._fields)
OF_CLUSTER = ("rate_sigma_mm_yr", "window", "null")
FIRST_M = 2_000.0  # The raster is first read this far around an outline.
MAX_TRIED = 5  # At most this many flagged areas are compared with one outline.


class Unsealable(Exception):
    """Figures of an alert that do not follow from inputs that are still stored; its text is a `Why`."""


def alerts_unsealed() -> QuerySet[Alert]:
    """Return followed local alerts of velocity fields whose evidence was not sealed since they last changed."""
    sealed = SealedEvidence.objects.filter(alert=OuterRef("pk"), checked_at__gte=OuterRef("updated_at"))
    alerts = Alert.objects.filter(
        state__in=FOLLOWED_STATES, kind__in=FAMILIES[Family.VELOCITY], extent=Extent.LOCAL, rate_mm_yr__isnull=False
    )
    return alerts.exclude(Exists(sealed)).order_by("id")


def evidence_seal(*, alert: Alert) -> SealedEvidence:
    """Seal the evidence of an alert as it stands, or record why that is impossible; once for each state of it."""
    begun = timezone.now()  # What changes while figures are read is newer than this, and read another time.
    alert.refresh_from_db()
    current = list(detections_current(alert=alert))
    basis = evidence_basis(alert=alert, current=current)
    kept = SealedEvidence.objects.filter(alert=alert, basis=basis)
    if not kept.exclude(file="", why="").update(checked_at=begun):
        row = kept.first() or SealedEvidence(alert=alert, basis=basis)  # Retention may have deleted its file.
        row.checked_at = begun
        try:
            archive = packed(_files(alert, current))
            if len(archive) > MAX_BYTES:
                raise Unsealable(Why.LARGE)
            row.seal = opened(archive).seal
            _store(row, archive)
        except Unsealable as fault:
            row.why = str(fault)
            row.save()
    return kept.get()


def _store(row: SealedEvidence, archive: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"evidence-{row.alert.code}-{row.seal[:16]}.zip"
        path.write_bytes(archive)
        row.size_bytes = len(archive)
        with raster_put(path) as name:
            row.file = name
            row.save()


def _files(alert: Alert, current: Sequence[Detection]) -> dict[str, bytes]:
    """Return the files of an alert's package. Raises Unsealable."""
    if not current:
        raise Unsealable(Why.PAST)
    measured = [_measured(detection) for detection in current]
    if sum(inputs.raster.nbytes + sum(points.nbytes for points in inputs.points) for inputs, _ in measured) > MAX_BYTES:
        raise Unsealable(Why.LARGE)
    figures = alert_figures([(inputs.facts, stated) for inputs, stated in measured])
    other = {name for name in figures if figures[name] != plain(getattr(alert, name))}
    if other:
        by_hand = columns_set_by_hand(alert)
        raise Unsealable(Why.BY_HAND if by_hand and by_hand.area and other == {"area_m2"} else Why.OTHER_CODE)
    of_alert = {name: getattr(alert, name) for name in ("code", "kind", "simulated")}
    return files_of({"format": FORMAT, **of_alert, "made_with": versions(), "figures": figures}, measured)


def _measured(detection: Detection) -> tuple[Measurement, dict[str, Any]]:
    """Return the inputs of a detection and its stored figures, which follow from them. Raises Unsealable."""
    products = products_of(run=detection.scan.prediction.run)
    if any(product.points_deleted_at for product in products):
        raise Unsealable(Why.POINTS)
    shown = plain(mapping(polygons_of(from_wkb(bytes(detection.area.wkb)))))
    tracks_shown = [{name: reason.get(name) for name in OF_REASON} for reason in detection.reasons]
    known = {"outline": shown, "tracks": tracks_shown}
    for inputs in _candidates(detection, products):
        flagged, tracks = inputs.flagged(), inputs.tracks()
        for part, area in enumerate(inputs.areas(flagged, tracks)):
            outline = to_geographic(area.polygon, flagged.epsg)
            if plain(mapping(outline)) != shown:
                continue
            names = [track["product"] for track in inputs.facts["tracks"]]
            product = next(product for product in products if product.name == names[area.track])
            series = area_series(product=product, area=detection.area)
            facts = {**inputs.facts, "part": part}
            if series:
                facts["series_dates"] = [day.isoformat() for day in series.dates]
                inputs = inputs._replace(series=series.mean_mm)
            inputs = inputs._replace(facts=facts)
            computed = plain(inputs.figures(area, outline, tracks))
            if computed == known | {name: plain(getattr(detection, name)) for name in computed.keys() - known.keys()}:
                return inputs, computed
    raise Unsealable(Why.OTHER_CODE)


def _candidates(detection: Detection, products: Sequence[Product]) -> Iterator[Measurement]:
    """Yield the inputs of the flagged areas that a detection may come from, the likeliest first."""
    prediction, run = detection.scan.prediction, detection.scan.prediction.run
    thresholds = AreaThresholds(**detection.scan.thresholds)
    with opened_bands(prediction) as raster:
        shown = polygons_of(project_geometry(from_wkb(bytes(detection.area.wkb)), 4326, raster.epsg))
        for cluster in prediction.statistics.get("clusters", [prediction.statistics]):
            for rank in range(MAX_TRIED):
                near = _flagged_near(raster, cluster.get("window", (0, 0, *raster.shape)), shown, rank, thresholds)
                if near is None:
                    break
                number, flagged = near
                ground = ground_around(flagged.areas[number])
                columns = {product: columns_in(product, ground, raster.epsg) for product in products}
                views = {product: points for product, points in columns.items() if points.x.size}
                facts = {
                    "epsg": raster.epsg,
                    "transform": [*flagged.transform[:6]],
                    "bands": [*flagged.bands],
                    "thresholds": thresholds._asdict(),
                    "statistics": {name: cluster[name] for name in OF_CLUSTER if name in cluster},
                    "method": str(run.model_version),
                    "weights_sha256": run.model_version.weights_sha256,
                    "component": run.its_product.component,
                    "dates": [day.isoformat() for day in data_span(detection)],
                    "tracks": [
                        _track(product, points) | {"background_mm_yr": background_mm_yr(cluster, product)}
                        for product, points in views.items()
                    ],
                    "flagged": number,
                    "part": 0,
                    "series_dates": [],
                }
                rows = [_as_rows(points) for points in views.values()]
                yield Measurement(facts, np.stack([*flagged.bands.values()]), rows, np.empty(0, np.float32))


def _flagged_near(
    raster: StoredRaster, part: Part, shown: BaseGeometry, rank: int, thresholds: AreaThresholds
) -> tuple[int, Flagged] | None:
    """Read an open raster around the flagged area of a rank, 0 for the nearest to an outline; None if there are fewer.

    The window is wide enough to flag them as the whole raster does. part: the cluster of points that is read.
    """
    top, left, rows, cols = part
    cluster = raster.transform @ Affine.translation(left, top)
    ground = shown.buffer(FIRST_M).envelope
    while True:
        west, south, east, north = ground.bounds
        (first_col, first_row), (last_col, last_row) = ~cluster @ (west, north), ~cluster @ (east, south)
        row, col = max(0, floor(first_row)), max(0, floor(first_col))
        last_row, last_col = min(rows, ceil(last_row)), min(cols, ceil(last_col))
        if last_row <= row or last_col <= col:
            return None
        window = slice(top + row, top + last_row), slice(left + col, left + last_col)
        bands = {name: band[window] for name, band in raster.bands.items()}
        transform = cluster @ Affine.translation(col, row)
        areas = areas_in(bands, transform, thresholds)
        if len(areas) <= rank:
            return None
        farness = [(-area.polygon.intersection(shown).area, area.polygon.distance(shown)) for area in areas]
        number = sorted(range(len(areas)), key=farness.__getitem__)[rank]
        around = ground_around(areas[number])
        counting = [around, *(area.polygon for area in areas if area.polygon.intersects(around))]
        needed = unary_union([each.envelope for each in counting]).envelope.buffer(2 * thresholds.joined_m).envelope
        if ground.contains(needed) or (row, col, last_row, last_col) == (0, 0, rows, cols):
            return number, Flagged(areas, bands, transform, raster.epsg)
        ground = unary_union([ground, needed]).envelope


def _track(product: Product, points: PointColumns) -> dict[str, Any]:
    """Return what a package says of a track, and where its data are from."""
    texts = ("source_format", "component", "direction", "file_name", "file_sha256", "attribution", "licence", "release")
    return {
        "product": product.name,
        **{name: getattr(product, name) for name in texts},
        "track": product.track,
        "dates": [product.dates[0].isoformat(), product.dates[-1].isoformat()],
        "line_of_sight": [*points.line_of_sight] if points.line_of_sight else None,
    }


def _as_rows(points: PointColumns) -> NDArray[np.void]:
    columns = {name: getattr(points, name) for name in COLUMNS}
    rows = np.empty(points.x.size, [(name, column.dtype.newbyteorder("<")) for name, column in columns.items()])
    for name, column in columns.items():
        rows[name] = column
    return rows
