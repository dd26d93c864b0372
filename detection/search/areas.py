"""Search of finished predictions for detections. SEARCHES registers one search for each task."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from itertools import chain
from typing import Any, NamedTuple

from django.contrib.gis.geos import MultiPolygon
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from detection.glaciers.selectors import ice_share
from detection.glaciers.surge import MOSTLY_ICE, slides
from detection.kinds import Extent, Kind
from detection.models import Detection
from detection.search.classify import Evidence, classify, evidence_of
from detection.search.patches import CHANGE, MOTION, Patch, changed_patches, moving_patches
from detection.selectors import offsets_of, shorter_pairs_cover
from ground_motion.core.areas import area_of, polygons_of
from ground_motion.core.errors import promised
from ground_motion.core.projections import transformer
from ground_motion.methods.deformation.motion.series import WITHIN_90
from ground_motion.methods.deformation.places.causes import causes_for
from ground_motion.methods.deformation.places.measure import Background, reach_m, surroundings_of
from ground_motion.methods.deformation.sealed.figures import Flagged, figures_of, measured_areas, reasons_of
from ground_motion.methods.deformation.series.evidence import series_evidence
from ground_motion.methods.deformation.series.product import SeriesReader, half_wave_mm, has_cycles
from ground_motion.rasters.areas import DEFAULT_THRESHOLDS, Area, SortedPoints, areas_in, to_geographic
from ground_motion.rasters.line_of_sight import LineOfSight, line_of_sight_at
from ground_motion.readers.records import Component, Float32, Float64
from ground_motion.statistics.reasons import TrackReason
from ingest.context.selectors import ground_at
from ingest.foundation.geos import geos
from ingest.models import Product
from ingest.products import selectors as ingest_selectors
from ml.models import ModelVersion, Prediction
from ml.runs.selectors import products_of
from ml.runs.stored import StoredRaster, background_mm_yr, clusters_of, opened_bands, read_prediction

Task = ModelVersion.Task
MAX_CORRECTED = 100_000  # If more points lie in and around an area, their series are not read (this takes seconds).
MAX_SERIES = 1_000  # The series of this many points inside an area are examined one by one.


class Search(NamedTuple):
    """Search of one task.

    thresholds: a named tuple, stored with the scan; find: returns the detections in a prediction's raster, unsaved;
    by_parts: whether `find` reads the raster in parts, so that the raster need not fit into memory.
    """

    thresholds: Any
    find: Callable[[Prediction, StoredRaster, Any], list[Detection]]
    by_parts: bool = False


class PointColumns(NamedTuple):
    """Points of a product as `SortedPoints` takes them, (n,): metres, mm/yr."""

    x: Float64
    y: Float64
    velocity_mm_yr: Float32
    height_m: Float32
    line_of_sight: LineOfSight | None


def search(prediction: Prediction) -> list[Detection]:
    """Return the detections in a prediction, strongest first, unsaved and without scan and alert."""
    way = SEARCHES[prediction.run.model_version.task]
    with opened_bands(prediction) if way.by_parts else nullcontext(read_prediction(prediction)) as raster:
        return way.find(prediction, raster, way.thresholds)


def _search_velocity(prediction: Prediction, raster: StoredRaster, thresholds: Any) -> list[Detection]:
    """Return detections of the areas flagged in the run's own product, and of its regions that two tracks confirm."""
    found = [
        _search_cluster(prediction, *cluster, thresholds) for cluster in clusters_of(raster, prediction.statistics)
    ]
    regions = [_region_detection(prediction, region) for region in prediction.regions_where(confirmed=True)]
    return [*chain.from_iterable(found), *regions]


