"""A made glacier, offsets in which it moves, and an event: for tests and for looking."""

from datetime import UTC, datetime, timedelta

import numpy as np
from django.contrib.gis.geos import MultiPolygon, Point, Polygon

from detection.alerts import glaciers as glacier_services
from detection.glaciers import selectors as glacier_selectors
from detection.models import Alert, GlacierMotion
from ingest.models import ContextLayer, Glacier, Scene, ScenePair
from ml.models import GroundEvent
from ml.runs.events import event_report
from tests.makers import pairs as made_pairs
from tests.makers.watching import search_all

FIRST = datetime(2020, 1, 1, 6, 30, tzinfo=UTC)
STEP = timedelta(days=made_pairs.DAYS)


def make_glacier(width_deg: float = 0.02, **values) -> Glacier:
    """A square of ice in the middle of the made rasters: about 1.5 by 2.2 km."""
    layer, _ = ContextLayer.objects.get_or_create(
        kind="glaciers", name="made", file_name="made.geojson", file_sha256="0" * 64, simulated=True
    )
    x, y, half = made_pairs.LONGITUDE, made_pairs.LATITUDE, width_deg / 2
    square = Polygon.from_bbox((x - half, y - half, x + half, y + half))
    named = {"glacier_id": values.get("glacier_id", "MADE-1"), "name": "Made Glacier"}
    place = {"position": square.centroid, "outline": MultiPolygon(square, srid=4326)}
    return Glacier.objects.create(layer=layer, surge_in_file="unknown", surge="unknown", **named, **place)


def make_offsets(speeds_m_day: list[float], noise_px: float = 0.05, seed: int = 3) -> None:
    """Pairs twelve days apart in which the middle of the raster moves to the north-east, each searched."""
    rng = np.random.default_rng(seed)
    row, col = np.mgrid[0 : made_pairs.ROWS, 0 : made_pairs.COLS]
    ice = (np.abs(row - made_pairs.ROWS / 2) < 33) & (np.abs(col - made_pairs.COLS / 2) < 24)
    scenes = [made_pairs.make_scene(FIRST + i * STEP) for i in range(len(speeds_m_day) + 1)]
    for i, speed in enumerate(speeds_m_day):
        along = speed * made_pairs.DAYS / made_pairs.POSTING_M / np.sqrt(2)
        noise = noise_px * rng.normal(size=(2, *ice.shape))
        right = np.where(ice, along, 0.0) + 0.4 + noise[0]  # an overall shift of 0.4 px
        bands = made_pairs.offsets_of(right, np.where(ice, -along, 0.0) + noise[1], noise_px)
        pair = made_pairs.make_pair(scenes[i], scenes[i + 1])
        made = made_pairs.make_prediction(pair, "offsets", bands)
        made.statistics = {f"median_{name}": float(np.median(bands[name])) for name in ("dx_px", "dy_px")}
        made.save(update_fields=["statistics"])


def follow() -> GlacierMotion:
    search_all()
    for prediction in glacier_selectors.predictions_unmeasured():
        glacier_services.glaciers_measure(prediction=prediction)
    for motion in glacier_selectors.glaciers_stale():
        glacier_services.glacier_follow(motion=motion)
    return GlacierMotion.objects.get()


def make_motion(speeds_m_day: tuple[float, ...] = (0.5, 0.6)) -> GlacierMotion:
    """A followed glacier with a pair for each speed, without a raster behind it that is read again."""
    glacier = make_glacier()
    days = [(FIRST + i * STEP).date().isoformat() for i in range(len(speeds_m_day) + 1)]
    n = len(speeds_m_day)
    view = {"name": "track 901 ascending", "start": days[:-1], "end": days[1:], "speed_m_day": list(speeds_m_day)}
    view |= {"sigma_m_day": [0.05] * n, "usual_m_day": [None] * n, "surges": []}
    newest = {"last_day": days[-1], "speed_m_day": speeds_m_day[-1], "sigma_m_day": 0.05, "usual_m_day": 0.55}
    return GlacierMotion.objects.create(glacier=glacier, stale=False, n_pairs=n, views=[view], **newest)


def make_event(day: datetime = FIRST, **values) -> GroundEvent:
    """An event of one day in the middle of the made rasters."""
    wish = {"kind": "landslide", "name": "Made slide", "radius_km": 2.0, "reported_by": "operator"}
    wish |= {"position": Point(made_pairs.LONGITUDE, made_pairs.LATITUDE, srid=4326)}
    return event_report(**wish | {"between": (day, day + timedelta(days=1))} | values)


def watch_moving_ground() -> Alert:
    """Ground that moves to the north-east between two images; the later one is brighter in the south."""
    make_offsets([2.0])
    pair = ScenePair.objects.select_related("reference", "secondary").get()
    later = made_pairs.full(0.1)
    later[made_pairs.ROWS // 2 :] *= 10**0.6
    for scene, power in ((pair.reference, made_pairs.full(0.1)), (pair.secondary, later)):
        made_pairs.fill_scene(scene, power)
    grid = list(made_pairs.raster_transform())[:6]
    Scene.objects.update(posting_m=made_pairs.CELL_M, rows=made_pairs.ROWS, cols=made_pairs.COLS, grid=grid)
    search_all()
    return Alert.objects.get()
