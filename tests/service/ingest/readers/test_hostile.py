"""Every hostile file is refused in a few seconds with one line; nothing else is read and no connection is made."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import rasterio
from django.db import connection

from ground_motion.core.errors import InputError
from ground_motion.readers.formats.registry import SCENE_READERS, open_scenes, open_velocity_fields, recognise
from ground_motion.readers.records import Declaration, Submission
from ingest.jobs import services as jobs
from ingest.jobs.given import HARDENED, job_environment
from ingest.models import IngestJob, Product, Scene
from ingest.products.services import product_delete
from tests.makers.hostile import CANARY, EGMS, RTC, VRT, Trap, plain_tiff
from tests.makers.hostile_tables import every
from tests.waiting import HANG_SECONDS

CORPUS = every()
MAX_SECONDS = 5.0
DECLARED = Declaration(unit="mm/yr", positive="up")
SUBMISSION = Submission(declared=DECLARED)
THROUGH_A_JOB = (
    "vrt to canary as .tif velo",
    "vrt to socket as .tif velo",
    "sparse 1,000 GB veloc",
    "10^9 points in 400 bytes veloc",
    "10^9 pixels in licsbas",
    "deflate bomb OPERA",
    "directory that is its own next veloc",
    "declares 4,000 GB .h5",
    "external link .h5",
    "external storage .h5",
    "virtual dataset .h5",
    "hard-link cycle .h5",
    "zip bomb",
    "zip with a link",
    "zip with an encrypted table",
    "zip with a size that lies small",
    "table with nul bytes csv",
    "table with bytes that are no text csv",
    "table with a pid of a megabyte csv",
    "xml with external entity",
    "xml with billion laughs",
    "a row of 1 GB without an end",
    "noise hdf5 .h5 2",
    "shapefile whose table has 4 billion rows",
    "zipped shapefile with a link",
    "tar with a file and a folder of one name",
    "tar with a name of 300 letters",
    "tar with a name of 100 MB",
    "tar.xz of 386 kB that unpacks to 2.5 GB",
    "sheet with a cell at its far end",
)


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """A socket that must not be reached."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.fixture
def trap(tmp_path, listener) -> Trap:
    canary = tmp_path / "elsewhere" / "canary"
    canary.parent.mkdir()
    canary.write_bytes(CANARY * 100)
    (tmp_path / "given").mkdir()
    return Trap(tmp_path / "given", canary, listener.getsockname()[1])


