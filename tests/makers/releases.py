"""A release before the one that a product holds, compared with it: verdicts on the ground of an area."""

import copy
import tempfile
from datetime import timedelta
from pathlib import Path

import numpy as np
from affine import Affine
from django.contrib.gis.geos import MultiPolygon
from django.core.files.base import ContentFile

from ground_motion.core.projections import transformer
from ground_motion.core.rasters import write_cog
from ingest.models import Product, ReleaseChange
from ingest.products.releases import BAND_UNITS

SIDE_M, MARGIN = 100.0, 8  # of a cell, EPSG:3857, and cells around the area


def release_before(newer: Product, area: MultiPolygon, verdict: int, change_mm_yr: float = 0.0) -> ReleaseChange:
    """Give a product a release of a year earlier, with one verdict on an area, unchanged around."""
    older = copy.copy(newer)
    older.pk, older.file_sha256, older.superseded_by, older.release = None, "e" * 64, newer, "2018_2022_1"
    older.newer_releases = 1
    older.dates = [day - timedelta(days=365) for day in newer.dates]
    older._state.adding = True
    older.save()
    west, south, east, north = area.extent
    (left, right), (low, high) = transformer(4326, 3857).transform([west, east], [south, north])
    shape = tuple(int(length / SIDE_M) + 2 * MARGIN for length in (high - low, right - left))
    values = {name: np.zeros(shape, dtype=np.float32) for name in BAND_UNITS}
    inside = (slice(MARGIN // 2, -MARGIN // 2),) * 2
    values["verdict"][inside] = verdict
    values["velocity_change_mm_yr"][inside], values["sigma_mm_yr"][:] = change_mm_yr, 0.6
    change = ReleaseChange(
        older=older, newer=newer, n_gone=0, n_new=0, n_kept=9, common_offset_mm_yr=0.3, verdicts={"faster": 9}
    )
    transform = Affine(SIDE_M, 0, left - MARGIN * SIDE_M, 0, -SIDE_M, high + MARGIN * SIDE_M)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "change.tif"
        write_cog(path, values, transform, 3857, list(BAND_UNITS.values()), {}, overviews="nearest")
        change.raster.save("change.tif", ContentFile(path.read_bytes()), save=False)
    change.save()
    return change
