"""Verdicts as training labels in GeoParquet: one row for each detection of each judged alert.

An alert that a person drew has one more row: the outline as it was drawn (found_by: person), without figures or a run.
No names, no notes. GeoParquet 1.1 (OGC): geometry as WKB, longitude and latitude (OGC:CRS84).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from shapely import MultiPolygon, from_wkb, get_parts

from detection.alerts.describe import data_span
from detection.models import AREA_FIGURES, Detection, Review
from detection.reviews.record import judgements
from detection.rules.lifecycle import Source
from detection.rules.verdicts import Verdict
from ground_motion.core.areas import bounds_of
from ground_motion.core.files import new_file
from ingest.models import Product

FIGURES = (*AREA_FIGURES, "score")
SCHEMA = pa.schema(
    [
        ("alert", pa.string()),
        ("verdict", pa.string()),
        ("reason_code", pa.string()),
        ("judged_on", pa.date32()),
        ("found_by", pa.string()),
        ("found_as", pa.string()),
        ("alert_kind", pa.string()),
        ("kind", pa.string()),
        ("extent", pa.string()),
        ("simulated", pa.bool_()),
        ("first_date", pa.date32()),
        ("last_date", pa.date32()),
        ("onset", pa.date32()),
        *((name, pa.float64()) for name in FIGURES),
        ("n_points", pa.int64()),
        ("class_shares", pa.string()),
        ("component", pa.string()),
        ("track", pa.int32()),
        ("direction", pa.string()),
        ("source_format", pa.string()),
        ("source", pa.string()),
        ("source_sha256", pa.list_(pa.string())),
        ("input_sha256", pa.string()),
        ("task", pa.string()),
        ("method", pa.string()),
        ("method_version", pa.string()),
        ("weights_sha256", pa.string()),
        ("code_version", pa.string()),
        ("thresholds", pa.string()),
        ("raster_sha256", pa.string()),
        ("geometry", pa.binary()),
    ]
)

if TYPE_CHECKING:
    from detection.reviews.record import JudgedReview


def labels_write(*, path: Path) -> int:
    """Write all labels atomically; return the number of rows."""
    rows = list(label_rows())
    polygons = get_parts(from_wkb([row["geometry"] for row in rows]))
    column: dict[str, Any] = {"encoding": "WKB", "geometry_types": ["MultiPolygon"]}
    if polygons.size:
        column["bbox"] = bounds_of(MultiPolygon(polygons.tolist()))
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    table = pa.Table.from_pylist(rows, SCHEMA.with_metadata({"geo": json.dumps(geo)}))
    with new_file(path) as file:
        pq.write_table(table, file, compression="zstd")
    return len(rows)


def label_rows() -> Iterator[dict[str, Any]]:
    """Yield the rows of SCHEMA, alert by alert."""
    run = "scan__prediction__run"
    for review in judgements(source=Source.PERSON):
        yield _review_columns(review) | _outline_label(review) | {"found_by": Source.PERSON.value}
    for review in [*judgements(), *judgements(source=Source.PERSON)]:
        detections = review.alert.detections.select_related(
            f"{run}__product", f"{run}__pair__reference", f"{run}__pair__secondary", f"{run}__model_version"
        )
        for detection in detections.order_by("id"):
            yield _review_columns(review) | _detection_columns(detection) | _run_columns(detection)


def _outline_label(review: Review) -> dict[str, Any]:
    """Return the label of a place that a person drew because the search had missed it."""
    alert = review.alert
    return {
        "kind": alert.kind,
        "extent": alert.extent,
        "first_date": alert.first_motion,
        "last_date": alert.last_motion,
        "area_m2": alert.area_m2,
        "class_shares": "{}",
        "geometry": bytes(alert.area.wkb),
    }


def _review_columns(review: JudgedReview) -> dict[str, Any]:
    return {
        "alert": review.alert.code,
        "verdict": Verdict.CONFIRM.value if review.verdict == Verdict.DRAWN else review.verdict,
        "reason_code": review.reason_code,
        "judged_on": review.created_at.date(),
        "found_by": Source.COMPUTER.value,
        "found_as": review.found_as,
        "alert_kind": review.alert.kind,
        "simulated": review.alert.simulated,
    }


def _detection_columns(detection: Detection) -> dict[str, Any]:
    first, last = data_span(detection)
    return {
        **{name: getattr(detection, name) for name in (*FIGURES, "kind", "extent", "onset", "n_points")},
        "first_date": first,
        "last_date": last,
        "class_shares": json.dumps(detection.class_shares),
        "geometry": bytes(detection.area.wkb),
    }


def _run_columns(detection: Detection) -> dict[str, Any]:
    """Return the label's columns on data and method. A pair has the track and direction of its reference image."""
    prediction = detection.scan.prediction
    run, version, source = prediction.run, prediction.run.model_version, prediction.run.input
    files = [source] if isinstance(source, Product) else [source.reference, source.secondary]
    return {
        "component": source.component if isinstance(source, Product) else "",
        "track": files[0].track,
        "direction": files[0].direction,
        "source_format": files[0].source_format,
        "source": ", ".join(file.name for file in files),
        "source_sha256": [file.file_sha256 for file in files],
        "input_sha256": run.input_sha256,
        "task": version.task,
        "method": version.method,
        "method_version": version.version,
        "weights_sha256": version.weights_sha256,
        "code_version": run.code_version,
        "thresholds": json.dumps(detection.scan.thresholds),
        "raster_sha256": prediction.raster_sha256,
    }
