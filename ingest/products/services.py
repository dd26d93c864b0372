"""Services that load a velocity product in one transaction, whole or not at all."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Q
from django.utils import timezone

from ground_motion.core.errors import AlreadyLoaded, InputError, Undeclared
from ground_motion.core.files import files_sha256
from ground_motion.readers.formats.registry import TITLES, open_velocity_fields
from ground_motion.readers.records import PLAIN_SUBMISSION, Component, FieldHeader, Submission, VelocityField
from ground_motion.statistics.datum import Source
from ingest.foundation.geos import geos
from ingest.foundation.locks import content_key, delete_whole, hold_lock
from ingest.foundation.storage import delete_files
from ingest.models import MeasurementPoint, Product, ProductEvent, ReleaseChange
from ingest.products import functions
from ingest.products.datum import datum_settle
from ingest.products.loading import Expect, Progress, Totals, field_copy, fields_check
from ingest.products.releases import releases_settle

WAYS = {Component.UP: "vertical", Component.EAST: "east-west", Component.NORTH: "north-south"}
# Columns with the name and value of a field of the header.
PLACED = ("track", "burst", "polarisation", "tile", "posting_m", "grid_epsg")
STATED = (*PLACED, "source_format", "level", "release", "has_series", "simulated")
NAMED = ("component", "technique", "direction", "reference")
DECLARED = ("source_format", "track", "direction", "has_series")  # File names may state the others.
# Columns of points that declarations change, compared with those of a file that is given again.
COMPARED = ("velocity_mm_yr", "velocity_std_mm_yr", "height_m", "los_east", "los_north", "los_up")
MAX_COMPARED = 1000
Act = ProductEvent.Act


def product_load(
    *, path: Path, submission: Submission = PLAIN_SUBMISSION, progress: Progress = lambda points: None
) -> Product:
    """Load all components of a file and return the first product. Raises as `products_load` does."""
    return products_load(path=path, submission=submission, progress=progress)[0]


def fields_open(*, path: Path, submission: Submission) -> tuple[VelocityField, ...]:
    """Read the headers of a file or folder that is to be loaded. Raises InputError."""
    return open_velocity_fields(path, submission.source_format, replace(submission.declared, needs_period=True))


def _refuse_known(path: Path, loaded: list[Product], differs: bool, corrects: bool) -> None:
    """Raise InputError for a file that is loaded, with the next step; if it `corrects`, for one that is not."""
    if corrects and not loaded:
        raise InputError(path, "there is nothing to correct: this file is not loaded", "Leave out --correct")
    if corrects and not differs:
        raise AlreadyLoaded(path, f"product {loaded[0].pk} has just these declarations", "Nothing to do")
    if loaded and not corrects:
        with_what = " with other declarations" if differs else ""
        problem = f"this very file is already loaded{with_what} as product {loaded[0].pk} ({loaded[0].name})"
        raise AlreadyLoaded(path, problem, "Correct it on its page or by --correct" if differs else "Nothing to do")


def products_load(
    *,
    path: Path,
    submission: Submission = PLAIN_SUBMISSION,
    fields: tuple[VelocityField, ...] = (),
    progress: Progress = lambda points: None,
    expect: Expect = lambda points: None,
    why: str | None = None,
) -> list[Product]:
    """Load a file or folder, each component as one product; return the products.

    Raises InputError (AlreadyLoaded for the same content) or DiskFull; then nothing has changed.

    Args:
        path: The file or folder.
        submission: What its submitter declares.
        fields: What `fields_open` returned, if it was called before.
        progress: Called with the number of points in each batch.
        expect: Called first with the approximate number of points.
        why: Why declarations of a loaded file are corrected; its products are withdrawn when the new ones are copied.
    """
    fields = fields or fields_open(path=path, submission=submission)
    if not all(field.header.dates for field in fields):
        raise Undeclared(path, ("period",))
    sha256 = files_sha256(fields[0].files or (path,))
    expect(sum(field.expected_points or 0 for field in fields))
    with hold_lock(content_key(sha256)), connection.cursor() as cursor:
        loaded = list(Product.objects.filter(file_sha256=sha256).order_by("pk"))
        by_component = {product.component: product for product in loaded}
        alike = by_component.keys() == {field.header.component.value for field in fields} and all(
            _holds(by_component[field.header.component.value], field, submission.still) for field in fields
        )
        _refuse_known(path, loaded, differs=not alike, corrects=why is not None)
        fields_check(path=path, fields=fields)
        publish = partial(field_publish, cursor, path=path, sha256=sha256, submission=submission, progress=progress)
        made = [publish(field=field, replaced=loaded) for field in fields]
        by_component = {product.component: product for product in made}
        for wrong in loaded:
            new, said = by_component.get(wrong.component, made[0]), (why or "").strip()
            product_event(product=wrong, act=Act.CORRECTED, by=submission.loaded_by, why=said, other=new)
        return made


def _holds(product: Product, field: VelocityField, still: str) -> bool:
    """Return whether a product has the header and first points that a file yields by the present declarations."""
    before = product.header.get("declared", {})
    if still and still != before.get("still"):
        return False
    for name in DECLARED:
        given = getattr(field.header, name)
        # A renamed file may no longer state what its published name did: nobody declared that, so nothing differs.
        if given != getattr(product, name) and (given not in (None, "") or name in before):
            return False
    if tuple(product.dates) != field.header.dates:
        return False
    if product.points_deleted_at:
        return True  # Deleted points cannot differ.
    batch = next(batch for batch in field.batches() if batch.pid.size)
    chosen = np.argsort(batch.pid)[:MAX_COMPARED]
    given = np.column_stack([getattr(batch, name)[chosen] for name in (*COMPARED, "longitude", "latitude")])
    given[:, COMPARED.index("velocity_mm_yr")] -= product.datum_mm_yr
    rows = MeasurementPoint.objects.filter(product=product, pid__in=[pid.decode() for pid in batch.pid[chosen]])
    stored = [(*values, at.x, at.y) for *values, at in rows.order_by("pid").values_list(*COMPARED, "position")]
    # A rate is rounded once more each time that the datum moves.
    return len(stored) == chosen.size and np.allclose(
        np.array(stored, np.float64), given, rtol=1e-6, atol=1e-5 if product.datum_moved_at else 1e-8, equal_nan=True
    )


def product_event(*, product: Product, act: Act, by: str, why: str = "", other: Product | None = None) -> None:
    """Record a step of a product's life; for use in the transaction of the step."""
    ProductEvent.objects.create(product=product, name=product.name, act=act, by=by, why=why[:500], other=other)


