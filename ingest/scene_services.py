"""Loading radar images, and pairing those that show the same ground from the same track."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from django.contrib.gis.geos import GEOSGeometry
from django.db import IntegrityError, connection, transaction
from shapely import box, to_wkb, transform

from ingest.errors import AlreadyLoaded, InputError
from ingest.given import NOTHING_SAID, Given
from ingest.hashing import file_sha256
from ingest.models import Scene
from ingest.projections import transformer
from ingest.rasters import write_cog
from ingest.readers import TITLES, open_scenes
from ingest.readers.scenes import SceneFile, SceneHeader
from ingest.storage import save_with_raster

# Pairs lie on one grid: same track, burst, polarisation, mode and reference system, to the metre.
_PAIR = """
    INSERT INTO ingest_scenepair (reference_id, secondary_id, temporal_baseline_days)
    SELECT reference.id, secondary.id, days FROM ingest_scene reference
    JOIN ingest_scene secondary
        USING (source_format, track, burst, polarisation, mode, epsg, grid, rows, cols, simulated),
    LATERAL (SELECT round(extract(epoch FROM secondary.acquired_at - reference.acquired_at) / 86400)::int AS days) gap
    WHERE days = ANY(%s) ON CONFLICT DO NOTHING RETURNING id"""


def scene_load(*, path: Path, given: Given = NOTHING_SAID) -> Scene:
    """Load one image as one scene. Raises InputError (AlreadyLoaded for the same file); then nothing has changed."""
    scene = open_scenes(path, given.source_format, given.declared)[0]
    sha256 = file_sha256(path)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int(sha256[:15], 16)])
        _refuse_known(path, sha256, scene.header)
        try:
            return _create(path, sha256, scene, given)
        except IntegrityError as fault:  # another file of it, in the same moment
            raise InputError(path, "the same image is just being loaded from another file", "Keep one") from fault


def pairs_make(*, baselines_days: Sequence[int]) -> int:
    """Pair every two scenes of one grid that are so many days apart; returns how many pairs are new."""
    with connection.cursor() as cursor:
        cursor.execute(_PAIR, [list(baselines_days)])
        return len(cursor.fetchall())


def _refuse_known(path: Path, sha256: str, header: SceneHeader) -> None:
    loaded = Scene.objects.filter(file_sha256=sha256).first()
    if loaded:
        raise AlreadyLoaded(path, f"this very file is already loaded as scene {loaded.pk}", "Nothing to do")
    same = Scene.objects.filter(
        source_format=header.source_format,
        track=header.track,
        burst=header.burst,
        polarisation=header.polarisation,
        acquired_at=header.acquired_at,
    ).first()
    if same:
        found = f"the same image is already loaded from another file, {same.file_name} (scene {same.pk})"
        raise InputError(path, found, "Keep one of the two")


def _create(path: Path, sha256: str, scene: SceneFile, given: Given) -> Scene:
    header, power = scene.header, scene.power()
    row = Scene(
        name=_name(header),
        source_format=header.source_format,
        platform=header.platform,
        track=header.track,
        direction=header.direction.value,
        mode=header.mode,
        burst=header.burst,
        polarisation=header.polarisation,
        backscatter=header.backscatter,
        acquired_at=header.acquired_at,
        epsg=header.epsg,
        posting_m=header.posting_m,
        grid=list(header.transform)[:6],
        rows=header.rows,
        cols=header.cols,
        footprint=_footprint(header),
        simulated=header.simulated,
        attribution=given.attribution or header.attribution,
        licence=given.licence or header.licence,
        header=header.extras,
        file_name=path.name,
        file_sha256=sha256,
        loaded_by=given.loaded_by,
    )
    tags = {"file_name": path.name, "file_sha256": sha256, "backscatter": header.backscatter}
    with tempfile.TemporaryDirectory() as folder:
        cog = Path(folder) / f"scene_{path.stem}.tif"
        write_cog(cog, {header.polarisation: power}, header.transform, header.epsg, ["linear power"], tags)
        save_with_raster(row, cog)
    return row


def _footprint(header: SceneHeader) -> GEOSGeometry:
    west, north = header.transform @ (0, 0)
    east, south = header.transform @ (header.cols, header.rows)
    project = transformer(header.epsg, 4326).transform
    outline = box(west, south, east, north).segmentize((east - west) / 8)
    return GEOSGeometry(memoryview(to_wkb(transform(outline, project, interleaved=False))), srid=4326)


def _name(header: SceneHeader) -> str:
    title = "Simulated image" if header.simulated else TITLES[header.source_format]
    where = f"track {header.track:03d} {header.direction}, burst {header.burst}"
    return f"{title}, {where}, {header.polarisation}, {header.acquired_at:%Y-%m-%d}"