def _search_cluster(
    prediction: Prediction, raster: StoredRaster, statistics: Mapping[str, Any], thresholds: Any
) -> list[Detection]:
    detections, products = [], products_of(run=prediction.run)
    causes = causes_for(prediction.run.model_version.weights_sha256)
    areas = areas_in(raster.bands, raster.transform, thresholds)
    flagged = Flagged(areas, raster.bands, raster.transform, raster.epsg)
    for number, flagged_area in enumerate(areas):
        place = to_django(to_geographic(flagged_area.polygon, raster.epsg))
        if not place.intersects(prediction.run.its_product.footprint):
            continue
        if _points_within(products, place) < thresholds.fewest_points:
            continue
        around = {product: points_in(product, ground_around(flagged_area), raster.epsg) for product in products}
        views = {product: points for product, points in around.items() if points.x.size}
        backgrounds = [background_mm_yr(statistics, product) for product in views]
        tracks = [*views.values()]
        rings = [surroundings_of(flagged_area, *track, areas) for track in zip(tracks, backgrounds, strict=True)]
        drawn = measured_areas(number, flagged, tracks, backgrounds, causes)
        detections += [_area_detection(statistics, area, views, rings[area.track], raster.epsg) for area in drawn]
    return detections


def _points_within(products: Sequence[Product], place: MultiPolygon) -> int:
    return sum(ingest_selectors.points_count_within(product=product, area=place) for product in products)


def _region_detection(prediction: Prediction, feature: Mapping[str, Any]) -> Detection:
    """Return the detection of a region (GeoJSON feature) of the run; its rates are against the product's reference."""
    product, geometry, figures = prediction.run.its_product, shape(feature["geometry"]), feature["properties"]
    place, area_m2 = to_django(geometry), area_of(geometry)
    rate, peak, sigma = (figures[name] for name in ("rate_mm_yr", "peak_rate_mm_yr", "peak_rate_sigma_mm_yr"))
    return Detection(
        kind=classify([Evidence(product.component, product.direction, rate, area_m2)]),
        score=figures["score"],
        rate_mm_yr=rate,
        peak_rate_mm_yr=peak,
        peak_low_mm_yr=peak - math.copysign(WITHIN_90 * sigma, peak),
        peak_high_mm_yr=peak + math.copysign(WITHIN_90 * sigma, peak),
        rate_sigma_mm_yr=sigma,
        datum_sigma_mm_yr=product.datum_sigma_mm_yr,
        area=place,
        area_m2=area_m2,
        n_points=ingest_selectors.points_count_within(product=product, area=place),
        extent=Extent.REGION,
        reference=figures["reference"],
    )


def _area_detection(
    statistics: Mapping[str, Any],
    area: Area,
    views: Mapping[Product, SortedPoints],
    around: Background | None,
    epsg: int,
) -> Detection:
    """Return a detection of an area. Its reasons begin with the track that gave the rates.

    Args:
        statistics: Statistics of the run.
        area: The measured area.
        views: Points in and around it, by product.
        around: Rate of the ground around, in the track that gave the rates.
        epsg: Projected system of the area.
    """
    outline, products = to_geographic(area.polygon, epsg), [*views]
    place, product = to_django(outline), products[area.track]
    series = ingest_selectors.area_series(product=product, area=place)
    figures = figures_of(area, outline, epsg, statistics, (series.dates, series.mean_mm) if series else None)
    shown = reasons_of(area, [*views.values()], [seen.direction for seen in products])
    reasons = [_reason(products[number], reason, place) for number, reason in shown.items()]
    return Detection(
        kind=classify(evidence_of(reasons, product.component, area.rate_mm_yr, figures["area_m2"], area.kinds)),
        reasons=reasons,
        area=place,
        n_points=_points_within(products, place),
        around_mm_yr=around and around.rate_mm_yr,
        around_sigma_mm_yr=around and around.sigma_mm_yr,
        datum_sigma_mm_yr=product.datum_sigma_mm_yr,
        **figures,
    )


def _search_change(prediction: Prediction, raster: StoredRaster, thresholds: Any) -> list[Detection]:
    """Find changes of the surface, except on ground that moved by metres, for which offsets give an alert.

    A shorter pair of the same days also shows a sudden change; an unconfirmed patch of the longer one is noise.
    """
    pair = prediction.run.its_pair
    patches = changed_patches(raster.bands, raster.transform, prediction.statistics["weather"], thresholds)
    offsets = offsets_of(pair=pair) if patches else None
    moving = _moving(offsets, read_prediction(offsets), MOTION) if offsets else []
    found = [(patch, _patch_detection(patch, raster.epsg)) for patch in patches]
    covered = shorter_pairs_cover(pair=pair, areas=[detection.area for _, detection in found])
    sudden = [
        detection for (patch, detection), known in zip(found, covered, strict=True) if patch.confirmed or not known
    ]
    return [detection for detection in sudden if not any(detection.area.intersects(other.area) for other in moving)]


