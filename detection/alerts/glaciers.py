"""Glaciers: measurement of velocities in each pair, their time series, and alerts of surges."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date
from typing import NamedTuple

import numpy as np
from django.db import transaction
from django.utils import timezone
from rasterio.features import geometry_mask
from shapely import from_wkb

from detection.alerts.describe import data_end, views_of_run
from detection.alerts.life import life_of
from detection.alerts.services import alert_end_where_over, carry_into_alert
from detection.glaciers import selectors
from detection.glaciers.cells import Cells, cells_of, pack, unpack
from detection.glaciers.surge import (
    MIN_STEPS,
    RULE,
    GlacierView,
    PairSample,
    as_json,
    bearing_of,
    day_number,
    day_of,
    mean_speed,
    view_of,
)
from detection.kinds import Kind
from detection.models import Alert, Detection, GlacierMotion, GlacierSample, GlacierScan, SurgeSeries
from detection.rules.lifecycle import ViewLife
from detection.search.areas import to_django
from ground_motion.core.areas import area_of, polygons_of
from ground_motion.core.errors import promised
from ground_motion.core.geometry import project_geometry
from ground_motion.methods.glaciers.surges import Surge
from ground_motion.methods.offsets.motion import (
    GroundMotion,
    Nodes,
    PixelScale,
    StableGround,
    against_stable,
    ground_motion,
    into_cells,
    stable_ground,
)
from ground_motion.rasters.areas import outline, to_geographic
from ingest.foundation.locks import Lock, hold_lock
from ingest.models import Glacier, ScenePair
from ml.models import Prediction, Run
from ml.runs.stored import StoredRaster, read_prediction

MIN_KM2 = 0.25  # A smaller glacier cannot surge by the rule.
Days = tuple[date, date]  # These are the days of a pair's two images.
NEWS_DAYS = 180  # A surge that ended longer before the last pair is history and no alert.


class Sampled(NamedTuple):
    """Glacier, its cells, and its GlacierSample rows from one track, oldest first."""

    glacier: Glacier
    cells: Cells
    rows: Sequence[GlacierSample]


def glaciers_measure(*, prediction: Prediction) -> GlacierScan:
    """Save the velocities of every glacier in a prediction of offsets; `glacier_follow` finds surges later."""
    pair, raster, now = prediction.run.its_pair, read_prediction(prediction), timezone.now()
    shown = selectors.glaciers_with_outlines()
    glaciers = list(shown.filter(outline__intersects=pair.footprint, layer__simulated=pair.simulated))
    ground, samples = measure_glaciers(raster, pair, glaciers)
    with transaction.atomic():
        scan, _ = GlacierScan.objects.update_or_create(
            prediction=prediction,
            defaults={
                "n_glaciers": len(glaciers),
                "measured_at": now,
                "stable_ground": ground.where if ground else "nothing",
                "stable_rmse_m_day": ground.rmse_m_day if ground else None,
            },
        )
        for glacier in glaciers:
            if glacier.pk in samples:
                packed = {"packed": pack(samples[glacier.pk])}
                GlacierSample.objects.update_or_create(glacier=glacier, prediction=prediction, defaults=packed)
                GlacierMotion.objects.update_or_create(glacier=glacier, defaults={"stale": True})
    return scan


def measure_glaciers(
    raster: StoredRaster, pair: ScenePair, glaciers: Sequence[Glacier]
) -> tuple[StableGround | None, dict[int, GroundMotion]]:
    """Return a pair's stable ground and the velocities of each glacier of MIN_KM2 or more, by primary key."""
    shapes = {glacier.pk: from_wkb(bytes(promised(glacier.outline).wkb)) for glacier in glaciers}
    nodes, scale = _nodes(raster), PixelScale(promised(pair.reference.posting_m), pair.temporal_baseline_days)
    motion, is_ice = ground_motion(nodes, raster.epsg, scale), np.zeros(raster.shape, dtype=bool)
    if shapes:
        on_map = [project_geometry(polygon, 4326, raster.epsg) for polygon in shapes.values()]
        is_ice = geometry_mask(on_map, raster.shape, raster.transform, invert=True, all_touched=True)
    ground = stable_ground(motion, ~is_ice.ravel())
    samples: dict[int, GroundMotion] = {}
    for number, shape in shapes.items():
        if ground is None or area_of(shape) < MIN_KM2 * 1e6:
            continue
        cells = cells_of(shape)
        cell = cells.numbers_of(raster.epsg, nodes.x_m, nodes.y_m)
        if (cell >= 0).any():
            samples[number] = into_cells(against_stable(motion, ground), cell, cells.n)
    return ground, samples


