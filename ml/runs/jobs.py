"""Computation of a run for each task, from database rows to a raster."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import date

import numpy as np
import torch
from django.conf import settings
from django.contrib.gis.geos import GEOSGeometry
from shapely.geometry.base import BaseGeometry

from ground_motion.core.areas import box_around
from ground_motion.core.projections import transformer
from ground_motion.methods.coherence import ChangeMethod, CoherenceMethod, window_of
from ground_motion.methods.coherence import change as change_infer
from ground_motion.methods.coherence import infer as coherence_infer
from ground_motion.methods.coherence.change import Stack
from ground_motion.methods.coherence.compared import Beside, Compared
from ground_motion.methods.deformation import infer as deformation_infer
from ground_motion.methods.deformation.gridding.clusters import cluster_tracks
from ground_motion.methods.deformation.gridding.points import PointCloud, project, usual
from ground_motion.methods.deformation.product import detect_product
from ground_motion.methods.deformation.series.product import SeriesReader, half_wave_mm, has_cycles
from ground_motion.methods.deformation.wide.ground import Station, wide_ground
from ground_motion.methods.deformation.wide.search import DATUM, ReferredRegion, Track, confirmed_regions
from ground_motion.methods.offsets import infer as offsets_infer
from ground_motion.methods.offsets.motion import PixelScale
from ground_motion.rasters.imagery import Float32, PairSource
from ground_motion.rasters.pair_files import pair_sha256
from ground_motion.rasters.pieces import Pieces
from ground_motion.rasters.results import RasterResult
from ground_motion.rasters.windows import Window
from ground_motion.readers.records import Component, Reference
from ground_motion.statistics.stations import Plane
from ingest.foundation.geos import geos
from ingest.models import Product, ScenePair
from ingest.products import selectors as ingest_selectors
from ingest.products.comparison import fixed_differences, plane_of
from ingest.scenes.images import read_pair
from ml.models import ModelVersion, Prediction, Run
from ml.runs import selectors
from ml.runs.stored import RasterWindows, opened_prediction

Task = ModelVersion.Task
BESIDE_M = 3_000.0  # Another track's points are read this far beyond a product's: the network's range.
WITH_PAIR = ("model_version", "pair__reference", "pair__secondary")
COMPARED = ("coherence", "predecessors", "changes_beside")  # A change of coherence is based on these predictions.
WINDOW = "window"  # The value is rows x columns, px.
STATIONS = "stations"  # planes by which products exceed the stations on their ground
MAX_POINTS_WITH_SERIES = 3_000_000  # A million points of 300 dates take about 20 s.


def deformation(run: Run, device: torch.device, pieces: Pieces) -> RasterResult:
    """Detect deformation in a product, together with products of another track on the same ground, if there are any."""
    product = run.its_product
    chosen = pieces.once("companions", lambda: [companion.pk for companion in selectors.companions_of(run=run)])
    # A finished run lists its companions in this order.
    companions = list(Product.objects.filter(pk__in=chosen).order_by("pk"))
    postings = [source.posting_m for source in [product, *companions] if source.posting_m]
    posting_m = max(postings, default=None)  # All tracks lie on cells of one size.
    cloud, corrected = _cloud(product, product.grid_epsg, posting_m)
    around = geos(box_around(product.footprint, BESIDE_M))
    beside = [_cloud(companion, cloud.epsg, posting_m, around)[0] for companion in companions]
    seen = [(companion, points) for companion, points in zip(companions, beside, strict=True) if points.x.size]
    tracks = [(product, cloud), *seen]
    planes = pieces.once(STATIONS, lambda: _planes(run, [source for source, _ in tracks], cloud.epsg))
    places = [parts for parts in cluster_tracks([points for _, points in tracks]) if parts[0].x.size] or [[cloud]]
    results, names, nulls, regions = [], [], [], []
    for number, parts in enumerate(places):
        held = [(source, points) for (source, _), points in zip(tracks, parts, strict=False) if points.x.size]
        clouds = [points for _, points in held]
        result, null = detect_product(clouds, run.model_version.method, device, pieces.pieces_of_part(number))
        reported: list[BaseGeometry] = [area.polygon for area, _ in deformation_infer.flagged_areas(result, clouds)]
        own, *others = (_track(source, points, planes.get(str(source.pk))) for source, points in held)
        wide = _against_datum(*held[0], reported)
        reported += [region.region.outline for region in wide]
        found = [*wide, *confirmed_regions(own, others, reported)]
        regions += [region.feature(result.epsg) for region in found]
        results.append(result)
        names.append([str(source.pk) for source, _ in held])
        nulls.append(null.as_dict() if null else {})
    whole = deformation_infer.make_mosaic(results, names, nulls)
    statistics = {} if corrected is None else {"points_corrected": corrected}
    hashes = [product.file_sha256, *(companion.file_sha256 for companion, _ in seen)]
    tags = {
        "input_sha256": hashes[0] if len(hashes) == 1 else hashlib.sha256(" ".join(hashes).encode()).hexdigest(),
        "product": product.name,
        "companions": ", ".join(companion.name for companion, _ in seen),
        "component": product.component,
        "sign": "positive toward the satellite" if product.component == "los" else f"positive {product.component}",
    }
    return RasterResult(
        whole.bands,
        results[0].units(),
        whole.transform,
        cloud.epsg,
        tags,
        whole.statistics | statistics,
        regions,
        parameters={STATIONS: planes} if planes else {},
        companions=[companion.pk for companion, _ in seen],
    )


def _planes(run: Run, products: list[Product], epsg: int) -> dict[str, Plane]:
    """Return primary key of a product -> plane that ties it to stations; a finished run keeps the planes it used."""
    if run.state == Run.State.SUCCEEDED:
        return dict(run.parameters.get(STATIONS, {}))
    planes = ((str(product.pk), plane_of(product=product, epsg=epsg)) for product in products)
    return {number: plane for number, plane in planes if plane}


def _track(product: Product, points: PointCloud, plane: list[float] | None) -> Track:
    """Return a track for the search of wide regions; the plane, if any, replaces its zero by that of stations.

    Rates against a datum that something outside the file confirms are absolute, as those of a calibrated file.
    """
    if plane is None:
        return Track(points, Reference.GNSS if product.datum.source.is_outside else Reference.LOCAL)
    zero = Plane(*plane).at(points.x, points.y).astype(np.float32)
    return Track(points._replace(velocity_mm_yr=points.velocity_mm_yr - zero), Reference.GNSS, float(zero.mean()))


def _against_datum(product: Product, points: PointCloud, reported: Sequence[BaseGeometry]) -> list[ReferredRegion]:
    """Return wide ground that moves against a datum that something outside the file confirms; nothing without one."""
    if not product.datum.source.is_outside:
        return []
    place, stations = transformer(4326, points.epsg).transform, list[Station]()
    if product.component == Component.UP:
        known = fixed_differences(product=product)
        stations = [Station(*place(degrees[0], degrees[1]), difference.station.mm_yr) for degrees, difference in known]
    found = wide_ground(points, product.datum_sigma_mm_yr, stations, reported)
    return [ReferredRegion(region, DATUM, 0.0, confirmed=True) for region in found]


def _cloud(
    product: Product, epsg: int | None, posting_m: float | None, area: GEOSGeometry | None = None
) -> tuple[PointCloud, int | None]:
    """Read a product's points, or those in an area's box; correct their rates for unwrapping errors.

    Return the points and how many rates were corrected, None if the series were not searched for such errors.
    """
    points = ingest_selectors.product_points(product=product, area=area)
    if not points.longitude.size:
        return PointCloud(points.longitude, points.latitude, points.velocity_mm_yr, epsg or 0), None
    cloud = project(*points, epsg=epsg, posting_m=posting_m)
    if product.component == Component.LOS:
        cloud = cloud._replace(direction=product.direction)
    cycles = has_cycles(product.has_series, product.component, product.technique)
    if not cycles or cloud.x.size > MAX_POINTS_WITH_SERIES:
        return cloud._replace(sigma_mm_yr=ingest_selectors.usual_velocity_std(product=product)), None
    reader = SeriesReader(product.dates, half_wave_mm(product.header))
    for block in ingest_selectors.product_series(product=product, area=area):
        reader.add(block)
    summary = reader.summary(points.longitude, points.latitude)
    velocity = cloud.velocity_mm_yr - summary.step_mm_yr
    corrected = int((summary.step_mm_yr != 0).sum())
    sigma = usual(summary.noise_mm_yr)
    return cloud._replace(velocity_mm_yr=velocity, sigma_mm_yr=sigma, cycles_undone=reader.all_undone), corrected


def coherence(run: Run, device: torch.device, pieces: Pieces) -> RasterResult:
    """Estimate a pair's coherence; networks that take a window get COHERENCE_WINDOW, a repeated run its former one."""
    row, pair = CoherenceMethod.find(run.model_version.method), run.its_pair
    looks = pair.reference.looks if pair.reference.looks == pair.secondary.looks else None  # None: estimate them.
    first = {WINDOW: settings.COHERENCE_WINDOW} if row.window_is_input else {}
    kept = pieces.once(WINDOW, lambda: first | run.parameters)
    window = window_of(kept[WINDOW]) if row.window_is_input else None
    result = coherence_infer.estimate_coherence(_images(pair), row.name, device, window, looks, pieces)
    kept_with = {**result.parameters, **{name: kept[name] for name in first}}
    return _add_pair_tags(result._replace(parameters=kept_with), pair)


