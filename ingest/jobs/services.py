"""Services that queue, claim and execute the jobs that load files. Each file is read in a confined process."""

import hashlib
import json
import logging
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from ground_motion.core.errors import one_line
from ground_motion.readers.records import PLAIN_SUBMISSION, Submission
from ingest.foundation.disk import database_disk, disk_full
from ingest.foundation.failures import Cause, cause_of, reason_of
from ingest.foundation.leases import NO_FAULT, Lease, Progress, heartbeat
from ingest.foundation.locks import Lock
from ingest.foundation.storage import raster_folder
from ingest.foundation.storage.handed import Handed, storage_handed
from ingest.foundation.storage.inputs import input_delete, input_exists, input_fetch, input_path, input_put, is_path
from ingest.jobs.confine import Ended, Limits, Outcome, run_confined
from ingest.jobs.given import JOBS, database_files, database_port, job_environment, reader_environment
from ingest.models import IngestJob, Product, Scene, StationFile

logger = logging.getLogger(__name__)

State = IngestJob.State
BEAT_SECONDS = 10.0
# Limits of the process that reads one file, so that no file exhausts the memory or the disk, or blocks a worker.
LIMITS = Limits(memory_bytes=4 * 2**30, cpu_seconds=2 * 3600, file_bytes=4 * 2**30, wall_seconds=2 * 3600)
MAX_INSPECTION_BYTES = 200_000
UPLOADS = "uploads"  # Keys of uploads in the object store begin with this.
# Columns and declared values share these names.
DECLARED_TEXTS = ("unit", "positive", "scale", "polarisation", "platform")
LEASE = Lease(model=IngestJob, duration=timedelta(seconds=90))


def job_queue(
    *,
    source: IngestJob.Source,
    path: Path | str,
    original_name: str,
    submission: Submission = PLAIN_SUBMISSION,
    size_bytes: int = 0,
    sha256: str = "",
    corrects: Product | None = None,
    why: str = "",
) -> IngestJob:
    """Create a waiting job for a file (path, or key in the object store), and announce the job after the commit.

    corrects: the product that was loaded from this file with wrong declarations; why: what everybody reads about it.
    """
    job = IngestJob.objects.create(
        source=source,
        stored_path=str(path),
        original_name=one_line(original_name)[:255],
        size_bytes=size_bytes,
        sha256=sha256,
        **_declared_facts(submission),
        attribution=submission.attribution,
        licence=submission.licence,
        given_by=submission.loaded_by,
        corrects=corrects,
        why=why,
    )
    transaction.on_commit(lambda: job_announce(job_id=job.pk))
    return job


def job_announce(*, job_id: int) -> None:
    """Announce a waiting job to the broker. If the broker is unavailable, the schedule announces the job later."""
    try:
        current_app.send_task("ingest.tasks.execute_job", [job_id], queue="ingest", retry=False)
    except BrokerError:
        logger.warning("the broker is away; the schedule announces job %s later", job_id)
    else:
        IngestJob.objects.filter(pk=job_id).update(queued_at=timezone.now())


def job_claim(*, job_id: int) -> IngestJob | None:
    """Claim a due job for this worker; None if it is loaded or taken already, too many jobs run, or a disk is full."""
    station_file = StationFile.objects.filter(file_sha256=OuterRef("sha256"))
    gone = Q(stored_path="") & Exists(station_file)
    loaded = Q(products__isnull=False) | Q(scenes__state=Scene.State.READY) | gone
    if LEASE.keep(IngestJob.objects.filter(loaded, pk=job_id), State.LOADED) or disk_full():
        return None
    claimed = LEASE.claim_one_of(
        IngestJob.objects.filter(LEASE.due(), pk=job_id),
        at_most=settings.INGEST_JOBS_AT_ONCE,
        lock=Lock.INGEST_JOBS,
        started_at=timezone.now(),
        error="",
        points_done=0,
        inspection={},
    )
    return IngestJob.objects.filter(pk=job_id).first() if claimed else None


