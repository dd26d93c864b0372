"""Services that search and download images, queue jobs that load their files, and make room for new ones."""

import logging
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from shapely import Polygon

from ground_motion.core.http.faults import ArchiveAway, Hopeless, HostRefused, Later, NoRoom, SignInRefused, Stopped
from ground_motion.readers.records import Declaration, Direction, Submission
from ingest.foundation.disk import disk_full
from ingest.foundation.failures import Cause, cause_of, delay, reason_of
from ingest.foundation.geos import geos
from ingest.foundation.leases import NO_FAULT, Progress, heartbeat
from ingest.foundation.locks import Lock, hold_lock
from ingest.foundation.storage.inputs import input_delete, input_put, input_store, is_path
from ingest.jobs.services import job_queue
from ingest.models import IngestJob, Scene, SceneDownload
from ingest.sources import configured
from ingest.sources.client.download import Known, TransferCallbacks, Wanted, fetch
from ingest.sources.client.scene import CatalogueScene, Checksum
from ingest.sources.queue import LEASE, PUT_OFF_BY_ARCHIVE, downloads_due, folder_bytes, make_way

logger = logging.getLogger(__name__)

State = SceneDownload.State
SAME = ("url", "file_name", "size_bytes", "platform", "track", "acquired_at")  # Columns with a catalogue's values
PROLONG_SECONDS = 5.0
MAX_FOUND = 200  # One search returns at most this number of images per area and product.
CONNECT_SECONDS = 15.0
CAUSE_OF_ARCHIVE: dict[type[Later], Cause] = {ArchiveAway: Cause.ARCHIVE, SignInRefused: Cause.SIGN_IN}
ROOM_WAIT = timedelta(minutes=10)  # Room for a file is sought again after this time.
STALLED_AFTER, STALLED_BYTES = timedelta(minutes=10), 2**20  # a server that sends less in this time is abandoned


class Search(NamedTuple):
    """Result of a search. known: number of images that were known already; refused: (scene, reason) by allow-list."""

    new: list[CatalogueScene]
    known: int
    refused: list[tuple[str, str]]


def scenes_search(
    *, source: str, areas: Iterable[Polygon], days: float, limit: int | None = None, products: Sequence[str] = ()
) -> Search:
    """Search images of the last `days` in areas, until `limit` are new. products: see `configured.search`."""
    end = timezone.now()
    wanted: dict[str, Any] = {"source": source, "start": end - timedelta(days=days), "end": end, "most": MAX_FOUND}
    allowed = configured.allow_list()
    new: dict[str, CatalogueScene] = {}
    known, refused = set(), {}
    for area in areas:
        for scene in configured.search(**wanted, area=area, products=products):
            if scene.scene_id in new or scene.scene_id in known:
                continue
            wanted_before = SceneDownload.objects.filter(source=scene.source, scene_id=scene.scene_id).exists()
            if wanted_before or Scene.objects.ready().filter(file_name=scene.file_name).exists():
                known.add(scene.scene_id)
                continue
            try:
                allowed.check(scene.url)
            except HostRefused as fault:
                refused[scene.scene_id] = str(fault)
            else:
                new[scene.scene_id] = scene
    return Search(list(new.values())[:limit], len(known), list(refused.items()))


def scenes_want(*, scenes: Iterable[CatalogueScene]) -> list[SceneDownload]:
    """Create a download row for each image that has none; return the new rows."""
    new = []
    for scene in scenes:
        columns = {name: getattr(scene, name) for name in SAME} | {
            "checksum_algorithm": scene.checksum.algorithm if scene.checksum else "",
            "checksum": scene.checksum.hexadecimal if scene.checksum else "",
            "direction": scene.direction.value,
            "polarisation": scene.polarisation[:11],
            "footprint": scene.footprint and geos(scene.footprint),
        }
        key = {"source": scene.source, "scene_id": scene.scene_id[:255]}
        row, is_new = SceneDownload.objects.get_or_create(**key, defaults=columns)
        if is_new:
            new.append(row)
    return new


def download_claim(*, download_id: int) -> SceneDownload | None:
    """Claim a download for this worker; None if another worker has it, too many run, or a disk is full."""
    if disk_full():
        return None
    claimed = LEASE.claim_one_of(
        downloads_due().filter(pk=download_id),
        at_most=settings.ACQUIRE_AT_ONCE,
        lock=Lock.DOWNLOADS,
        started_at=timezone.now(),
        error="",
    )
    return SceneDownload.objects.get(pk=download_id) if claimed else None


