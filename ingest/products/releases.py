"""Releases of a tile: a newer one supersedes the older, which is kept; the changes between the two are stored."""

import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy
from django.db import transaction
from django.db.models import F, QuerySet

from ingest.geometry import utm_epsg
from ingest.locks import lock, text_key
from ingest.models import Product, ReleaseChange
from ingest.products.decomposition import Cells, cells_around, count_by_cell, median_by_cell
from ingest.products.functions import releases_order
from ingest.products.selectors import product_points
from ingest.projections import transformer
from ingest.rasters import write_cog
from ingest.readers.records import Float32, Float64
from ingest.storage import delete_files, raster_put

POSTING_M = 100.0
MATCH_M = 20.0  # points of two releases within this distance show the same ground; about the resolution of Sentinel-1
MOST_CELLS = 10**7


class Released(NamedTuple):
    """Points of one release. x, y: (n,), metres; velocity: (n,), mm/yr."""

    x: Float64
    y: Float64
    velocity_mm_yr: Float32


class Change(NamedTuple):
    """Changes between releases: numbers of points; by cell, (rows, cols): points gone, new, change of median, mm/yr.

    median_change_mm_yr: median over all cells with points of both (NaN without any); it shows a shift of the reference.
    """

    n_gone: int
    n_new: int
    n_kept: int
    median_change_mm_yr: float
    cells: Cells
    gone: Float32
    new: Float32
    velocity_change_mm_yr: Float32


def compare(older: Released, newer: Released) -> Change:
    """Compare points by position and velocities by cell; the cells are enlarged to have at most MOST_CELLS."""
    x, y = np.concatenate([older.x, newer.x]), np.concatenate([older.y, newer.y])
    posting_m = POSTING_M
    while np.ptp(x) * np.ptp(y) / posting_m**2 > MOST_CELLS:
        posting_m *= 2
    cells = cells_around(x, y, posting_m)
    gone, new = ~_has_near(older, newer), ~_has_near(newer, older)
    before, after = cells.index(older.x, older.y), cells.index(newer.x, newer.y)
    change = median_by_cell(cells, after, newer.velocity_mm_yr) - median_by_cell(cells, before, older.velocity_mm_yr)
    known = change[np.isfinite(change)]
    return Change(
        n_gone=int(gone.sum()),
        n_new=int(new.sum()),
        n_kept=int((~new).sum()),
        median_change_mm_yr=float(np.median(known)) if known.size else float("nan"),
        cells=cells,
        gone=count_by_cell(cells, before[gone]),
        new=count_by_cell(cells, after[new]),
        velocity_change_mm_yr=change,
    )


def _has_near(points: Released, others: Released) -> np.ndarray:
    tree = scipy.spatial.cKDTree(np.column_stack([others.x, others.y]))
    distance, _ = tree.query(np.column_stack([points.x, points.y]), distance_upper_bound=MATCH_M)
    return np.isfinite(distance)


def releases_settle(*, like: Product) -> None:
    """Link each release of a product's tile to the next one; the newest is current. For use in a transaction."""
    if not like.tile:
        return
    lock(text_key(repr((like.source_format, like.tile, like.component, like.simulated))))
    releases_order(like.source_format, like.tile, like.component, like.simulated)


def release_changes_due() -> QuerySet[Product]:
    """Return superseded releases that have not been compared with their successor."""
    compared = ReleaseChange.objects.filter(newer=F("older__superseded_by")).values("older")
    with_points = Product.objects.filter(points_deleted_at=None, superseded_by__points_deleted_at=None)
    return with_points.exclude(superseded_by=None).exclude(pk__in=compared).select_related("superseded_by")


def releases_older_than(*, keep: int) -> Iterator[tuple[Product, list[Product]]]:
    """Yield superseded releases with more than `keep` successors, each with its successors."""
    products = Product.objects.defer("refused_rows", "header").in_bulk()
    for release in sorted(products.values(), key=lambda product: product.pk):
        later = []
        following = products.get(release.superseded_by_id)
        while following is not None:
            later.append(following)
            following = products.get(following.superseded_by_id)
        if len(later) > keep:
            yield release, later


def release_changes_make() -> list[ReleaseChange]:
    """Make every comparison that is due."""
    return [release_change_make(older=older) for older in release_changes_due()]


def release_change_make(*, older: Product) -> ReleaseChange:
    """Compare a superseded release with its successor; store the figures, and the cells as a raster."""
    newer = older.superseded_by
    longitude, latitude = newer.footprint.centroid.coords
    epsg = newer.grid_epsg or utm_epsg(longitude, latitude)
    change = compare(_projected(older, epsg), _projected(newer, epsg))
    bands = {"gone": change.gone, "new": change.new, "velocity_change_mm_yr": change.velocity_change_mm_yr}
    tags = {"older_sha256": older.file_sha256, "newer_sha256": newer.file_sha256}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"change_p{older.pk}_p{newer.pk}.tif"
        write_cog(path, bands, change.cells.transform, epsg, ["points", "points", "mm/yr"], tags)
        median = change.median_change_mm_yr
        with raster_put(path) as name, transaction.atomic():
            before = [change.raster for change in ReleaseChange.objects.filter(older=older)]
            row, _ = ReleaseChange.objects.update_or_create(
                older=older,
                defaults={
                    "newer": newer,
                    "n_gone": change.n_gone,
                    "n_new": change.n_new,
                    "n_kept": change.n_kept,
                    "median_change_mm_yr": None if math.isnan(median) else median,
                    "raster": name,
                },
            )
            delete_files(raster for raster in before if raster.name != name)
    return row


def _projected(product: Product, epsg: int) -> Released:
    points = product_points(product=product)
    x, y = transformer(4326, epsg).transform(points.longitude, points.latitude)
    return Released(x, y, points.velocity_mm_yr)
