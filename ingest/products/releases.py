"""Releases of a tile: a newer one supersedes the older, which is kept; the changes between the two are stored."""

import math
import tempfile
from pathlib import Path

from django.db import transaction
from django.db.models import F, Q, QuerySet

from ground_motion.core.errors import promised
from ground_motion.core.projections import transformer
from ground_motion.core.rasters import write_cog
from ground_motion.statistics.comparison import Released, Verdict, compare
from ingest.foundation.storage import delete_files, raster_put
from ingest.models import Product, ReleaseChange
from ingest.products.functions import releases_order
from ingest.products.selectors import product_points, usual_velocity_std
from ingest.products.settling import VERSIONS

BAND_UNITS = {
    "gone": "points",
    "new": "points",
    "velocity_change_mm_yr": "mm/yr",
    "sigma_mm_yr": "mm/yr",
    "verdict": "",
}


def releases_settle(*, like: Product) -> None:
    """Link each release of a product's tile, or version of its places, to the next one; the newest is current.

    Where a newer release has no ground, a rest of the older one answers. For use in a transaction.
    """
    releases_order(like.pk, like.source_format, like.tile, like.component, like.simulated)


def releases_unsettled() -> QuerySet[Product]:
    """Return products that were never settled, because an earlier version of this program loaded them."""
    return Product.objects.filter(newer_releases=None, derived_from=None).order_by("pk")


def releases_newer_than(release: Product) -> QuerySet[Product]:
    """Return the newer releases of a release's tile or places."""
    same = {name: getattr(release, name) for name in (*VERSIONS, "tile")}
    return Product.objects.filter(**same, newer_releases__lt=release.newer_releases or 0).exclude(tile="")


def release_changes_make() -> list[ReleaseChange]:
    """Compare superseded releases with their successors by cell, unless that was done at their present zeros."""
    moved = Q(older__datum_moved_at__gt=F("updated_at")) | Q(newer__datum_moved_at__gt=F("updated_at"))
    known = ReleaseChange.objects.filter(newer=F("older__superseded_by"), verdicts__isnull=False)
    compared = known.exclude(moved).values("older")
    with_points = Product.objects.filter(points_deleted_at=None, superseded_by__points_deleted_at=None)
    due = (
        with_points.filter(derived_from=None)
        .exclude(superseded_by=None)
        .exclude(pk__in=compared)
        .select_related("superseded_by")
    )
    return [release_change_make(older=older) for older in due.select_related("superseded_by")]


def release_change_make(*, older: Product) -> ReleaseChange:
    """Compare a superseded release with its successor; store the figures, and the cells as a raster."""
    newer = promised(older.superseded_by)
    epsg = newer.metric_epsg
    change = compare(_project(older, epsg), _project(newer, epsg))
    bands = {name: getattr(change, name) for name in BAND_UNITS}
    offset = None if math.isnan(change.common_offset_mm_yr) else change.common_offset_mm_yr
    tags = {"older_sha256": older.file_sha256, "newer_sha256": newer.file_sha256}
    tags["verdicts"] = ", ".join(f"{verdict:d} {verdict.name.lower()}" for verdict in Verdict)
    tags["common_offset_mm_yr"] = repr(offset)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"change_p{older.pk}_p{newer.pk}.tif"
        write_cog(path, bands, change.cells.transform, epsg, list(BAND_UNITS.values()), tags, overviews="nearest")
        with raster_put(path) as name, transaction.atomic():
            before = [change.raster for change in ReleaseChange.every.filter(older=older)]
            row, _ = ReleaseChange.every.update_or_create(
                older=older,
                defaults={
                    "newer": newer,
                    "n_gone": change.n_gone,
                    "n_new": change.n_new,
                    "n_kept": change.n_kept,
                    "common_offset_mm_yr": offset,
                    "verdicts": change.verdict_counts(),
                    "raster": name,
                    "raster_bytes": path.stat().st_size,
                },
            )
            delete_files(raster for raster in before if raster.name != name)
    return row


def _project(product: Product, epsg: int) -> Released:
    points = product_points(product=product)
    x, y = transformer(4326, epsg).transform(points.longitude, points.latitude)
    return Released(x, y, points.velocity_mm_yr, usual_velocity_std(product=product) or 0.0)
