"""Pairs of images in a scenario, which contain changed or moving ground, or a glacier."""

from datetime import UTC, date, datetime, time
from unittest.mock import patch

import numpy as np
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.utils import timezone
from shapely import from_wkb

from detection.alerts import glaciers, services
from detection.glaciers.cells import cells_of, pack
from detection.models import GlacierMotion, GlacierSample
from ground_motion.core.areas import box_of
from ground_motion.core.errors import promised
from ground_motion.methods.offsets.motion import GroundMotion
from ingest.foundation.geos import geos
from ingest.models import ContextLayer, Glacier, Scene, ScenePair
from lab.replay.found import in_pair
from lab.replay.scenario import Event, Measure, square
from ml.models import ModelVersion, Prediction, Run

POSTING_M, EPSG = 10.0, 32633
GLACIER_M = 2000.0
Task = ModelVersion.Task


def take_in(event: Event) -> None:
    """Store a pair of images and search it; for a glacier, measure and follow its speed."""
    task = Task.COHERENCE_CHANGE if event.measure is Measure.CHANGE else Task.OFFSETS
    method, version = event.method.split()
    row, _ = ModelVersion.objects.get_or_create(task=task, method=method, version=version)
    newest = ScenePair.objects.filter(reference__track=event.track)
    run, new = Run.objects.get_or_create(model_version=row, pair=newest.latest("pk") if event.again else _pair(event))
    if not new:
        return
    run.state, run.finished_at = Run.State.SUCCEEDED, timezone.now()
    run.save()
    prediction = Prediction.objects.create(run=run, statistics={"weather": 0.0})
    found = [] if event.measure is Measure.GLACIER else [in_pair(area, event) for area in event.areas]
    with (
        patch.object(services, "search", lambda *arguments: found),
        patch.object(services, "known_share", lambda **arguments: float(event.points > 0)),
    ):
        services.prediction_scan(prediction=prediction)
    if event.measure is Measure.GLACIER:
        _follow(event, prediction)


def _pair(event: Event) -> ScenePair:
    reference, secondary = (_scene(event, day) for day in event.data)
    grid = {name: promised(getattr(reference, name)) for name in ("footprint", "grid", "rows", "cols")}
    days = {"temporal_baseline_days": (event.data[1] - event.data[0]).days, "epsg": EPSG}
    return ScenePair.objects.get_or_create(reference=reference, secondary=secondary, defaults=days | grid)[0]


def _scene(event: Event, day: date) -> Scene:
    pixels = int(2000 * event.view.half_km / POSTING_M)
    scene, _ = Scene.objects.get_or_create(
        name=f"track {event.track} {event.polarisation}, {day}",
        defaults={
            "source_format": "replay",
            "platform": "S1A",
            "track": event.track,
            "direction": "ascending" if event.track % 2 else "descending",
            "mode": "IW",
            "burst": f"{event.track}-0001-IW1",
            "polarisation": event.polarisation,
            "backscatter": "gamma0",
            "acquired_at": datetime.combine(day, time(6), UTC),
            "epsg": EPSG,
            "posting_m": POSTING_M,
            "grid": [POSTING_M, 0, 0, 0, -POSTING_M, 0],
            "rows": pixels,
            "cols": pixels,
            "footprint": geos(box_of(square(event.view.x_km, event.view.y_km, 2000 * event.view.half_km))),
            "simulated": True,
            "file_name": "replay.tif",
            "file_sha256": f"{day:%Y%m%d}{event.track}{event.polarisation}".ljust(64, "0"),
        },
    )
    return scene


def _follow(event: Event, prediction: Prediction) -> None:
    """Store the speeds stated for bands of the glacier, all north-east, and follow it. nan: that band is unknown."""
    glacier = glacier_stated()
    cells = cells_of(from_wkb(bytes(promised(glacier.outline).wkb)))
    rows, _ = np.nonzero(cells.number >= 0)
    number = cells.number[cells.number >= 0]
    bands = np.minimum(len(event.areas) * rows // cells.number.shape[0], len(event.areas) - 1)
    along = np.empty(cells.n)
    along[number] = np.array([area.value for area in event.areas])[bands] / np.sqrt(2)
    sigma = event.areas[0].sigma
    rng = np.random.default_rng([event.data[1].toordinal(), event.track])
    east, north = along + sigma * rng.standard_normal((2, cells.n))
    sample = GroundMotion(east, north, np.where(np.isfinite(along), sigma, np.nan))
    GlacierSample.objects.create(glacier=glacier, prediction=prediction, packed=pack(sample))
    motion, _ = GlacierMotion.objects.update_or_create(glacier=glacier, defaults={"stale": True})
    glaciers.glacier_follow(motion=motion)


def glacier_stated() -> Glacier:
    """Return the glacier of the scenarios, after loading it if necessary."""
    layer, _ = ContextLayer.objects.get_or_create(
        kind="glaciers", name="replay", file_name="replay", file_sha256="0" * 64, simulated=True
    )
    outline = MultiPolygon(Polygon.from_bbox(square(0.0, 0.0, GLACIER_M)), srid=4326)
    ground = {"name": "Replay Glacier", "position": outline.centroid, "outline": outline}
    unknown = {"surge_in_file": "unknown", "surge": "unknown"}
    return Glacier.objects.get_or_create(layer=layer, glacier_id="REPLAY-1", defaults=ground | unknown)[0]
