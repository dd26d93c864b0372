"""Work of the confined process: load a file by its format and record the outcome in the job's row, both or neither."""

import errno
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from django.db import DataError, connections, transaction
from django.utils import timezone

from ground_motion.core.errors import AlreadyLoaded, InputError, one_line
from ground_motion.core.files import file_sha256
from ground_motion.readers.formats.registry import SCENE_READERS, STATION_READERS, recognise
from ground_motion.readers.records import PLAIN_SUBMISSION, Declaration, Direction, Submission
from ingest.foundation.failures import cause_of, first_line, reason_of
from ingest.foundation.leases import NO_FAULT, Overtaken
from ingest.foundation.storage.inputs import input_path
from ingest.jobs.services import DECLARED_TEXTS, LEASE, job_reject
from ingest.models import IngestJob, Interferogram, Product, Scene, StationFile
from ingest.products.loading import Expect, Progress
from ingest.products.services import fields_open, products_load
from ingest.scenes.interferograms import interferograms_continue, interferograms_load
from ingest.scenes.services import rasters_forget, scene_refuse, scenes_load
from ingest.stations.services import stations_load

logger = logging.getLogger(__name__)

WRITE_SECONDS = 1.0


class Loaded(NamedTuple):
    """The products, scenes, stations or interferograms that were loaded from a file or folder."""

    products: list[Product]
    scenes: list[Scene]
    stations: StationFile | None = None
    interferograms: Sequence[Interferogram] = ()

    def __str__(self) -> str:
        if self.interferograms:
            pairs = "; ".join(map(str, self.interferograms))
            return f"interferograms that continue a release; for velocities, give a stack in one folder: {pairs}"
        if self.stations:
            return f"series of stations: {self.stations.stations.count() + self.stations.gauges.count():,}"
        lines = [f"scene {scene.pk} ({scene.name}), {scene.rows} x {scene.cols} px" for scene in self.scenes]
        for product in self.products:
            refused = f", {product.n_refused:,} rows refused" if product.n_refused else ""
            dates = f"{product.n_dates} dates" if product.has_series else "no series"
            lines.append(f"product {product.pk} ({product.name}), {product.n_points:,} points, {dates}{refused}")
            lines += [product.header["changes"].rstrip(".")] if "changes" in product.header else []
        return "; ".join(lines)


def arrival_load(
    *,
    path: Path,
    submission: Submission = PLAIN_SUBMISSION,
    progress: Progress = lambda points: None,
    expect: Expect = lambda points: None,
    why: str | None = None,
) -> Loaded:
    """Load a file or folder by its format. Raises InputError (AlreadyLoaded); then nothing has changed.

    why: the reason for a correction of what was loaded from this file; None where it is new.
    """
    source_format = recognise(path, submission.declared)
    if source_format in STATION_READERS:
        return Loaded([], [], stations_load(path=path, submission=submission))
    if source_format in SCENE_READERS:
        return Loaded([], scenes_load(path=path, submission=submission))
    fields = fields_open(path=path, submission=submission)
    if why is None and interferograms_continue(fields=fields):
        return Loaded([], [], interferograms=interferograms_load(path=path, field=fields[0], submission=submission))
    products = products_load(path=path, submission=submission, fields=fields, progress=progress, expect=expect, why=why)
    return Loaded(products, [])


@contextmanager
def points_counter(job: IngestJob) -> Iterator[Progress]:
    """Yield a function that stores the number of points once a second on its own connection, before the commit."""
    n_points, written_at = 0, 0.0
    with closing(connections.create_connection("default")) as own:

        def count(points: int) -> None:
            nonlocal n_points, written_at
            n_points += points
            if time.monotonic() - written_at >= WRITE_SECONDS:
                written_at = time.monotonic()
                with own.cursor() as cursor:
                    cursor.execute(
                        "UPDATE ingest_ingestjob SET points_done = %s"
                        " WHERE id = %s AND attempts = %s AND state = 'running'",
                        [n_points, job.pk, job.attempts],
                    )

        yield count


