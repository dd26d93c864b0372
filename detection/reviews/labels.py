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
from detection.figures import STORED
from detection.models import Detection
from detection.reviews.record import judgements
from detection.rules.lifecycle import Source
from detection.rules.verdicts import Verdict
from detection.selectors import WITH_RUN
from ground_motion.core.areas import bounds_of
from ground_motion.core.files import new_file
from ingest.models import Product

FIGURES = (*STORED, "score")
TEXT, DAY = pa.string(), pa.date32()
COLUMNS = {
    **dict.fromkeys(("alert", "verdict", "reason_code"), TEXT),
    "judged_on": DAY,
    **dict.fromkeys(("found_by", "found_as", "alert_kind", "kind", "extent"), TEXT),
    "simulated": pa.bool_(),
    **dict.fromkeys(("first_date", "last_date", "onset"), DAY),
    **dict.fromkeys(FIGURES, pa.float64()),
    "n_points": pa.int64(),
    **dict.fromkeys(("class_shares", "component"), TEXT),
    "track": pa.int32(),
    **dict.fromkeys(("direction", "source_format", "source"), TEXT),
    "source_sha256": pa.list_(TEXT),
    **dict.fromkeys(("input_sha256", "task", "method", "method_version", "weights_sha256", "code_version"), TEXT),
    **dict.fromkeys(("thresholds", "raster_sha256"), TEXT),
    "geometry": pa.binary(),
}

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
    table = pa.Table.from_pylist(rows, pa.schema(COLUMNS, {"geo": json.dumps(geo)}))
    with new_file(path) as file:
        pq.write_table(table, file, compression="zstd")
    return len(rows)


def label_rows() -> Iterator[dict[str, Any]]:
    """Yield rows of COLUMNS, alert by alert."""
    for review in judgements(source=Source.PERSON):
        alert = review.alert  # The search had missed it, so a person drew it.
        yield _review_columns(review) | {
            "found_by": Source.PERSON.value,
            "kind": alert.kind,
            "extent": alert.extent,
            "first_date": alert.first_motion,
            "last_date": alert.last_motion,
            "area_m2": alert.area_m2,
            "class_shares": "{}",
            "geometry": bytes(alert.area.wkb),
        }
    for review in [*judgements(), *judgements(source=Source.PERSON)]:
        for detection in review.alert.detections.select_related(*WITH_RUN).order_by("id"):
            yield _review_columns(review) | _detection_columns(detection)


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
    """Return the label's columns on figures, data and method. A pair has the track of its reference image."""
    prediction, (first, last) = detection.scan.prediction, data_span(detection)
    run, version, source = prediction.run, prediction.run.model_version, prediction.run.input
    files = [source] if isinstance(source, Product) else [source.reference, source.secondary]
    return {
        **{name: getattr(detection, name) for name in (*FIGURES, "kind", "extent", "onset", "n_points")},
        "first_date": first,
        "last_date": last,
        "class_shares": json.dumps(detection.class_shares),
        "geometry": bytes(detection.area.wkb),
        "component": source.component if isinstance(source, Product) else "",
        **{name: getattr(files[0], name) for name in ("track", "direction", "source_format")},
        "source": ", ".join(file.name for file in files),
        "source_sha256": [file.file_sha256 for file in files],
        "input_sha256": run.input_sha256,
        **{name: getattr(version, name) for name in ("task", "method", "weights_sha256")},
        "method_version": version.version,
        "code_version": run.code_version,
        "thresholds": json.dumps(detection.scan.thresholds),
        "raster_sha256": prediction.raster_sha256,
    }