def _nodes(raster: StoredRaster) -> Nodes:
    rows, cols = raster.shape
    row, col = np.mgrid[0:rows, 0:cols]
    x_m, y_m = raster.transform @ (col.ravel() + 0.5, row.ravel() + 0.5)
    dx, dy, sigma_dx, sigma_dy = (
        raster.bands[name].ravel().astype(np.float64) for name in ("dx_px", "dy_px", "sigma_dx_px", "sigma_dy_px")
    )
    return Nodes(x_m, y_m, dx, dy, np.hypot(sigma_dx, sigma_dy) / np.sqrt(2))


def glacier_follow(*, motion: GlacierMotion) -> GlacierMotion:
    """Compute the motion of a glacier from all its samples and alert on a surge, in one transaction."""
    glacier = motion.glacier
    cells = cells_of(from_wkb(bytes(promised(glacier.outline).wkb)))
    with hold_lock(Lock.ALERTS):
        if not GlacierMotion.objects.filter(pk=motion.pk, stale=True).update(stale=False):
            return motion  # Another worker has done it.
        made, observations = [], []
        for name, rows in selectors.samples_by_view(glacier=glacier).items():
            sampled = Sampled(glacier, cells, rows)
            merged, chosen = _merge_samples(sampled)
            if merged:
                view = view_of(merged, cells.km2)
                made.append((name, view))
                for surge in view.surges:
                    _surge_carry(sampled, view, surge, chosen)
                observations += [(view, max(chosen.items())[1].prediction.run)]
        for alert in selectors.surges_living(glacier=glacier) if observations else ():
            _surge_end_where_over(alert, observations)
        _summarise(motion, made)
        motion.save()
    return motion


def _surge_end_where_over(alert: Alert, observations: Sequence[tuple[GlacierView, Run]]) -> None:
    """Finish a surge's alert if the surge has ended. observations: each track's series and its last pair's run."""
    begin, end, known = day_number(alert.first_motion), day_number(alert.last_motion), life_of(alert)
    for view, run in observations:
        (name,) = views_of_run(run)
        series = view.series
        if name not in known.views:
            continue
        moved_until, body = known.views[name].moved_until, np.ones(series.sigma_m_day.shape[1], dtype=bool)
        during = [surge for surge in view.surges if surge.onset.day <= end and series.end_day[surge.last] >= begin]
        if during:
            moved_until = day_of(max(series.end_day[surge.last] for surge in during))
            body = np.any([surge.cells for surge in during], axis=0)
        shown = np.isfinite(mean_speed(series, body)[0]) & (series.start_day >= day_number(moved_until))
        rest_until = day_of(series.end_day[shown].max()) if shown.any() else None
        known = known.replace_view(name, ViewLife(moved_until, int(shown.sum()), rest_until))
    newest = max((run for _, run in observations), key=lambda run: data_end(run.its_pair))
    alert_end_where_over(alert, known, newest)


def _merge_samples(sampled: Sampled) -> tuple[list[PairSample], dict[Days, GlacierSample]]:
    """Return one sample for each pair of days (bursts of a pass merged), and days -> the row with most known cells."""
    by_days: dict[Days, list[tuple[GlacierSample, GroundMotion]]] = {}
    n_cells = sampled.cells.n
    for row in sampled.rows:
        pair, known = row.prediction.run.its_pair, unpack(bytes(row.packed), n_cells)
        if known is not None:
            by_days.setdefault((pair.reference.day, pair.secondary.day), []).append((row, known))
    samples, chosen = [], {}
    for days, found in sorted(by_days.items()):
        stacked = GroundMotion(*(np.concatenate(part) for part in zip(*(motion for _, motion in found), strict=True)))
        cell = np.tile(np.arange(n_cells), len(found))
        samples.append(PairSample(*days, into_cells(stacked, cell, n_cells)))
        chosen[days] = max(found, key=lambda row_and_motion: int(np.isfinite(row_and_motion[1].east_m_day).sum()))[0]
    return samples, chosen


