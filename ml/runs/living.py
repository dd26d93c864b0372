"""Living series of releases: each new pass prolongs them by one provisional date, in one transaction.

A pass is taken once its interferograms are complete, or none has arrived for some hours. When the next release covers
the provisional dates, it replaces them; how far they were off is kept.
"""

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from copy import copy
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from numpy.typing import NDArray
from rasterio.windows import Window
from shapely.geometry import mapping

from ground_motion.core.errors import UnusableData, promised
from ground_motion.core.projections import transformer
from ground_motion.methods.deformation.living import kept as living_state
from ground_motion.methods.deformation.living.changes import Clusters, bends, cluster_deviations, clusters_of
from ground_motion.methods.deformation.living.inversion import Interferogram as Change
from ground_motion.methods.deformation.living.inversion import begin, extend
from ground_motion.methods.deformation.living.kept import Kept
from ground_motion.methods.deformation.living.places import BentPlace, bent_places
from ground_motion.methods.deformation.living.screening import Ground
from ground_motion.methods.deformation.series.product import half_wave_mm
from ground_motion.rasters.areas import to_geographic
from ground_motion.readers.records import Float32
from ground_motion.statistics.decomposition import interpolate_dates
from ingest.foundation.locks import rows_of
from ingest.foundation.storage import delete_files, raster_put, raster_storage, stored_tiff
from ingest.models import Interferogram, Product
from ingest.products import sampling
from ingest.products.encoding import fits_int16, pack_int16, unpack_against_datum
from ingest.products.partitions import POINTS, SERIES
from ingest.products.selectors import product_points, product_series
from ingest.scenes.interferograms import REACH_DATES, releases_to_continue, same_view
from ml.models import LivingChunk, LivingDate, LivingSeries, LivingValues
from ml.runs.provisional import provisional_values

CHUNK = 1024  # Number of points processed at once.
COMPLETE = 3  # A pass with interferograms from this many earlier dates awaits no more.
AWAITED = timedelta(hours=6)  # An incomplete pass is taken this long after its newest interferogram.
RESOLUTION_CELL_M2 = 5.0 * 20.0  # ground range by azimuth of Sentinel-1 IW (ESA)
MIN_COHERENCE, USUAL_COHERENCE = 0.05, 0.5  # Least coherence used; coherence assumed if a file states none.
STRIP_ROWS = 1024
MAX_COMPARED = 20_000  # points
NEAR_M = 25.0  # A point of the next release within this distance is the same one.
COMMON_DATES = 10  # The next release is compared on this many last dates.
SIMPLIFIED_DEGREES = 1e-5


def living_due() -> QuerySet[Product]:
    """Return the releases for which a new pass is complete."""
    views = Interferogram.objects.order_by().values_list("track", "direction", "simulated").distinct()
    due = set()
    for track, direction, simulated in views:
        for product in releases_to_continue(place=same_view(track=track, direction=direction), simulated=simulated):
            provisional = LivingDate.objects.filter(series__product=product, series__replaced_by=None)
            days = [*product.dates[-REACH_DATES:], *provisional.values_list("day", flat=True)]
            if _next_pass(product, days[-REACH_DATES:]):
                due.add(product.pk)
    return Product.objects.filter(pk__in=due).order_by("pk")


def living_extend(*, product: Product) -> list[LivingDate]:
    """Prolong a release's series by every pass that is complete; all dates are stored or none."""
    with transaction.atomic():
        series = LivingSeries.objects.select_for_update().filter(product=product).first()
        if series is None or not series.state:  # A newer release replaced the state, and was taken back.
            kept, series = _begin(product)
        else:
            kept = _load(series)
        made, epsg, clusters = [], product.metric_epsg, clusters_of(kept.state.ground)
        while pairs := _next_pass(product, kept.state.days):
            kept, row = _take(kept, series, pairs, epsg, clusters)
            made.append(row)
        if made:
            _store(series, kept)
        return made


def living_to_replace() -> QuerySet[LivingSeries]:
    """Return living series whose release answers nowhere any more, while their values are still stored."""
    return LivingSeries.objects.filter(replaced_by=None).exclude(product__in=Product.objects.answering())