def job_execute(*, job_id: int, limits: Limits = LIMITS, every_seconds: float = BEAT_SECONDS) -> IngestJob | None:
    """Claim a job and have its file read by a confined process, which writes the outcome into the row.

    Return None without work, or for a job deleted meanwhile. Without an outcome the job is rejected or requeued.
    """
    job = job_claim(job_id=job_id)
    if job is None:
        return None
    progress = Progress(stalled_after=timedelta(minutes=settings.INGEST_STALL_MINUTES), most=timedelta.max)

    def go_on(computed_seconds: float) -> bool:
        points = LEASE.held_row(job).values_list("points_done", flat=True).first()
        progress.report((points, round(computed_seconds)))
        if fault := progress.fault():
            LEASE.give_back(job, f"{job.original_name}: reading it was ended. {fault}", Cause.STALLED)
            return False
        return LEASE.prolong(job)

    try:
        with tempfile.TemporaryDirectory(prefix="job-") as folder, ExitStack() as stack:
            _fetch(job, Path(folder))
            rasters = raster_folder()
            if rasters is not None:
                rasters.mkdir(parents=True, exist_ok=True)
            handed = Handed({}, ()) if rasters else stack.enter_context(storage_handed(Path(folder)))
            outcome = run_confined(
                [f"{job.pk}", f"{job.attempts}", folder],
                environment=job_environment(folder) | {"DATABASE_DISK_PATH": database_disk()} | handed.environment,
                folder=settings.BASE_DIR,
                limits=limits,
                go_on=go_on,
                every_seconds=every_seconds,
                readable=[*_given_files(job), *database_files()],
                writable=[Path(folder), *([rasters] if rasters else [])],
                ports=[database_port()],
                descriptors=handed.descriptors,
                server=JOBS,
            )
            if asked := LEASE.held_row(job).exclude(inspection={}).first():
                _ask(asked, Path(folder), limits, go_on, every_seconds)
    except OSError as fault:
        logger.warning("the file of job %s could not be brought here: %s", job.pk, fault)
        LEASE.give_back(job, f"{job.original_name}: {reason_of(fault)}", cause_of(fault))
    else:
        _judge(job, outcome, limits)
    settled = IngestJob.objects.filter(pk=job.pk).first()
    if settled is not None:
        job_tidy(job=settled)
    return settled


def _ask(job: IngestJob, folder: Path, limits: Limits, go_on: Callable[[float], bool], every_seconds: float) -> None:
    """Refuse a file whose sender must declare something, with the findings of an inspection in a confined process."""
    out, path = folder / "inspection.json", input_path(job.stored_path, folder)
    period = f"{job.first_day}/{job.last_day}" if job.first_day else ""
    mapping = str(input_path(job.mapping_path, folder)) if job.mapping_path else ""
    declared = {"format": job.source_format, "unit": job.unit, "positive": job.positive, "track": job.track}
    declared |= {"period": period, "mapping": mapping}
    options = [f"--{name}={value}" for name, value in declared.items() if value]
    run_confined(
        [sys.executable, *settings.INSPECT_COMMAND, *options, "--out", str(out), "--", str(path)],
        environment=reader_environment(str(folder)),
        folder=settings.BASE_DIR,
        limits=limits,
        go_on=go_on,
        every_seconds=every_seconds,
        readable=_given_files(job),
        writable=[folder],
    )
    inspection = dict(job.inspection)
    try:
        if out.is_file() and out.stat().st_size <= MAX_INSPECTION_BYTES:
            inspection |= {"told": json.loads(out.read_bytes())[0]}
    except (ValueError, LookupError):
        logger.warning("the inspection of job %s cannot be read", job.pk)
    now = timezone.now()
    LEASE.settle(job, State.REJECTED, error=job.error, inspection=inspection, finished_at=now)


