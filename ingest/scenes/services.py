"""Services that load radar images. Each becomes a scene, or a row with the reason why it cannot be used."""

import logging
import tempfile
from collections.abc import Iterable
from pathlib import Path

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from ground_motion.core.errors import AlreadyLoaded, InputError, promised
from ground_motion.core.files import files_sha256
from ground_motion.core.pixel_grids import footprint_of
from ground_motion.core.rasters import write_cog_blocks
from ground_motion.readers.formats.registry import TITLES, open_scenes, scene_by_name
from ground_motion.readers.images.scenes import Placing, SceneFile, SceneHeader
from ground_motion.readers.records import PLAIN_SUBMISSION, Submission
from ingest.context.terrain import elevation_over
from ingest.foundation.geos import geos
from ingest.foundation.locks import content_key, hold_lock
from ingest.foundation.storage import delete_files, save_with_raster
from ingest.models import Interferogram, Scene

logger = logging.getLogger(__name__)

ELEVATION_POSTING_M = 30.0
ALIKE = 0.5  # An image passes on its heights to another one that shows this share of its ground.
# Columns with the name and value of a field of the header.
NAMED = ("source_format", "backscatter", "platform", "look_direction", "mode", "burst", "polarisation")
SAME = (*NAMED, "track", "absolute_orbit", "acquired_at", "epsg", "posting_m", "rows", "cols", "simulated", "looks")


def scenes_load(*, path: Path, submission: Submission = PLAIN_SUBMISSION) -> list[Scene]:
    """Load a file's images, one scene per polarisation. Raises InputError (AlreadyLoaded); then nothing has changed."""
    files = open_scenes(path, submission.source_format, submission.declared)
    sha256 = files_sha256(_files_of(path, files[0]))
    scenes: list[Scene] = []
    try:
        with hold_lock(content_key(sha256)), connection.cursor() as cursor:
            # Refused rows have no raster. The reader's role may delete no others, so that this is SQL.
            cursor.execute("DELETE FROM ingest_scene WHERE file_sha256 = %s AND state = 'refused'", [sha256])
            new = [file for file in files if not _is_loaded(path, sha256, file.header)]
            if not new:
                known = Scene.objects.filter(file_sha256=sha256).order_by("id").values_list("pk", flat=True)
                numbers = " and ".join(f"scene {number}" for number in known)
                raise AlreadyLoaded(path, f"this very file is already loaded as {numbers}", "Nothing to do")
            for file in new:
                with tempfile.TemporaryDirectory() as folder:
                    scenes.append(_create(path, sha256, _place(file, Path(folder)), submission, Path(folder)))
    except BaseException as fault:  # The rows are rolled back, so their files are deleted.
        rasters_forget(scenes)
        if isinstance(fault, IntegrityError):  # Another file of the same image is being loaded.
            raise InputError(path, "the same image is just being loaded from another file", "Keep one") from fault
        raise
    return scenes


def scene_refuse(
    *, path: Path, fault: InputError, submission: Submission = PLAIN_SUBMISSION, reason: str = ""
) -> Scene | None:
    """Store an unusable image by the facts in its name; None if it is no image. reason: text without the path."""
    known = scene_by_name(path, submission.declared)
    if known is None or isinstance(fault, AlreadyLoaded):
        return None
    source_format, named = known
    try:
        sha256 = files_sha256(_files_of(path, None))
    except OSError:
        logger.warning("%s cannot be read, so no row can name it", path.name)
        return None
    row, _ = Scene.objects.update_or_create(
        file_sha256=sha256,
        polarisation=submission.declared.polarisation or named.polarisation,
        state=Scene.State.REFUSED,
        defaults={
            "reason": reason or f"{fault.problem}. {fault.remedy}.",
            "name": f"{TITLES[source_format]}, {path.name}"[:120],
            "source_format": source_format,
            "platform": named.platform,
            "track": named.track,
            "direction": (named.direction or submission.declared.direction or ""),
            "mode": named.mode,
            "acquired_at": named.acquired_at,
            "file_name": path.name,
            "loaded_by": submission.loaded_by,
        },
    )
    return row


def scene_image_delete(*, scene: Scene, reason: str) -> bool:
    """Delete a scene's image and keep its row with the reason; return False if the scene was not usable any more."""
    with transaction.atomic():
        ready = Scene.objects.ready().filter(pk=scene.pk)
        if not ready.update(state=Scene.State.DELETED, raster="", reason=reason):
            return False
        delete_files([scene.raster])
        return True