def living_replace(*, series: LivingSeries) -> None:
    """Delete provisional values that the next release replaces; keep how far they differed from it."""
    newer = promised(series.product.superseded_by)
    with transaction.atomic():
        difference = _difference(series, newer)
        delete_files([series.state])
        LivingValues.objects.filter(date__series=series).delete()
        series.chunks.all().delete()
        series.replaced_by, series.difference, series.state = newer, difference, ""
        series.save()
        _forget_covered(series.product)


def _forget_covered(product: Product) -> None:
    """Delete the interferograms over a release whose later day every current release there covers."""
    view = same_view(track=product.track, direction=product.direction)
    rows = Interferogram.objects.filter(view, simulated=product.simulated, footprint__intersects=product.footprint)
    releases = list(releases_to_continue(place=view, simulated=product.simulated).only("dates", "footprint"))
    for row in rows:
        ends = [release.dates[-1] for release in releases if release.footprint.intersects(row.footprint)]
        if ends and row.secondary_day <= min(ends):
            delete_files([row.raster])
            row.delete()


def _next_pass(product: Product, active: Sequence[date]) -> list[Interferogram]:
    """Return the interferograms between the active dates and the first pass after them; none while it awaits more."""
    waiting = Interferogram.objects.filter(
        same_view(track=product.track, direction=product.direction),
        simulated=product.simulated,
        footprint__intersects=product.footprint,
        secondary_day__gt=active[-1],
        reference_day__in=active,
    )
    pairs = list(waiting.order_by("secondary_day", "pk"))
    if not pairs:
        return []
    own = [pair for pair in pairs if pair.secondary_day == pairs[0].secondary_day]
    complete = len({pair.reference_day for pair in own}) >= COMPLETE
    newest = max(pair.loaded_at for pair in own)
    return own if complete or timezone.now() - newest >= AWAITED else []


def _begin(product: Product) -> tuple[Kept, LivingSeries]:
    """Begin a release's living series, for new passes. Raises UnusableData if points and series do not match."""
    points = product_points(product=product)
    x, y = transformer(4326, product.metric_epsg).transform(points.longitude, points.latitude)
    ground = Ground(np.asarray(x), np.asarray(y), points.height_m)
    as_in_file = copy(product)  # The series go on from the file's zero, so that a datum that moves changes none.
    as_in_file.datum_mm_yr = 0.0
    state = begin(ground, product.dates, product_series(product=as_in_file), half_wave_mm(product.header))
    if len(state.position_mm) != ground.x_m.size:
        raise UnusableData(f"{product} has {ground.x_m.size:,} points and {len(state.position_mm):,} series.")
    series, _ = LivingSeries.objects.update_or_create(
        product=product, defaults={"replaced_by": None, "difference": None}
    )
    series.dates.all().delete()
    order = _chunks_make(series)
    return Kept(state, (), np.empty((clusters_of(ground).tested.size, 0)), order), series


def _chunks_make(series: LivingSeries) -> NDArray[np.int32]:
    """Store the chunks of points; return, in stored order, the number of each point in the order of ids, (points,).

    Neighbours are stored together: PostGIS sorts points along a Hilbert curve.
    """
    numbered = f"""
        SELECT pid, tile_point, row_number() OVER (ORDER BY pid) - 1 AS by_id,
               row_number() OVER (ORDER BY tile_point, pid) - 1 AS place
        FROM {POINTS} WHERE product_id = {series.product_id:d}"""  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {LivingChunk._meta.db_table} (series_id, number, pids, outline)
            SELECT {series.pk:d}, place / {CHUNK}, array_agg(pid ORDER BY place),
                   ST_SetSRID(ST_Envelope(ST_Buffer(ST_Extent(tile_point)::geometry, 1)), 3857)
            FROM ({numbered}) AS numbered
            GROUP BY place / {CHUNK}"""  # noqa: S608
        )
        cursor.execute(f"SELECT array_agg(by_id::int ORDER BY place) FROM ({numbered}) AS numbered")  # noqa: S608
        return np.asarray(cursor.fetchone()[0], dtype=np.int32)


def _load(series: LivingSeries) -> Kept:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.npz"
        with raster_storage().open(str(series.state.name)) as stream:
            path.write_bytes(stream.read())
        return living_state.load(path)


def _store(series: LivingSeries, kept: Kept) -> None:
    """Replace the stored state; the file before is deleted after the commit."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"living_{series.product_id}_{kept.days[-1]:%Y%m%d}.npz"
        living_state.save(path, kept)
        with raster_put(path) as name:
            delete_files([series.state] if series.state else [])
            series.state = name
            series.save()


