"""The last searches of image pairs over a place, one of each track, and the smallest change that each would find."""

from datetime import datetime

import numpy as np
from django.contrib.gis.geos import GEOSGeometry, MultiPolygon
from django.db.models import Q

from detection.models import Alert, Scan
from detection.search.known import MIN_KNOWN, cells_in, known_share
from ground_motion.core.errors import promised
from ground_motion.statistics.robust import MAD_TO_SIGMA
from ingest.scenes.next_pass import SAME_PASS
from ml.models import ModelVersion, Run
from ml.runs.stored import opened_bands

Task = ModelVersion.Task
PAIR, TASK = "prediction__run__pair", "prediction__run__model_version__task"
TRACK, TAKEN_AT = f"{PAIR}__secondary__track", f"{PAIR}__secondary__acquired_at"


def searches_over(*, area: GEOSGeometry, after: datetime) -> list[Scan]:
    """Return each track's last search for each task over the middle of an area (EPSG:4326), of images after a time."""
    here = {f"{PAIR}__footprint__intersects": area.point_on_surface, f"{TAKEN_AT}__gt": after}
    scans = Scan.objects.filter(**here, **{f"{TASK}__in": (Task.OFFSETS, Task.COHERENCE_CHANGE)})
    last = scans.order_by(TRACK, TASK, f"-{TAKEN_AT}", f"{PAIR}__temporal_baseline_days", "-pk").distinct(TRACK, TASK)
    return list(last.select_related("prediction__run__model_version", f"{PAIR}__reference", f"{PAIR}__secondary"))


def least_found(*, scan: Scan, area: MultiPolygon) -> float | None:
    """Return the smallest change that a search finds in an area: m of motion, or m² of surface; None if unknown."""
    prediction, thresholds = scan.prediction, scan.thresholds
    if known_share(prediction=prediction, area=area) < MIN_KNOWN:
        return None
    with opened_bands(prediction) as raster:
        if prediction.run.model_version.task == Task.COHERENCE_CHANGE:
            return float(thresholds["fewest_cells"] * abs(raster.transform.a * raster.transform.e))
        scene = [raster.bands[name][:, :] for name in ("dx_px", "dy_px")]
    sigmas = cells_in(prediction=prediction, area=area, bands=["sigma_dx_px", "sigma_dy_px"])
    scatter = max(MAD_TO_SIGMA * float(np.nanmedian(np.abs(part - np.nanmedian(part)))) for part in scene)
    sigma_px = max(scatter, float(np.nanmedian(np.hypot(*sigmas))) / 2**0.5)
    posting_m = promised(prediction.run.its_pair.reference.posting_m)
    return float(max(thresholds["least_px"], thresholds["enter"] * sigma_px)) * posting_m


def is_news(*, alert: Alert, at: datetime) -> bool:
    """Return whether a search of the pass at a time detected an alert, or led to a report of new figures."""
    runs = Run.objects.filter(pair__secondary__acquired_at__range=(at - SAME_PASS, at + SAME_PASS)).values("pk")
    shown, reported = Q(detections__scan__prediction__run__in=runs), Q(transitions__update__run_number__in=runs)
    return Alert.objects.filter(shown | reported, pk=alert.pk).exists()
