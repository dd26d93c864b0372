"""Loading of new interferograms that continue a release, for its living series (`ml.runs.living`).

A few pairs that begin on the last dates of a loaded release, or after it, and end after it, are no velocity field of
their own: their two or three dates show no rate. What they measure is appended to the series of that release. One pair
is never a velocity field, whether its release is loaded before or after it.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from django.db.models import Q, QuerySet

from ground_motion.core.errors import AlreadyLoaded, InputError
from ground_motion.core.files import files_sha256
from ground_motion.core.pixel_grids import footprint_of
from ground_motion.core.rasters import Part, RasterExtent, write_cog_parts
from ground_motion.readers.formats.registry import TITLES
from ground_motion.readers.records import Component, FieldHeader, Interferograms, Submission, Technique, VelocityField
from ingest.foundation.geos import geos
from ingest.foundation.locks import content_key, hold_lock
from ingest.foundation.storage import save_with_raster
from ingest.models import Interferogram, Product
from ingest.scenes.services import rasters_forget

REACH_DATES = 5  # Interferograms reach back at most this number of dates.
MAX_PAIRS = 10  # More pairs are a stack with a rate of its own.
BANDS = {"change_mm": "mm", "coherence": ""}


def releases_to_continue(*, place: Q, simulated: bool) -> QuerySet[Product]:
    """Return releases that answer somewhere with line-of-sight series. place: condition on track and ground."""
    with_series = Product.objects.answering().filter(
        has_series=True, component=Component.LOS, technique=Technique.INSAR, points_deleted_at=None
    )
    return with_series.filter(place, simulated=simulated)


def same_view(*, track: int | None, direction: str) -> Q:
    """Return the condition for rows of a track; without a number, for rows of a direction, which must be known."""
    if track is None:
        return Q(direction=direction) & ~Q(direction="")
    return Q(track=track) & (Q(direction=direction) | Q(direction="") if direction else Q())


def interferograms_continue(*, fields: Sequence[VelocityField]) -> bool:
    """Return whether a file is one pair, or a few that continue a loaded release, instead of a velocity field."""
    pairs = fields[0].interferograms
    if fields[0].is_pair:
        return True
    if len(fields) != 1 or pairs is None or len(pairs.days) > MAX_PAIRS:
        return False
    header, first = fields[0].header, min(earlier for earlier, _ in pairs.days)
    here = Q(footprint__intersects=geos(footprint_of(pairs.grid)))
    place = here & same_view(track=header.track, direction=header.direction.value)
    releases = releases_to_continue(place=place, simulated=header.simulated)
    return header.component is Component.LOS and any(
        first >= release.dates[-REACH_DATES:][0] and all(later > release.dates[-1] for _, later in pairs.days)
        for release in releases.only("dates")
    )


def interferograms_load(*, path: Path, field: VelocityField, submission: Submission) -> list[Interferogram]:
    """Load the pairs of a file, each with its raster. Raises InputError (AlreadyLoaded); then nothing has changed."""
    pairs, sha256 = field.interferograms, files_sha256(field.files or (path,))
    if pairs is None or field.header.component is not Component.LOS:
        problem = "one pair of vertical displacement shows no rate, and continues no series along the line of sight"
        raise InputError(path, problem, "Give all pairs of the stack in one folder")
    rows: list[Interferogram] = []
    try:
        with hold_lock(content_key(sha256)), tempfile.TemporaryDirectory() as folder:
            if known := Interferogram.objects.filter(file_sha256=sha256).first():
                raise AlreadyLoaded(path, f"this very file is already loaded as {known}", "Nothing to do")
            for number in range(len(pairs.days)):
                row = _row(field.header, pairs, number, submission)
                row.file_name, row.file_sha256 = path.name, sha256
                raster = Path(folder) / f"interferogram_{sha256[:12]}_{number}.tif"
                place = RasterExtent((pairs.grid.rows, pairs.grid.cols), pairs.grid.transform, pairs.grid.epsg)
                write_cog_parts(raster, place, _parts(pairs, number), BANDS, {"name": row.name, "sha256": sha256})
                save_with_raster(row, raster)
                rows.append(row)
    except BaseException:
        rasters_forget(rows)
        raise
    return rows


def _parts(pairs: Interferograms, number: int) -> Iterator[Part]:
    for part in pairs.parts(number):
        known = np.isfinite(part.change_mm)
        if known.any():
            coherence = np.where(known, part.coherence, np.float32(np.nan))
            yield (part.row, 0), {"change_mm": part.change_mm, "coherence": coherence}


def _row(header: FieldHeader, pairs: Interferograms, number: int, submission: Submission) -> Interferogram:
    earlier, later = pairs.days[number]
    title = "Simulated interferogram" if header.simulated else TITLES[header.source_format]
    where = f"track {header.track:03d} {header.direction}" if header.track else header.direction.value
    return Interferogram(
        name=f"{title}, {where}, {earlier} to {later}",
        source_format=header.source_format,
        track=header.track,
        direction=header.direction.value,
        burst=header.burst,
        polarisation=header.polarisation[:2],
        reference_day=earlier,
        secondary_day=later,
        wavelength_m=pairs.wavelength_m,
        posting_m=header.posting_m,
        footprint=geos(footprint_of(pairs.grid)),
        simulated=header.simulated,
        attribution=submission.attribution or header.attribution,
        licence=submission.licence or header.licence,
        header=header.extras,
        loaded_by=submission.loaded_by,
    )