def product_seal(*, product: Product) -> None:
    """Withdraw a product and what was derived from it; for use in the transaction of the step."""
    if not functions.product_seal(product.pk):
        raise ValueError(f"product {product.pk} ({product.name}) is taken back already")
    product.refresh_from_db(fields=["withdrawn_at", "tile"])
    releases_settle(like=product)


def product_delete(*, product: Product, by: str = "", why: str = "") -> None:
    """Delete a product with its points, its series, and the rasters of changes to and from other releases."""
    changes = ReleaseChange.every.filter(Q(older=product) | Q(newer=product))
    with transaction.atomic():
        if not Product.every.filter(pk=product.pk).exists():
            return  # The product is gone: with its release, or by another process.
        product.refresh_from_db(fields=["tile"])
        for rest in Product.every.rests().filter(derived_from=product):
            product_delete(product=rest)
        delete_files([change.raster for change in changes])
        functions.product_drop(product.pk)
        product_event(product=product, act=Act.DELETED, by=by, why=why)
        delete_whole([product])
        releases_settle(like=product)
        # Tiles derived with this product, or not derived because of it, are examined again.
        beside = Product.objects.filter(footprint__intersects=product.footprint)
        beside.update(derived_at=None)
        beside.filter(datum_source=Source.OVERLAP).update(datum_at=None)


def rests_delete() -> None:
    """Delete the rests of releases that no place needs any more."""
    for rest in Product.objects.rests().exclude(superseded_by=None):
        product_delete(product=rest)


def product_points_delete(*, product: Product) -> None:
    """Delete points and series of a superseded release; its row is kept for the alerts detected in it."""
    with transaction.atomic():
        functions.product_drop(product.pk)
        Product.objects.filter(pk=product.pk).update(points_deleted_at=timezone.now())