def offsets(run: Run, device: torch.device, pieces: Pieces) -> RasterResult:
    """Measure a pair's offsets within the reach of motion expected there; a repeated run keeps its search range."""
    fastest = selectors.fastest_motion(pair=run.its_pair)
    scale = PixelScale(run.its_pair.pixel_grid.posting_m, run.its_pair.temporal_baseline_days)
    first = {"reach_m_day": fastest, "search_px": offsets_infer.reach_px(fastest, scale)}
    requested = pieces.once("requested", lambda: first | run.parameters)
    search, method = requested["search_px"], run.model_version.method
    result = offsets_infer.track_offsets(_images(run.its_pair), method, device, search, pieces=pieces)
    return _add_pair_tags(result._replace(parameters=requested | dict(result.parameters)), run.its_pair)


def coherence_change(run: Run, device: torch.device, pieces: Pieces) -> RasterResult:
    """Compare a pair's coherence with that of its predecessors; changes of other pairs confirm it."""
    ids = pieces.once("compared", lambda: run.parameters or _due(run))  # A resumed run must compare the same ones.
    own, predecessors, beside = _load_compared(ids)
    share = np.float32(CoherenceMethod.find(own.run.model_version.method).area_share)
    with ExitStack() as stack:
        now = stack.enter_context(opened_prediction(own))
        past = [stack.enter_context(opened_prediction(prediction, now)) for prediction in predecessors]
        others = [stack.enter_context(opened_prediction(prediction, now)) for prediction in beside]
        coherence_of, sigma_of = change_infer.scatterer_bands(now.names)

        def past_at(at: Window) -> tuple[Float32, Float32]:
            read = [[raster.read(name, at) for name in change_infer.scatterer_bands(raster.names)] for raster in past]
            history, sigma = zip(*read, strict=True)
            return np.stack(history), np.stack(sigma)

        def changes(prediction: Prediction, raster: RasterWindows) -> Beside:
            return Beside(
                *_dates(prediction.run.its_pair),
                lambda at: (raster.read("change_sigma", at), raster.read("coherence_before", at)),
            )

        these = Compared(
            Stack(now.shape, past_at, lambda at: now.read(coherence_of, at)),
            len(past),
            _dates(run.its_pair),
            [changes(*opened) for opened in zip(beside, others, strict=True)],
            lambda at: now.read(sigma_of, at) * share,
            _images(run.its_pair),
        )
        compared = ChangeMethod.find(run.model_version.method).function
        result: RasterResult = compared(these, now.transform, now.epsg, device, pieces)
    hashes = " ".join(prediction.raster_sha256 for prediction in [own, *predecessors, *beside])
    tags = {
        "input_sha256": hashlib.sha256(hashes.encode()).hexdigest(),
        "predecessors": str(len(predecessors)),
        "confirming_pairs": str(len(beside)),
    }
    return _add_pair_tags(result._replace(tags=result.tags | tags, parameters=ids), run.its_pair)