def _search_offsets(prediction: Prediction, raster: StoredRaster, thresholds: Any) -> list[Detection]:
    """Find ground that moves outside glaciers; surges of glaciers are found in series of pairs."""
    simulated = prediction.run.its_pair.simulated
    detections = _moving(prediction, raster, thresholds)
    outside = [
        detection for detection in detections if ice_share(area=detection.area, simulated=simulated) < MOSTLY_ICE
    ]
    for detection in outside:
        ground = ground_at(area=detection.area, simulated=simulated)
        if ground is not None and slides(ground.slope_deg, ground.aspect_deg, promised(detection.bearing_deg)):
            detection.kind = Kind.FAST_LANDSLIDE
    return outside


def _moving(prediction: Prediction, raster: StoredRaster, thresholds: Any) -> list[Detection]:
    pair = prediction.run.its_pair
    posting_m, days = promised(pair.reference.posting_m), pair.temporal_baseline_days
    patches = moving_patches(raster.bands, raster.transform, raster.epsg, posting_m, days, thresholds)
    return [_patch_detection(patch, raster.epsg) for patch in patches]


SEARCHES: dict[str, Search] = {
    Task.DEFORMATION: Search(DEFAULT_THRESHOLDS, _search_velocity, by_parts=True),
    Task.COHERENCE_CHANGE: Search(CHANGE, _search_change, by_parts=True),
    Task.OFFSETS: Search(MOTION, _search_offsets),
}


def _patch_detection(patch: Patch, epsg: int) -> Detection:
    geographic = to_geographic(patch.polygon, epsg)
    return Detection(
        kind=patch.kind,
        score=patch.score,
        area=to_django(geographic),
        area_m2=area_of(geographic),
        n_points=patch.cells,
        **patch.figures,
    )


def ground_around(area: Area) -> BaseGeometry:
    """Return the box of an area and its surroundings, whose points measure it."""
    return area.polygon.envelope.buffer(reach_m(area)).envelope


def points_in(product: Product, ground: BaseGeometry, epsg: int) -> SortedPoints:
    """Return the product's points in the box around some ground (metres, epsg), as the detector used them."""
    return SortedPoints(*columns_in(product, ground, epsg))


def columns_in(product: Product, ground: BaseGeometry, epsg: int) -> PointColumns:
    """Return the arguments of SortedPoints for `points_in`, in the order of the points' ids."""
    box = to_django(to_geographic(polygons_of(ground.envelope), epsg))
    points = ingest_selectors.product_points(product=product, area=box)
    x, y = transformer(4326, epsg).transform(points.longitude, points.latitude)
    velocity = points.velocity_mm_yr
    if _has_cycles(product) and 0 < velocity.size <= MAX_CORRECTED:
        reader = SeriesReader(product.dates, half_wave_mm(product.header))
        for block in ingest_selectors.product_series(product=product, area=box):
            reader.add(block)
        velocity = velocity - reader.summary(points.longitude, points.latitude).step_mm_yr
    direction = product.direction if product.component == Component.LOS else ""
    middle = ground.centroid
    return PointColumns(x, y, velocity, points.height_m, line_of_sight_at(direction, epsg, middle.x, middle.y))


def _has_cycles(product: Product) -> bool:
    return has_cycles(product.has_series, product.component, product.technique)


def _reason(product: Product, reason: TrackReason, place: MultiPolygon) -> dict[str, Any]:
    """Return for JSON how a product's points show an area's motion, with what their series show."""
    seen_by = {"product": product.name, "component": product.component, "orbit": product.track, "seen": reason.shows}
    if not _has_cycles(product):
        return reason.as_dict() | seen_by
    _, series = ingest_selectors.series_within(product=product, area=place, most=MAX_SERIES)
    return reason.as_dict() | seen_by | series_evidence(series, product.dates, half_wave_mm(product.header)).as_dict()


def to_django(geometry: BaseGeometry) -> MultiPolygon:
    """Convert a shapely area in degrees to GeoDjango's."""
    return geos(polygons_of(geometry))