def downloads_fetch(
    *, until: Callable[[], bool] = lambda: False, sleep: Callable[[float], None] = time.sleep
) -> list[SceneDownload]:
    """Fetch due downloads one after the other until `until` returns True; return the rows in their final state."""
    taken: list[SceneDownload] = []
    while not until():
        row = downloads_due().exclude(pk__in=[row.pk for row in taken]).first()
        claimed = download_claim(download_id=row.pk) if row else None
        if claimed is None:
            break
        taken.append(download_fetch(download=claimed, until=until, sleep=sleep))
    return taken


def download_fetch(
    *, download: SceneDownload, until: Callable[[], bool] = lambda: False, sleep: Callable[[float], None] = time.sleep
) -> SceneDownload:
    """Fetch the file of a claimed row and queue it for loading; record the outcome in the row and return it."""
    wanted = _transfer_request(download)
    known = Known(download.etag, download.modified, download.damaged)
    try:
        fetched = fetch(configured.download_session(), wanted, known, _transfer_callbacks(download, until, sleep))
    except (Hopeless, HostRefused) as fault:
        wanted.part.unlink(missing_ok=True)
        _settle(download, State.FAILED, fault)
    except NoRoom as fault:
        _settle(download, State.WANTED, fault, next_try_at=timezone.now() + ROOM_WAIT)
    except Later as fault:
        _put_off(download, fault)
    except Stopped as fault:
        _settle(download, State.WANTED, fault)
    except Exception as fault:
        logger.exception("download %s was not fetched", download.pk)
        LEASE.give_back(download, reason_of(fault), cause_of(fault))
    else:
        try:
            _hand_over(download, wanted.path, fetched.size_bytes)
        except OSError as fault:  # The object store is unavailable; the fetched bytes are kept.
            wanted.path.replace(wanted.part)
            LEASE.give_back(download, reason_of(fault), cause_of(fault))
    download.refresh_from_db()
    return download


def downloads_settle() -> int:
    """Record the outcome of ended jobs in the rows of their downloads; return the number of rows settled."""
    settled = 0
    ended = SceneDownload.objects.filter(state=State.FETCHED).exclude(job__state__in=IngestJob.UNSETTLED)
    for row in ended.select_related("job"):
        state = State.LOADED if row.job and row.job.state == IngestJob.State.LOADED else State.FAILED
        error = row.job.error if row.job else "Its job was deleted before it was loaded."
        changed = SceneDownload.objects.filter(pk=row.pk, state=State.FETCHED)
        settled += changed.update(state=state, error=error, finished_at=timezone.now())
    return settled


def room_make(*, needed_bytes: int, besides: Sequence[int] = ()) -> list[int]:
    """Delete processed files until `needed_bytes` and downloads not in `besides` fit; return keys. Raises NoRoom."""
    folder, store = Path(settings.ACQUIRE_FOLDER), input_store()
    folder.mkdir(parents=True, exist_ok=True)
    downloads_settle()
    with hold_lock(Lock.DOWNLOADS):
        coming = LEASE.alive().exclude(pk__in=besides)
        coming_bytes = sum(max(0, (row.size_bytes or 0) - row.bytes_done) for row in coming)
        stored = sum(entry.size_bytes for entry in store.entries("downloads/")) if store else 0
        over_quota = folder_bytes(folder) + stored + coming_bytes + needed_bytes - settings.ACQUIRE_QUOTA_BYTES
        over_disk = coming_bytes + needed_bytes + settings.ACQUIRE_SPARE_BYTES - shutil.disk_usage(folder).free
        judged = SceneDownload.objects.filter(
            state__in=[State.LOADED, State.FAILED], job__state__in=[IngestJob.State.LOADED, IngestJob.State.REJECTED]
        )
        going = make_way(must_free_bytes=max(0, over_quota, over_disk), processed=judged.exclude(stored_path=""))
        for row in going:
            _delete_file(row)
    return [row.pk for row in going]


def _delete_file(row: SceneDownload) -> None:
    """Delete the file of a processed row with its folder in ACQUIRE_FOLDER, or its object; update the rows."""
    path = Path(row.stored_path)
    input_delete(row.stored_path)
    if path.parent.parent == Path(settings.ACQUIRE_FOLDER):
        shutil.rmtree(path.parent, ignore_errors=True)
    now = timezone.now()
    values = {"state": State.DELETED} if row.state == State.LOADED else {}
    SceneDownload.objects.filter(pk=row.pk).update(stored_path="", finished_at=now, **values)
    IngestJob.objects.filter(pk=row.job_id or 0, stored_path=row.stored_path).update(stored_path="")
    logger.info("%s made way for a newer image", row.scene_id)