def job_carry_out(*, job_id: int, attempt: int, folder: Path | None = None) -> None:
    """Load the file of a job if this attempt holds it; store the outcome. folder: of copies from the object store."""
    job = IngestJob.objects.filter(pk=job_id, attempts=attempt, state=IngestJob.State.RUNNING).first()
    if job is None:
        return
    if folder is not None:  # Paths are local from here on; the columns of the row keep the store's keys.
        job.stored_path = str(input_path(job.stored_path, folder))
        job.mapping_path = str(input_path(job.mapping_path, folder)) if job.mapping_path else ""
    name = job.original_name
    try:
        _load(job)
    except Overtaken:
        logger.warning("job %s was taken over by another worker; what this one read is left out", job.pk)
    except AlreadyLoaded as known:
        _already(job, known)
    except InputError as fault:
        sentence = refusal(job, fault)
        if fault.missing and job.source == IngestJob.Source.UPLOAD:
            LEASE.prolong(job, error=sentence, inspection={"missing": fault.missing})  # The worker asks the uploader.
            return
        job_reject(job, sentence)
        scene_refuse(path=Path(job.stored_path), fault=fault, submission=_submission(job), reason=sentence)
    except Exception as fault:
        if isinstance(fault, MemoryError):
            job_reject(job, f"{name}: reading it needs more memory than a file may take. Cut it into pieces.")
        elif isinstance(fault, DataError):
            unusable = f"it holds values that the database cannot keep ({first_line(fault)})"
            job_reject(job, f"{name}: {unusable}. Export it again.")
        elif isinstance(fault, OSError) and fault.errno == errno.EFBIG:
            job_reject(job, f"{name}: what is made of it is larger than a file may be. Cut it into pieces.")
        else:
            logger.exception("job %s was not loaded", job.pk)
            LEASE.give_back(job, f"{name}: {reason_of(fault)}", cause_of(fault))


def _load(job: IngestJob) -> None:
    loaded = Loaded([], [])
    try:
        with points_counter(job) as progress, transaction.atomic():
            loaded = arrival_load(
                path=Path(job.stored_path),
                submission=_submission(job),
                progress=progress,
                why=job.why if job.corrects_id else None,
            )
            said = f"Loaded: {loaded}." if loaded.stations or loaded.interferograms else ""
            _finish(job, loaded.products, loaded.scenes, one_line(said))
    except BaseException:  # The rows are rolled back, so the files of images are deleted.
        rasters_forget([*loaded.scenes, *loaded.interferograms])
        raise


def _submission(job: IngestJob) -> Submission:
    mapping = Path(job.mapping_path) if job.mapping_path else None
    period = (job.first_day, job.last_day) if job.first_day and job.last_day else None
    texts: dict[str, Any] = {name: getattr(job, name) or None for name in DECLARED_TEXTS}
    declared = Declaration(
        **texts,
        mapping=mapping,
        track=job.track,
        period=period,
        acquired_at=job.acquired_at,
        direction=Direction(job.direction) if job.direction else None,
    )
    return Submission(
        source_format=job.source_format,
        declared=declared,
        attribution=job.attribution,
        licence=job.licence,
        loaded_by=job.given_by,
        called=Path(job.original_name).stem,
        still=job.still,
    )


def _already(job: IngestJob, known: AlreadyLoaded) -> None:
    path = Path(job.stored_path)
    same = {"file_sha256": file_sha256(path)} if path.is_file() else {"pk": None}
    try:
        with transaction.atomic():
            products, scenes = list(Product.objects.filter(**same)), list(Scene.objects.filter(**same))
            _finish(job, products, scenes, one_line(f"{known.remedy}: {known.problem}."))
    except Overtaken:
        logger.warning("job %s was taken over by another worker", job.pk)


def _finish(job: IngestJob, products: list[Product], scenes: list[Scene], error: str) -> None:
    values: dict[str, Any] = {"points_done": sum(product.n_points for product in products)} if products else {}
    hashes = {row.file_sha256 for row in [*products, *scenes]}
    if len(hashes) == 1:
        values["sha256"] = hashes.pop()
    if not LEASE.settle(job, IngestJob.State.LOADED, error=error, **NO_FAULT, finished_at=timezone.now(), **values):
        raise Overtaken
    job.products.set(products)
    job.scenes.set(scenes)


def refusal(job: IngestJob, fault: InputError) -> str:
    """Return an InputError's text with the file's submitted name in place of its stored path."""
    folder = job.stored_path.rpartition("/")[0]
    sentence = f"{fault.problem}. {fault.remedy}.".replace(job.stored_path, job.original_name).replace(f"{folder}/", "")
    return one_line(f"{job.original_name}: {sentence}")
