"""Simulated image pairs and their results: small rasters with known values, for tests and for trying out."""

import hashlib
import tempfile
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
from affine import Affine
from django.core.files import File
from django.core.files.base import ContentFile
from django.utils import timezone
from pyproj import Transformer
from rasterio.warp import transform_bounds

from ground_motion.core.areas import box_of
from ground_motion.core.rasters import write_cog
from ingest.models import Scene, ScenePair
from ml.models import ModelVersion, Prediction, Run

EPSG, POSTING_M, CELL_M = 32629, 10.0, 40.0
LONGITUDE, LATITUDE = -12.0, 47.0  # where the simulated region lies
ROWS, COLS = 160, 200
DAYS = 12
# two pixels to the east and two up: 28.3 m in 12 days toward the north-east
MOVED_PX, SIGMA_PX = (2.0, -2.0), 0.1
SCATTERERS_ABOVE = 0.1  # by which the coherence of the scatterers lies above that of a window
COHERENCES = ("coherence", "coherence_sigma", "scatterers_coherence", "scatterers_coherence_sigma")
WRITTEN: dict[bytes, bytes] = {}  # hash of bands: content of their file
UNITS = dict.fromkeys((*COHERENCES, "change_sigma", "coherence_before", "coherence_after"), "1")


def corner() -> tuple[float, float]:
    """North-west corner of the made rasters, metres of EPSG:32629."""
    x, y = Transformer.from_crs(4326, EPSG, always_xy=True).transform(LONGITUDE, LATITUDE)
    return x - COLS * CELL_M / 2, y + ROWS * CELL_M / 2


def raster_transform(cell_m: float = CELL_M) -> Affine:
    return Affine(cell_m, 0, corner()[0], 0, -cell_m, corner()[1])


def make_scene(day: datetime, polarisation: str = "VV", burst: str = "901-0001-IW1") -> Scene:
    """A scene without a file of its own: pairs only need its place."""
    (x, y), factor = corner(), CELL_M / POSTING_M
    bounds = transform_bounds(EPSG, 4326, x, y - ROWS * CELL_M, x + COLS * CELL_M, y)
    seen = {"platform": "S1A", "track": 901, "direction": "ascending", "mode": "IW", "acquired_at": day}
    seen |= {"burst": burst, "polarisation": polarisation, "backscatter": "gamma0", "simulated": True}
    grid = {"epsg": EPSG, "posting_m": POSTING_M, "grid": [POSTING_M, 0, x, 0, -POSTING_M, y]}
    grid |= {"rows": int(ROWS * factor), "cols": int(COLS * factor), "footprint": box_of(bounds).wkb_hex}
    sha256 = f"{day:%Y%m%d}{polarisation}{burst}".ljust(64, "0")
    file = {"source_format": "made", "file_name": "made.tif", "file_sha256": sha256}
    name = f"simulated scene {day:%Y-%m-%d} {polarisation} {burst}"
    return Scene.objects.create(name=name, **seen, **grid, **file)


def write_power(path: Path, power: np.ndarray, cell_m: float = CELL_M) -> Path:
    """An image of linear power where the made rasters lie. cell_m: of its pixels."""
    write_cog(path, {"power": power.astype(np.float32)}, raster_transform(cell_m), EPSG, ["px"], {})
    return path


def fill_scene(scene: Scene, power: np.ndarray) -> Scene:
    """Give a scene its image, linear power."""
    with tempfile.TemporaryDirectory() as folder:
        return give_image(scene, write_power(Path(folder) / "power.tif", power))


def give_image(scene: Scene, image: Path) -> Scene:
    """Give a scene an image that `write_power` wrote."""
    with image.open("rb") as file:
        scene.raster.save(f"scene-{scene.pk}.tif", File(file), save=False)
    scene.save(update_fields=["raster"])
    return scene


def make_pair(reference: Scene, secondary: Scene) -> ScenePair:
    days = (secondary.acquired_at - reference.acquired_at).days
    place = {name: getattr(reference, name) for name in ("footprint", "epsg", "grid", "rows", "cols")}
    return ScenePair.objects.create(reference=reference, secondary=secondary, temporal_baseline_days=days, **place)