def _transfer_callbacks(
    download: SceneDownload, until: Callable[[], bool], sleep: Callable[[float], None]
) -> TransferCallbacks:
    prolonged_at, progress = 0.0, Progress(stalled_after=STALLED_AFTER, most=timedelta.max)

    def go_on(done: int, resumable: bool) -> bool:
        nonlocal prolonged_at
        if resumable and until():
            return False
        progress.report(done // STALLED_BYTES)
        if fault := progress.fault():  # The archive fails, not the file: retry without limit.
            raise Later(f"Fetching it was ended. {fault}")
        if prolonged_at and time.monotonic() - prolonged_at < PROLONG_SECONDS:
            return True
        prolonged_at = time.monotonic()
        return LEASE.prolong(download, bytes_done=done)

    def remember(known: Known) -> None:
        LEASE.held_row(download).update(etag=known.etag, modified=known.modified, damaged=known.damaged)

    def room(coming_bytes: int) -> None:
        room_make(needed_bytes=coming_bytes, besides=[download.pk])

    return TransferCallbacks(
        go_on=go_on,
        room=room,
        remember=remember,
        sleep=sleep,
        timeout_seconds=(CONNECT_SECONDS, settings.ACQUIRE_READ_SECONDS),
    )


def _transfer_request(download: SceneDownload) -> Wanted:
    checksum = Checksum(download.checksum_algorithm, download.checksum) if download.checksum else None
    path = Path(settings.ACQUIRE_FOLDER) / str(download.pk) / download.file_name
    return Wanted(download.url, path, download.size_bytes, checksum, configured.IF_DENIED.get(download.source, ""))


def _hand_over(download: SceneDownload, path: Path, size_bytes: int) -> None:
    """Mark a download as fetched and create its job, both or neither."""
    several = "+" in download.polarisation
    declared = Declaration(
        track=download.track,
        polarisation=None if several else download.polarisation or None,
        acquired_at=download.acquired_at,
        platform=download.platform or None,
        direction=Direction(download.direction) if download.direction else None,
    )
    with heartbeat(lambda: LEASE.prolong(download), lost=lambda: None):
        place = input_put(path, f"downloads/{download.pk}-{download.attempts}/{path.name}")
    with transaction.atomic():
        owned = LEASE.settle(
            download,
            State.FETCHED,
            bytes_done=size_bytes,
            stored_path=place,
            **NO_FAULT,
            error="",
            fetched_at=timezone.now(),
        )
        if owned:
            job = job_queue(
                source=IngestJob.Source.FETCHED,
                path=place,
                original_name=download.file_name,
                submission=Submission(declared=declared),
                size_bytes=size_bytes,
            )
            SceneDownload.objects.filter(pk=download.pk).update(job=job)
    if not owned:
        input_delete(place)
    elif not is_path(place):
        shutil.rmtree(path.parent, ignore_errors=True)


def _put_off(download: SceneDownload, fault: Later) -> None:
    """Requeue a download after a wait that grows; if the whole archive is away, its other downloads wait as long."""
    whole = next((cause for kind, cause in CAUSE_OF_ARCHIVE.items() if isinstance(fault, kind)), "")
    before = 0
    if _part_bytes(download) <= download.bytes_done:
        others = SceneDownload.objects.filter(PUT_OFF_BY_ARCHIVE, source=download.source)
        of_archive = others.aggregate(faults=Max("faults"))["faults"] if whole else 0
        before = max(download.faults, of_archive or 0)
    faults = 1 + before
    wait = max(delay(Cause(whole or Cause.ARCHIVE), faults), timedelta(seconds=fault.after_seconds or 0))
    _settle(download, State.WANTED, fault, next_try_at=timezone.now() + wait, faults=faults, cause=whole)


def _settle(download: SceneDownload, state: str, fault: Exception, **values: Any) -> None:
    """End the attempt with a state and its reason. values: columns that differ from those of a row without a fault."""
    kept = {"next_try_at": None, "faults": download.faults, "cause": "", "bytes_done": _part_bytes(download)}
    finished_at = timezone.now() if state == State.FAILED else None
    LEASE.settle(download, state, error=str(fault), finished_at=finished_at, **(kept | values))
    if state == State.FAILED:
        logger.warning("%s: %s", download.scene_id, fault)


def _part_bytes(download: SceneDownload) -> int:
    part = _transfer_request(download).part
    return part.stat().st_size if part.exists() else 0
