"""Confined reading of uploaded files: environments of the processes, and reads that visitors wait for.

A process gets the variables listed here and no others, and its GDAL may open one file only. GDAL reads its options when
it starts, so they are set in the environment, not by `rasterio.Env`.
"""

import json
import os
import secrets
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qsl, urlsplit

from django.conf import settings

from ground_motion.core.errors import DiskFull, InputError
from ingest.foundation.storage import raster_folder
from ingest.jobs.confine import ForkServer, Limits, run_confined

HARDENED = {
    # These drivers of rasterio's build read other files or hosts that a file names.
    "GDAL_SKIP": "VRT,GTI,DERIVED,WMS,WMTS,WCS,HTTP,STACIT,STACTA,PLMOSAIC,DAAS,EEDA,EEDAI,Zarr,MBTiles,MRF",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no .ovr, .aux.xml or .tfw beside the file is read
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_GEOREF_SOURCES": "INTERNAL",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_CACHEMAX": "128",
    "GDAL_HTTP_TIMEOUT": "1",
    "GDAL_HTTP_MAX_RETRY": "0",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{none}",
    "CPL_VSIL_CURL_USE_HEAD": "NO",
    "PROJ_NETWORK": "OFF",
    "HDF5_PLUGIN_PATH": "/nonexistent",  # No filter plugin is loaded.
    "HDF5_VDS_PREFIX": "/nonexistent",
    "HDF5_EXT_PREFIX": "/nonexistent",
    "MALLOC_ARENA_MAX": "2",  # Each arena reserves address space, which is limited.
}
# A program is imported without threads; each would reserve address space, too. pyarrow's allocator has one of its own.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
KNOWN = (  # Every other name of this process's environment may hold a secret.
    *("LANG", "LC_ALL", "LC_CTYPE", "TZ"),
    *("LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "PATH", "PYTHONPATH"),
    *("PGHOST", "PGPORT", "PGSSLMODE", "PGSSLROOTCERT"),
    *("DATABASE_MOST_BYTES", "DATABASE_POOLER", "DISK_SPARE_BYTES", "LOG_LEVEL", "TEST_SETTINGS"),
)

LIMITS = Limits(
    memory_bytes=512 * 2**20,
    cpu_seconds=4,  # An answer takes at most five seconds with the start, if a core is free.
    file_bytes=64 * 2**20,
    wall_seconds=15.0,  # All cores may be busy.
    niceness=0,
)


def job_environment(folder: str) -> dict[str, str]:
    """Return the variables of the process that loads a job's file: no secret but the password of the role reader.

    folder: the job's own folder. There its settings look for the service's files with secrets, and find none.
    """
    # The database in use differs in tests.
    database = urlsplit(settings.DATABASE_READER_URL)._replace(path=f"/{settings.DATABASES['default']['NAME']}")
    rasters = raster_folder()
    own = {"DATABASE_URL": database.geturl()} | ({"RASTER_DIR": str(rasters.absolute())} if rasters else {})
    return _django_environment(folder) | own


def _django_environment(folder: str) -> dict[str, str]:
    """Return the variables with which Django starts and knows no database."""
    return reader_environment(folder) | {
        "DJANGO_SETTINGS_MODULE": "monitor.settings",
        "GROUND_MOTION_CONFINED": "yes",  # The settings read no .env.
        "GROUND_MOTION_VAR": folder,
        "DATABASE_URL": "postgis://nobody@nobody.invalid/none",
        "REDIS_URL": "redis://nobody.invalid:1/0",
        "SECRET_KEY": secrets.token_urlsafe(50),
    }


def reader_environment(folder: str) -> dict[str, str]:
    """Return the variables of a process that reads files and knows no database."""
    known = {name: os.environ[name] for name in KNOWN if name in os.environ}
    return known | HARDENED | ONE_THREAD | {"TMPDIR": folder}


NOWHERE = "/nonexistent"  # A server writes nothing; each process that it forks has a folder of its own.
GIVEN = ForkServer("ingest.given.__main__", lambda: reader_environment(NOWHERE))
JOBS = ForkServer("ingest.jobs.program", lambda: _django_environment(NOWHERE))


def database_port() -> int:
    """Return the TCP port at which the process that loads a file finds its database."""
    return urlsplit(settings.DATABASE_READER_URL).port or int(os.environ.get("PGPORT", "5432"))


def database_files() -> list[Path]:
    """Return files that a connection to the database may need: certificates."""
    options = [value for _, value in parse_qsl(urlsplit(settings.DATABASE_READER_URL).query)]
    named = [*options, os.environ.get("PGSSLROOTCERT", "")]
    return [Path(name) for name in named if name.startswith("/")] + [Path("~/.postgresql").expanduser()]


class NotRead(Exception):
    """Error for a file that exceeded the limits of the confined process, or made it crash."""


def read_given(reader: str, content: bytes, **options: float) -> bytes:
    """Run a reader of ingest.given on a file's content and return its answer.

    reader: "boundary", "line" or "picture". Raises its InputError, NotRead, and DiskFull.
    """
    with TemporaryDirectory(prefix="given-") as folder, open(os.memfd_create("answer"), "rb") as answer:
        given = Path(folder) / "given"
        given.write_bytes(content)
        descriptor = answer.fileno()
        run_confined(
            [reader, str(given), f"fd:{descriptor}", json.dumps(options)],
            environment=reader_environment(folder),
            folder=settings.BASE_DIR,
            limits=LIMITS,
            go_on=lambda computed_seconds: True,
            every_seconds=LIMITS.wall_seconds,
            writable=[Path(folder)],
            descriptors=(descriptor,),
            server=GIVEN,
        )
        answer.seek(0)  # Both processes share the position in the file.
        head, _, body = answer.read().partition(b"\n")
    if not head:
        raise NotRead
    said = json.loads(head)
    if "disk_full" in said:
        raise DiskFull("The temporary folder is full")
    if "words" in said:
        raise InputError(given, *said["words"], **said["values"])
    return body