def _fetch(job: IngestJob, folder: Path) -> None:
    """Copy the file from the object store to this machine. Raises OSError."""
    elsewhere = [place for place in (job.stored_path, job.mapping_path) if place and not is_path(place)]
    if elsewhere:
        with heartbeat(lambda: LEASE.prolong(job), BEAT_SECONDS, lost=lambda: None):
            for place in elsewhere:
                input_fetch(place, folder)


def _given_files(job: IngestJob) -> list[Path]:
    """Return where a job's files lie on this machine; copies from the object store lie in the job's own folder."""
    places = {job.stored_path: Path(job.stored_path).parent, job.mapping_path: Path(job.mapping_path)}
    return [path for place, path in places.items() if is_path(place)]


def columns_put(*, job: IngestJob, text: str) -> Path:
    """Keep a list of columns (TOML) with a job's file; return its path. Raises OSError (DiskFull, StorageFailed)."""
    place = Path(job.stored_path).parent / f"columns-{hashlib.sha256(text.encode()).hexdigest()[:12]}.toml"
    if is_path(job.stored_path):
        place.write_text(text, encoding="utf-8")
    else:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / place.name).write_text(text, encoding="utf-8")
            input_put(Path(folder) / place.name, str(place))
    return place


def job_retry(*, job: IngestJob, submission: Submission) -> bool:
    """Queue a failed job again, or a refused one with changed declared values; return False where neither applies."""
    wanted = _declared_facts(submission)
    same = all(getattr(job, name) == value for name, value in wanted.items())
    if not may_retry(job) or (job.state == State.REJECTED and same):
        return False
    changed = IngestJob.objects.filter(pk=job.pk, state=job.state).update(
        state=State.QUEUED,
        **NO_FAULT,
        queued_at=None,
        lease_until=None,
        finished_at=None,
        error="",
        points_done=0,
        **wanted,
    )
    if changed:
        transaction.on_commit(lambda: job_announce(job_id=job.pk))
    return changed == 1


def may_retry(job: IngestJob) -> bool:
    """Return whether an upload's job failed, was refused or was cancelled, and its file still exists."""
    ended = job.state in (State.FAILED, State.REJECTED, State.CANCELLED)
    return ended and job.source == IngestJob.Source.UPLOAD and bool(job.stored_path) and input_exists(job.stored_path)


def jobs_requeue_expired() -> int:
    """Requeue jobs whose lease ran out because their worker died; return their number."""
    return LEASE.return_expired(error="The program that reads it ended before it was done.")


def jobs_retry(*, jobs: QuerySet[IngestJob]) -> int:
    """Requeue failed, cancelled and delayed jobs whose file exists; return the number. `job_retry`: refused jobs."""
    there = [job.pk for job in jobs.exclude(stored_path="") if input_exists(job.stored_path)]
    return LEASE.retry(jobs.filter(pk__in=there), **NO_FAULT, queued_at=None, finished_at=None, points_done=0)


def jobs_to_announce(*, queued_longer_than: timedelta) -> QuerySet[IngestJob]:
    """Return due jobs, oldest first, that were not announced to the broker within `queued_longer_than`."""
    waiting = IngestJob.objects.filter(LEASE.due()).order_by("id")
    return waiting.exclude(queued_at__gte=timezone.now() - queued_longer_than)


def job_withdraw(*, job: IngestJob, by: str) -> bool:
    """Delete a refused upload at its sender's wish; return False if it is none, or was tried again meanwhile."""
    refused = IngestJob.objects.filter(pk=job.pk, state=State.REJECTED, source=IngestJob.Source.UPLOAD)
    if not refused.update(
        state=State.CANCELLED, error=f"Withdrawn by {by}.", finished_at=timezone.now(), inspection={}
    ):
        return False
    _files_delete(IngestJob.objects.get(pk=job.pk))
    return True