def _take(
    kept: Kept, series: LivingSeries, pairs: Sequence[Interferogram], epsg: int, clusters: Clusters
) -> tuple[Kept, LivingDate]:
    """Add one pass: return the state after it, and its stored row."""
    day = pairs[0].secondary_day
    state, new = extend(kept.state, day, _changes(pairs, kept.state.ground, epsg))
    deviation = np.column_stack([kept.deviation_mm, cluster_deviations(clusters, new.deviation_mm)])
    days = (*kept.days, day)
    found = bent_places(state, clusters, bends(state.released, days, deviation), days)
    row = LivingDate.objects.create(
        series=series,
        day=day,
        n_interferograms=len(pairs),
        n_known=int(np.isfinite(new.displacement_mm).sum()),
        delay_sigma_mm=new.delay_sigma_mm,
        undone=new.undone,
        places=[_place(place, epsg) for place in found],
    )
    known = kept.order if row.n_known else kept.order[:0]  # Store no values for a pass that misses all points.
    stored, sigma = new.displacement_mm[known], new.sigma_mm[known]
    LivingValues.objects.bulk_create(
        (
            LivingValues(date=row, number=number, displacement=_packed(stored[part]), sigma=_packed(sigma[part]))
            for number, part in enumerate(slice(at, at + CHUNK) for at in range(0, stored.size, CHUNK))
        ),
        batch_size=500,
    )
    return kept._replace(state=state, days=days, deviation_mm=deviation), row


def _packed(values_mm: Float32) -> bytes:
    one = values_mm[None]
    return (pack_int16(one) if fits_int16(one).all() else one.astype("<f4")).tobytes()


def _place(place: BentPlace, epsg: int) -> dict[str, Any]:
    figures = ("score", "before_mm_yr", "change_mm_yr", "sigma_mm_yr")
    return {
        "outline": mapping(to_geographic(place.outline, epsg).simplify(SIMPLIFIED_DEGREES)),
        "n_points": place.n_points,
        "since": place.since.isoformat(),
        **{name: round(getattr(place, name), 1) for name in figures},
    }


def _changes(pairs: Sequence[Interferogram], ground: Ground, epsg: int) -> list[Change]:
    """Read interferograms at points; those of the same two dates (bursts, frames) complete each other."""
    by_day: dict[date, list[Interferogram]] = defaultdict(list)
    for pair in pairs:
        by_day[pair.reference_day].append(pair)
    changes = []
    for earlier, parts in sorted(by_day.items()):
        change, sigma = np.full((2, ground.x_m.size), np.nan, dtype=np.float32)
        for part in parts:
            seen, own_sigma = _at_points(part, ground, epsg)
            fresh = np.isnan(change) & np.isfinite(seen)
            change[fresh], sigma[fresh] = seen[fresh], own_sigma[fresh]
        changes.append(Change(earlier, change, sigma))
    return changes