def field_publish(
    cursor: CursorWrapper,
    *,
    path: Path,
    sha256: str,
    field: VelocityField,
    submission: Submission = PLAIN_SUBMISSION,
    progress: Progress = lambda points: None,
    replaced: Sequence[Product] = (),
) -> Product:
    """Copy a field, index it, and make it a product that supersedes its older releases. For use in a transaction.

    replaced: versions with wrong declarations. They are sealed after the copy, because the seal locks out other loads.
    """
    product_id, totals = field_copy(cursor, path=path, field=field, progress=progress)
    for wrong in replaced:
        if wrong.withdrawn_at is None:
            product_seal(product=wrong)
    same = [wrong for wrong in replaced if wrong.component == field.header.component.value]
    corrects = next(iter([*same, *replaced]), None)
    changes = {"changes": " ".join(field.changes)} if field.changes else {}
    header = replace(field.header, extras=field.header.extras | changes)
    product = product_create(product_id, path, sha256, header, totals, submission, corrects)
    product_event(product=product, act=Act.LOADED, by=submission.loaded_by)
    releases_settle(like=product)
    product.refresh_from_db(fields=["superseded_by", "tile", "newer_releases"])
    for older in [*Product.objects.filter(superseded_by=product), *([product] if product.superseded_by else [])]:
        product_event(product=older, act=Act.SUPERSEDED, by=submission.loaded_by, other=older.superseded_by)
    datum_settle(product=product)
    if submission.still and product.datum_source not in (Source.STATIONS, Source.DECLARED):
        raise InputError(
            path, "none of its points lies on the ground that is declared to stand still", "Name ground within it"
        )
    return product


def product_create(
    product_id: int,
    path: Path,
    sha256: str,
    header: FieldHeader,
    totals: Totals,
    submission: Submission,
    corrects: Product | None = None,
) -> Product:
    """Write the row of a loaded field. Ground that was declared to be still stays so if a version corrects another."""
    before = corrects.header.get("declared", {}) if corrects else {}
    kept = {"still": before["still"]} if "still" in before else {}
    return Product.objects.create(
        id=product_id,
        name=product_name(header, submission.called or f"{path.parent.name}/{path.stem}"),
        **{name: getattr(header, name) for name in STATED},
        **{name: getattr(header, name).value for name in NAMED},
        dates=list(header.dates),
        n_points=totals.points,
        n_refused=totals.reasons.total(),
        refused_reasons=dict(totals.reasons),
        refused_rows=[[row.pid, row.reason] for row in totals.listed],
        footprint=geos(totals.footprint.outline()),
        attribution=submission.attribution or header.attribution,
        licence=submission.licence or header.licence,
        header=header.extras | {"declared": kept | declared_words(submission)},
        file_name=path.name,
        file_sha256=sha256,
        loaded_by=submission.loaded_by,
        corrects=corrects,
    )


def declared_words(submission: Submission) -> dict[str, str]:
    """Return what was declared of a file, by fields of the upload form; `mapping` is the column list's text."""
    declared, period = submission.declared, submission.declared.period or ("", "")
    facts: dict[str, object] = {"unit": declared.unit, "positive": declared.positive, "track": declared.track}
    facts |= {"still": submission.still, "direction": declared.direction, "first_day": period[0], "last_day": period[1]}
    if declared.mapping:
        facts |= {"mapping": declared.mapping.read_text(encoding="utf-8")}
    if submission.source_format != "auto":
        facts |= {"source_format": submission.source_format}
    return {name: str(value) for name, value in facts.items() if value}


def product_name(header: FieldHeader, called: str) -> str:
    """Return a short name for a product. called: name of the file, used if there is neither a track nor a burst."""
    title = f"{TITLES[header.source_format]} {header.level}"
    parts = ["Simulated velocity field" if header.simulated else title]
    if header.track is None and not header.burst:  # Only the path distinguishes such a product.
        parts.append(called)
    if header.component is not Component.LOS:
        parts.append(WAYS[header.component])
    if header.track is not None:
        parts.append(f"track {header.track:03d} {header.direction}".strip())
    if header.burst:
        parts.append(f"{'burst' if header.component is Component.LOS else 'tile'} {header.burst}")
    return ", ".join(parts)[:120]