def make_prediction(pair: ScenePair, task: str, bands: dict[str, np.ndarray]) -> Prediction:
    """A finished run on a pair with these bands."""
    version, _ = ModelVersion.objects.get_or_create(task=task, method=f"made-{task}", version="1", weights_sha256="")
    run = Run.objects.create(
        model_version=version, pair=pair, state=Run.State.SUCCEEDED, finished_at=timezone.now(), device="cpu"
    )
    prediction = Prediction(run=run, raster_sha256=f"{run.pk:064d}", statistics={"made": True})
    keep(prediction.raster, bands, f"run-{run.pk}.tif")
    prediction.save()
    return prediction


def keep(field, bands: dict[str, np.ndarray], name: str) -> None:
    """Store bands in a field as a file; each process writes equal bands only once."""
    layout = [(band, values.dtype.str, values.shape) for band, values in bands.items()]
    key = hashlib.sha256(b"".join([repr(layout).encode(), *(values.tobytes() for values in bands.values())])).digest()
    if key not in WRITTEN:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "made.tif"
            write_cog(path, bands, raster_transform(), EPSG, [UNITS.get(band, "px") for band in bands], {})
            WRITTEN[key] = path.read_bytes()
    field.save(name, ContentFile(WRITTEN[key]), save=False)


def full(value: float) -> np.ndarray:
    return np.full((ROWS, COLS), value, dtype=np.float32)


def offsets_of(dx_px: np.ndarray, dy_px: np.ndarray, sigma_px: float) -> dict[str, np.ndarray]:
    """Bands of offsets, all equally sure."""
    sigmas = {"sigma_dx_px": full(sigma_px), "sigma_dy_px": full(sigma_px), "quality": full(0.9)}
    return {"dx_px": dx_px.astype(np.float32), "dy_px": dy_px.astype(np.float32)} | sigmas


def bump() -> np.ndarray:
    """0 at the edges to 1 in the middle, (rows, cols)."""
    row, col = np.mgrid[0:ROWS, 0:COLS]
    square = ((row - ROWS / 2) / (ROWS / 6)) ** 2 + ((col - COLS / 2) / (COLS / 6)) ** 2
    return np.exp(-square).astype(np.float32)


def make_confirmed(first: datetime = datetime(2021, 12, 1, 6, 30, tzinfo=UTC)) -> list[Prediction]:
    """Change in a pair of 12 days that confirms nothing, and in one of 24 days whose middle changed at half time."""
    scenes = [make_scene(first + timedelta(days=DAYS * i)) for i in range(3)]
    changed = bump() > 0.3
    onset = (scenes[1].acquired_at.date() - date(1970, 1, 1)).days
    made = []
    for secondary, share in ((scenes[1], 0.0), (scenes[2], float(changed.mean()))):
        bands = {"change_sigma": np.where(changed, -5.0, 0.0)}
        levels = {"confirmed_sigma": -5.0, "onset_day": onset, "confidence": 0.96}
        bands |= {name: np.where(changed & (share > 0), value, np.nan) for name, value in levels.items()}
        bands = {name: band.astype(np.float32) for name, band in bands.items()}
        made.append(make_prediction(make_pair(scenes[0], secondary), "coherence-change", bands))
        made[-1].statistics = {"known_share": 1.0, "confirmed_share": share}
        made[-1].save(update_fields=["statistics"])
    return made


def make_dates(first: datetime = datetime(2021, 12, 1, 6, 30, tzinfo=UTC), n: int = 3) -> list[Prediction]:
    """n scenes twelve days apart; every pair of neighbours with coherence, its change, and offsets of its middle."""
    scenes = [make_scene(first + timedelta(days=DAYS * i)) for i in range(n)]
    made, hill = [], bump()
    for i, (reference, secondary) in enumerate(pairwise(scenes)):
        pair = make_pair(reference, secondary)
        coherence = full(0.8) - 0.6 * hill * (i % 2)
        coherence[:, : COLS // 8] = np.nan  # nothing is known in the west
        still = hill < 0.3
        offsets = offsets_of(*(np.where(still, 0.05, moved) for moved in MOVED_PX), SIGMA_PX)
        change = {"change_sigma": -5 * hill * (i % 2), "coherence_before": full(0.8), "coherence_after": coherence}
        both = coherence, full(0.05), coherence + np.float32(SCATTERERS_ABOVE), full(0.08)
        by_task = {"coherence": dict(zip(COHERENCES, both, strict=True))}
        by_task |= {"coherence-change": change, "offsets": offsets}
        made += [make_prediction(pair, task, bands) for task, bands in by_task.items()]
    return made