def _at_points(pair: Interferogram, ground: Ground, epsg: int) -> tuple[Float32, Float32]:
    """Return the change at points, (points,), mm, NaN outside, and its standard deviation by decorrelation, mm."""
    change, coherence = np.full((2, ground.x_m.size), np.nan, dtype=np.float32)
    with stored_tiff(pair.raster) as raster:
        own = raster.crs.to_epsg()
        x, y = (ground.x_m, ground.y_m) if own == epsg else transformer(epsg, own).transform(ground.x_m, ground.y_m)
        cols, rows = (np.floor(places).astype(np.int64) for places in ~raster.transform @ (x, y))
        inside = (rows >= 0) & (rows < raster.height) & (cols >= 0) & (cols < raster.width)
        order = np.flatnonzero(inside)[np.argsort(rows[inside], kind="stable")]
        for start in range(0, raster.height, STRIP_ROWS):
            first, last = np.searchsorted(rows[order], (start, start + STRIP_ROWS))
            if first == last:
                continue
            chosen = order[first:last]
            west, east = int(cols[chosen].min()), int(cols[chosen].max()) + 1
            window = Window(west, start, east - west, min(STRIP_ROWS, raster.height - start))
            strip = raster.read((1, 2), window=window)
            change[chosen], coherence[chosen] = strip[:, rows[chosen] - start, cols[chosen] - west]
    return change, _decorrelation_mm(pair, coherence)


def _decorrelation_mm(pair: Interferogram, coherence: Float32) -> Float32:
    """Return the standard deviation of motion from coherence, (points,), mm: the bound of Rodriguez and Martin 1992."""
    looks = max(1.0, (pair.posting_m or 0.0) ** 2 / RESOLUTION_CELL_M2)
    known = np.clip(np.nan_to_num(coherence, nan=USUAL_COHERENCE), MIN_COHERENCE, 0.999)
    radians = np.sqrt((1 - known**2) / (2 * looks)) / known
    return np.asarray(radians * pair.wavelength_m * 1000 / (4 * np.pi), dtype=np.float32)


def _difference(series: LivingSeries, newer: Product) -> dict[str, float] | None:
    """Compare provisional values with the release that covers their days; None where the two have nothing in common.

    Both are aligned on the last dates of the older release, point by point. within_mm: 68 in 100 differ by no more.
    """
    older, days = series.product, [row.day for row in series.dates.all() if row.day <= newer.dates[-1]]
    if not days or older.points_deleted_at or newer.points_deleted_at or not newer.has_series:
        return None
    pids, before, after = _same_points(older, newer)
    provisional = provisional_values(series=series, pids=pids)
    if provisional is None or not pids:
        return None
    common = older.dates[-COMMON_DATES:]
    released = interpolate_dates(after, newer.dates, [*common, *days])
    offset = np.nanmean(released[:, : len(common)] - before[:, -len(common) :], axis=1)
    values = provisional.values_mm[:, : len(days)]
    difference = values - (released[:, len(common) :] - offset[:, None])
    known = difference[np.isfinite(difference)]
    if not known.size:
        return None
    within = float(np.percentile(np.abs(known), 68))
    return {"within_mm": round(within, 1), "mean_mm": round(float(known.mean()), 1), "n": int(known.size)}


def _same_points(older: Product, newer: Product) -> tuple[list[str], Float32, Float32]:
    """Return some points of a release that the next one has, too, within NEAR_M: ids, and both series."""
    share = sampling.condition(sampling.share_leaving(n_points=older.n_points, most=MAX_COMPARED))
    sql = f"""
        SELECT old.pid, before.packed, after.packed
        FROM (SELECT pid, position, tile_point FROM {POINTS} WHERE product_id = {older.pk:d} AND {share}) AS old
        JOIN {SERIES} AS before ON before.product_id = {older.pk:d} AND before.pid = old.pid
        CROSS JOIN LATERAL (
            SELECT pid, position FROM {POINTS} AS new WHERE product_id = {newer.pk:d}
            ORDER BY new.tile_point <-> old.tile_point LIMIT 1
        ) AS nearest
        JOIN {SERIES} AS after ON after.product_id = {newer.pk:d} AND after.pid = nearest.pid
        WHERE ST_DistanceSphere(old.position, nearest.position) <= {NEAR_M}"""  # noqa: S608
    rows = rows_of(sql)
    before, after = (
        unpack_against_datum([bytes(row[column]) for row in rows], product)
        for column, product in ((1, older), (2, newer))
    )
    return [row[0] for row in rows], before, after
