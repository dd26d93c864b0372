"""Detections in velocity fields."""

from django.utils import timezone

from detection.figures import STORED
from detection.models import Alert, Detection, Scan
from ingest.models import Product
from ml.models import ModelVersion, Prediction, Run
from tests.makers import pairs


def make_detection(product: Product, alert: Alert) -> Detection:
    """Find an alert's area in a product, and nothing else."""
    version, _ = ModelVersion.objects.get_or_create(task="deformation", method="made", version="1")
    run = Run.objects.create(model_version=version, product=product, state="succeeded", finished_at=timezone.now())
    prediction = Prediction(run=run, raster_sha256="0" * 64, statistics={})
    pairs.keep(prediction.raster, {"probability": pairs.full(0.5)}, f"deformation-{product.pk}.tif")
    prediction.save()
    values = {name: getattr(alert, name) for name in ("area", "kind", *STORED)}
    scan = Scan.objects.create(prediction=prediction, thresholds={})
    return Detection.objects.create(scan=scan, alert=alert, score=0.9, n_points=20, **values)