def rasters_forget(rows: Iterable[Scene | Interferogram]) -> None:
    """Delete the rasters of rows that were rolled back."""
    for row in rows:
        row.raster.storage.delete(str(row.raster.name))


def _files_of(path: Path, file: SceneFile | None) -> list[Path]:
    if file is not None and file.files:
        return list(file.files)
    return [path] if path.is_file() else sorted(inside for inside in path.rglob("*") if inside.is_file())


def _is_loaded(path: Path, sha256: str, header: SceneHeader) -> bool:
    """Return whether the image is loaded from this same file. InputError if it is loaded from another file."""
    same = Scene.objects.ready().filter(polarisation=header.polarisation)
    if same.filter(file_sha256=sha256).exists():
        return True
    other = same.filter(
        source_format=header.source_format,
        track=header.track,
        burst=header.burst,
        acquired_at=header.acquired_at,
        **({} if header.burst else {"grid": list(header.transform)[:6]}),
    ).first()
    if other:
        problem = f"the same image is already loaded from another file, {other.file_name} (scene {other.pk})"
        raise InputError(path, problem, "Keep one of the two")
    return False


def _place(file: SceneFile, folder: Path) -> SceneFile:
    """Return an image on a map grid: its own, or projected as its track's other images are, using loaded elevation."""
    if file.projected is None:
        return file
    header, outline = file.header, geos(footprint_of(file.header.pixel_grid))
    others = Scene.objects.ready().filter(source_format=header.source_format, track=header.track)
    near = others.filter(posting_m=header.posting_m, footprint__intersects=outline).order_by("id")
    alike = next(
        (scene for scene in near if promised(scene.footprint).intersection(outline).area >= ALIKE * outline.area), None
    )
    neighbour, elevation = alike or near.first(), folder / "elevation.tif"
    epsg = promised(neighbour.epsg) if neighbour else header.epsg
    loaded = elevation_over(area=outline, epsg=epsg, posting_m=ELEVATION_POSTING_M, path=elevation)
    return file.projected(Placing(epsg, elevation if loaded else None, alike.ground if alike else ""))


def _create(path: Path, sha256: str, file: SceneFile, submission: Submission, folder: Path) -> Scene:
    header = file.header
    row = Scene(
        name=_name(header),
        **{name: getattr(header, name) for name in SAME},
        direction=header.direction.value,
        grid=list(header.transform)[:6],
        footprint=geos(footprint_of(header.pixel_grid)),
        attribution=submission.attribution or header.attribution,
        licence=submission.licence or header.licence,
        header=header.extras,
        ground=file.ground,
        file_name=path.name,
        file_sha256=sha256,
        loaded_by=submission.loaded_by,
    )
    cog = folder / f"scene_{path.stem[:80]}_{header.polarisation}.tif"
    band = (header.polarisation, "linear power")
    stated = {
        "file_name": path.name,
        "file_sha256": sha256,
        **{name: getattr(header, name) for name in NAMED},
        "track": str(header.track),
        "absolute_orbit": str(header.absolute_orbit or ""),
        "direction": header.direction.value,
        "acquired_at": header.acquired_at.isoformat(),
        "simulated": "yes" if header.simulated else "",
    }
    tags = {name: value for name, value in (header.extras | stated).items() if value}
    if not write_cog_blocks(cog, header.pixel_grid, file.blocks(), band, tags):
        raise InputError(path, f"no pixel of {header.polarisation} has a value", "Download it again")
    deleted = Scene.objects.filter(file_sha256=sha256, polarisation=row.polarisation, state=Scene.State.DELETED).first()
    if deleted:  # The row and pairs of a deleted image are used again.
        row.pk, row.loaded_at = deleted.pk, timezone.now()
    save_with_raster(row, cog)
    return row


def _name(header: SceneHeader) -> str:
    title = "Simulated image" if header.simulated else TITLES[header.source_format]
    piece = f"burst {header.burst}, " if header.burst else ""
    where = f"track {header.track:03d} {header.direction}, {piece}{header.polarisation}"
    return f"{title}, {where}, {header.acquired_at:%Y-%m-%d}"