def _surge_carry(sampled: Sampled, view: GlacierView, surge: Surge, chosen: dict[Days, GlacierSample]) -> None:
    """Save a detection for each searched pair that shows a surge, under one alert; skip surges that ended long ago."""
    newest = view.series.end_day[-1]
    if surge.end is not None and newest - surge.end.day > NEWS_DAYS:
        return
    numbers = [row.prediction_id for row in sampled.rows]
    made_from = {"glacier": sampled.glacier, "predictions": numbers, "rule": asdict(RULE)}
    for detection in _detections(sampled.cells, view, surge, chosen):
        known = Detection.objects.filter(scan=detection.scan, kind=detection.kind)
        if not known.filter(area__intersects=detection.area).exists():
            carry_into_alert(detection)
            SurgeSeries.objects.create(detection=detection, **made_from)


def _detections(
    cells: Cells, view: GlacierView, surge: Surge, chosen: dict[Days, GlacierSample]
) -> Iterator[Detection]:
    """Yield one unsaved detection of a surge for each searched pair that shows it."""
    mask = np.isin(cells.number, np.flatnonzero(surge.cells))
    on_ice = outline(mask, cells.transform, cells.km2 * 4e6).intersection(cells.outline)
    geographic = to_geographic(polygons_of(on_ice), cells.epsg)
    speed, sigma = mean_speed(view.series, surge.cells)
    for step in range(surge.first, surge.last + 1):
        days = day_of(view.series.start_day[step]), day_of(view.series.end_day[step])
        sample = chosen.get(days)
        scan = getattr(sample.prediction, "scan", None) if sample else None
        if scan is None or np.isnan(speed[step]):
            continue
        rise = max(speed[step] - surge.usual_m_day, 0.0) / sigma[step]
        speeds = view.series.speed_m_day[step, surge.cells]
        yield Detection(
            scan=scan,
            kind=Kind.GLACIER_SURGE,
            area=to_django(geographic),
            area_m2=area_of(geographic),
            score=1.0 - 1.0 / max(1.0, rise * rise),
            n_points=int(np.isfinite(speeds).sum()),
            speed_m_day=float(speed[step]),
            peak_speed_m_day=float(np.nanpercentile(speeds, 95)),
            speed_sigma_m_day=float(sigma[step]),
            bearing_deg=bearing_of(view.series, step, surge.cells),
            usual_speed_m_day=surge.usual_m_day,
            onset=day_of(surge.onset.day),
            onset_sigma_days=surge.onset.sigma_days,
        )


def _summarise(motion: GlacierMotion, made: Sequence[tuple[str, GlacierView]]) -> None:
    """Fill the columns of a GlacierMotion; its speed is that of the track with the newest data."""
    motion.stale = False
    motion.views = [as_json(view, name) for name, view in made]
    known = [(name, view, np.flatnonzero(np.isfinite(view.speed_m_day))) for name, view in made]
    known = [entry for entry in known if entry[2].size]
    motion.n_pairs = sum(at.size for *_, at in known)
    if not known:
        motion.state = GlacierMotion.State.SHORT
        motion.speed_m_day = motion.sigma_m_day = motion.usual_m_day = motion.last_day = None
        return
    _, view, at = max(known, key=lambda entry: entry[1].series.end_day[entry[2][-1]])
    last = at[-1]
    motion.last_day = day_of(view.series.end_day[last])
    motion.speed_m_day, motion.sigma_m_day = float(view.speed_m_day[last]), float(view.sigma_m_day[last])
    motion.usual_m_day = float(np.median(view.speed_m_day[at]))
    surging = any(surge.end is None for _, each_view, _ in known for surge in each_view.surges)
    enough = max(at.size for *_, at in known) >= MIN_STEPS
    states = GlacierMotion.State
    motion.state = states.SURGING if surging else states.STEADY if enough else states.SHORT