def reached(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@contextmanager
def watchdog() -> Iterator[None]:
    """Ends what hangs, as soon as it comes back to Python."""

    def bark(*_: object) -> None:
        raise TimeoutError("it took far too long")

    before = signal.signal(signal.SIGALRM, bark)
    signal.alarm(int(HANG_SECONDS))
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def read_all(path: Path) -> bytes:
    """Everything that a reader takes from a file."""
    if recognise(path) in SCENE_READERS:
        return open_scenes(path)[0].power().tobytes()
    return b"".join(
        b"".join(column.tobytes() for column in batch.columns().values())
        for field in open_velocity_fields(path, declared=DECLARED)
        for batch in field.batches()
    )


def test_the_corpus_is_large_and_every_trick_has_a_name_of_its_own():
    names = [hostile.name for hostile in CORPUS]
    assert len(names) >= 200
    assert len(set(names)) == len(names)
    assert set(THROUGH_A_JOB) <= set(names)
    assert {hostile.file for hostile in CORPUS} >= {f"{EGMS}.zip", f"{EGMS}.csv", "cum.h5", RTC}


@pytest.mark.parametrize("hostile", CORPUS, ids=lambda hostile: hostile.name)
def test_a_hostile_file_is_refused_quickly_with_one_line(hostile, trap, listener):
    path = hostile.make_in(trap)
    started, taken, message = time.process_time(), b"", ""  # of this process: what others do meanwhile is not its fault
    try:
        with watchdog():
            taken = read_all(path)
    except InputError as fault:
        message = str(fault)
    seconds = time.process_time() - started
    assert message or hostile.harmless, "it was read as if nothing were wrong"
    assert seconds <= 2 * MAX_SECONDS
    assert len(message.splitlines()) <= 1
    assert CANARY[:12] not in taken
    assert CANARY[:12].decode() not in message
    assert not reached(listener)


@pytest.mark.long
@pytest.mark.parametrize("name", THROUGH_A_JOB)
@pytest.mark.django_db(transaction=True)
def test_a_job_refuses_what_is_hostile_and_the_database_stays_as_it_was(name, trap, listener, capfd, monkeypatch):
    monkeypatch.setattr(jobs, "job_announce", lambda job_id: None)
    (hostile,) = (one for one in CORPUS if one.name == name)
    path = hostile.make_in(trap)
    job = jobs.job_queue(source="watch", path=path, original_name=path.name, submission=SUBMISSION)
    started = os.times()
    job = jobs.job_execute(job_id=job.pk)
    seconds = sum(os.times()[:4]) - sum(started[:4])  # of processor time, the child's included
    loaded = [*Product.objects.all()]
    for product in loaded:
        product_delete(product=product)
    assert (job.state, len(job.error.splitlines())) == (IngestJob.State.REJECTED, 1)
    assert seconds <= 2 * MAX_SECONDS
    assert (loaded, Scene.objects.ready().count()) == ([], 0)
    assert CANARY[:12] not in everything_stored()
    assert CANARY[:12].decode() not in "".join(capfd.readouterr())
    assert not reached(listener)


def everything_stored() -> bytes:
    """All rows of the stage's tables as text."""
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor) if name.startswith("ingest_")]
        parts = []
        for name in tables:
            cursor.execute(f'SELECT t::text FROM "{name}" t')
            parts += [row[0].encode() for row in cursor.fetchall()]
    return b"\n".join(parts)


def opened_by_anything(path: str, environment: dict[str, str], what: str = "raster.read().tobytes()") -> str:
    code = f"import rasterio, sys\nwith rasterio.open(sys.argv[1]) as raster: print({what})"
    ran = subprocess.run(
        [sys.executable, "-c", code, path], env=environment, capture_output=True, text=True, timeout=HANG_SECONDS
    )
    return ran.stdout


def test_the_environment_takes_the_drivers_away_that_read_other_files(trap):
    path = trap.folder / "a.vrt"
    path.write_text(VRT.format(source=trap.canary))
    sources = {"GDAL_VRT_RAWRASTERBAND_ALLOWED_SOURCE": "ALL"}
    trusting = {name: value for name, value in os.environ.items() if name not in HARDENED}
    assert "CANARY" in opened_by_anything(str(path), trusting | sources)
    assert opened_by_anything(str(path), job_environment(str(trap.folder)) | sources) == ""


@pytest.mark.parametrize("protocol", ["vsicurl", "vsicurl_streaming"])
def test_the_environment_keeps_gdal_from_asking_a_host(trap, listener, protocol):
    url = f"/{protocol}/http://127.0.0.1:{trap.port}/a.tif"
    trusting = {
        name: value for name, value in os.environ.items() if name not in HARDENED and "proxy" not in name.lower()
    }
    opened_by_anything(url, trusting | {"GDAL_HTTP_TIMEOUT": "1", "GDAL_HTTP_CONNECTTIMEOUT": "1"})
    assert reached(listener), "the trap itself does not work"
    while reached(listener):
        pass
    opened_by_anything(url, job_environment(str(trap.folder)))
    assert not reached(listener)


def test_the_environment_hides_what_lies_beside_a_file(trap):
    path = trap.folder / "a.tif"
    plain_tiff(path)
    beside = "<PAMDataset><Metadata><MDI key='X'>beside</MDI></Metadata></PAMDataset>"
    path.with_name("a.tif.aux.xml").write_text(beside)
    with rasterio.open(path) as raster:
        assert raster.tags().get("X") == "beside"
    tags = opened_by_anything(str(path), job_environment(str(trap.folder)), "raster.tags()")
    assert tags.startswith("{")
    assert "beside" not in tags