def _due(run: Run) -> dict[str, list[int]]:
    """Return the ids of the coherence of a pair, that of its predecessors, and the changes of pairs that overlap it."""
    own, predecessors = selectors.coherence_history(pair=run.its_pair, most=change_infer.MAX_PREDECESSORS)
    newest = {prediction.run.pair_id: prediction for prediction in selectors.changes_beside(pair=run.its_pair)}
    groups = ([own], predecessors, newest.values())
    return dict(zip(COMPARED, ([prediction.pk for prediction in each] for each in groups), strict=True))


def _load_compared(ids: Mapping[str, list[int]]) -> tuple[Prediction, list[Prediction], list[Prediction]]:
    """Load the predictions with the ids of `_due`. Raises LookupError if some are no longer stored."""
    predictions = Prediction.objects.select_related(*(f"run__{name}" for name in WITH_PAIR))
    kept = predictions.in_bulk([pk for name in COMPARED for pk in ids[name]])
    try:
        own, predecessors, beside = ([kept[pk] for pk in ids[name]] for name in COMPARED)
    except KeyError as missing:
        raise LookupError("results of other pairs that the run compared are no longer stored") from missing
    return own[0], predecessors, beside


def _dates(pair: ScenePair) -> tuple[date, date]:
    return pair.reference.day, pair.secondary.day


def _images(pair: ScenePair) -> PairSource:
    grid, size = pair.pixel_grid, (pair.pixel_grid.rows, pair.pixel_grid.cols)
    return PairSource(size, grid.transform, grid.epsg, lambda at: np.stack(read_pair(pair, grid.part(*at))))


def _add_pair_tags(result: RasterResult, pair: ScenePair) -> RasterResult:
    tags = {
        "input_sha256": pair_sha256(pair.reference.file_sha256, pair.secondary.file_sha256),
        "reference": pair.reference.name,
        "secondary": pair.secondary.name,
        "temporal_baseline_days": str(pair.temporal_baseline_days),
        "input_posting_m": f"{pair.reference.posting_m:g}",
    }
    return result._replace(tags=tags | result.tags)


# What computes the runs of a task: function of a run that returns its result and computes each piece only once.
WORK: dict[Task, Callable[[Run, torch.device, Pieces], RasterResult]] = {
    Task.DEFORMATION: deformation,
    Task.COHERENCE: coherence,
    Task.COHERENCE_CHANGE: coherence_change,
    Task.OFFSETS: offsets,
}