def job_tidy(*, job: IngestJob) -> None:
    """Delete the files of an upload that are no longer needed: after loading, and some hours after a failure."""
    if job.source != IngestJob.Source.UPLOAD or not job.stored_path or job.state in IngestJob.UNSETTLED:
        return
    kept_until = (job.finished_at or timezone.now()) + timedelta(hours=settings.UPLOAD_KEEP_HOURS)
    if job.state == State.LOADED or timezone.now() >= kept_until:
        _files_delete(job)


def _files_delete(job: IngestJob) -> None:
    """Delete the files of an upload, unless its state has changed."""
    if IngestJob.objects.filter(pk=job.pk, state=job.state).update(stored_path="", mapping_path="") and job.stored_path:
        folder_delete(Path(job.stored_path).parent)
        input_delete(str(Path(job.stored_path).parent))


def uploads_tidy() -> None:
    """Delete files of uploads that are no longer needed: of settled jobs, and of transfers that never became a job."""
    for job in IngestJob.objects.filter(source=IngestJob.Source.UPLOAD).exclude(stored_path=""):
        job_tidy(job=job)
    root = Path(settings.UPLOAD_DIR)
    stored = IngestJob.objects.exclude(stored_path="").values_list("stored_path", flat=True)
    known = {Path(path).parent.name for path in stored}
    day_ago = timezone.now().timestamp() - 24 * 3600
    for folder in root.iterdir() if root.is_dir() else ():
        if folder.name not in known and folder.lstat().st_mtime < day_ago:
            folder_delete(folder)


def folder_delete(folder: Path) -> None:
    """Delete the folder of an upload; a folder that is not directly inside UPLOAD_DIR is left alone."""
    if folder.parent == Path(settings.UPLOAD_DIR):
        shutil.rmtree(folder, ignore_errors=True)


def job_reject(job: IngestJob, error: str) -> None:
    """Mark a job as refused; it is not tried again, because its file would be refused again."""
    LEASE.settle(job, State.REJECTED, error=one_line(error), finished_at=timezone.now())


def _judge(job: IngestJob, outcome: Outcome, limits: Limits) -> None:
    """Reject or requeue a job by how its process ended; leave it unchanged if its row has an outcome already."""
    name = job.original_name
    took = {
        Ended.TIME: f"took longer than the {limits.wall_seconds / 60:g} minutes that a file may take",
        Ended.CPU: f"needed more than the {limits.cpu_seconds / 60:g} minutes of computing that a file may take",
    }
    if outcome.ended in took:
        job_reject(job, f"{name}: reading it {took[outcome.ended]}. Cut it into pieces.")
    elif outcome.ended is Ended.CRASHED:
        crash = f"the file made the program that reads it crash ({signal.Signals(-outcome.code).name})"
        more = f"need more than {limits.memory_bytes / 2**30:g} GB of memory"
        job_reject(job, f"{name}: {crash}. It may be damaged, or {more}. Export it again.")
    elif outcome.code == -signal.SIGKILL and outcome.ended is not Ended.ABANDONED:
        LEASE.give_back(job, f"{name}: the program that reads it was killed; memory may have run out.", Cause.MEMORY)
    elif outcome.ended is not Ended.ABANDONED:
        LEASE.give_back(job, f"{name}: the program that reads it was stopped ({outcome.code}).", Cause.LOST)


def _declared_facts(submission: Submission) -> dict[str, object]:
    declared = submission.declared
    return {
        **{name: getattr(declared, name) or "" for name in DECLARED_TEXTS},
        "source_format": submission.source_format,
        "track": declared.track,
        "mapping_path": str(declared.mapping or ""),
        "acquired_at": declared.acquired_at,
        "direction": declared.direction or "",
        "still": submission.still,
        **dict(zip(("first_day", "last_day"), declared.period or (None, None), strict=True)),
    }


def jobs_lately(*, limit: int) -> QuerySet[IngestJob]:
    """Return the newest jobs with their products and scenes, the newest first."""
    return IngestJob.objects.prefetch_related("products", "scenes").order_by("-id")[:limit]
