"""Storage of rasters and submitted files in an S3-compatible store. GDAL reads parts of rasters by range requests."""

from __future__ import annotations

import io
import posixpath
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cached_property, wraps
from pathlib import Path
from typing import IO, Any, TypeVar
from urllib.parse import urlsplit

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.contrib.gis.gdal.libgdal import lgdal
from django.core.files import File
from django.utils.timezone import now
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.session import AWSSession
from storages.backends.s3 import S3Storage

from ground_motion.core.errors import DiskFull, StorageFailed
from ground_motion.core.rasters import open_tiff
from ingest.foundation.storage import Entry, RasterStorage

R = TypeVar("R")

# Servers answer with these codes when they are full.
FULL = {"507", "QuotaExceeded", "XMinioAdminBucketQuotaExceeded", "XMinioStorageFull"}
TRIES = 4  # Tries of a request, with growing pauses; later the whole work is tried again.
CONNECT_SECONDS, READ_SECONDS = 5, 60
CHUNK_BYTES = 2**20
MAX_DELETED = 1000  # S3 deletes no more objects in one request.
TRANSFER = TransferConfig(multipart_threshold=32 * 2**20, multipart_chunksize=16 * 2**20, max_concurrency=4)
CLIENT = Config(
    s3={"addressing_style": "path"},  # All buckets have one host.
    signature_version="s3v4",
    connect_timeout=CONNECT_SECONDS,
    read_timeout=READ_SECONDS,
    retries={"mode": "standard", "total_max_attempts": TRIES},
    request_checksum_calculation="when_required",  # Trailers are unknown to many servers.
    response_checksum_validation="when_required",
)
READING: dict[str, str | float] = {
    "AWS_VIRTUAL_HOSTING": "FALSE",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".tif",
    "GDAL_INGESTED_BYTES_AT_OPEN": 32768,  # One request reads the header and the index of most rasters.
    "GDAL_HTTP_CONNECTTIMEOUT": CONNECT_SECONDS,
    "GDAL_HTTP_LOW_SPEED_TIME": READ_SECONDS,
    "GDAL_HTTP_LOW_SPEED_LIMIT": 1,  # bytes a second
    "GDAL_HTTP_MAX_RETRY": TRIES - 1,
    "GDAL_HTTP_RETRY_DELAY": 0.5,  # seconds
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
}


def _failing_clearly(method: Callable[..., R]) -> Callable[..., R]:
    """Make a method raise the store's faults as OSErrors: FileNotFoundError, DiskFull or StorageFailed."""

    @wraps(method)
    def clear(self: ObjectStorage, *args: Any, **kwargs: Any) -> R:
        try:
            return method(self, *args, **kwargs)
        except (BotoCoreError, Boto3Error, ClientError) as fault:
            raise self.fault(fault) from fault

    return clear


class ObjectStorage(S3Storage, RasterStorage):  # type: ignore[misc]  # It has no types.
    """Objects with a common prefix in one bucket. Each appears whole or not at all; no name is used twice."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"client_config": CLIENT, "transfer_config": TRANSFER, "file_overwrite": False} | settings)

    @property
    def place(self) -> str:
        """The store's address as shown to people."""
        return f"s3://{posixpath.join(self.bucket_name, self.location)} at {self.endpoint_url}"

    def fault(self, fault: Exception) -> OSError:
        """Return the OSError (see `_failing_clearly`) for an exception of boto."""
        code = str((getattr(fault, "response", None) or {}).get("Error", {}).get("Code", ""))
        if code in ("404", "NoSuchKey"):
            return FileNotFoundError(f"there is no such object in {self.place}")
        if code in FULL:
            return DiskFull(
                f"The object store {self.place} has no room ({code}): free some there, or raise its quota; manage.py"
                " prune --dry-run shows what may go."
            )
        return StorageFailed(
            f"The object store {self.place} could not be used ({fault}): see whether it runs, and whether"
            " RASTER_STORAGE_URL and the S3_ settings are right."
        )

    _save = _failing_clearly(S3Storage._save)
    exists = _failing_clearly(S3Storage.exists)
    size = _failing_clearly(S3Storage.size)
    delete = _failing_clearly(S3Storage.delete)
    listdir = _failing_clearly(S3Storage.listdir)
    get_modified_time = _failing_clearly(S3Storage.get_modified_time)

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return the name with a random part; a check whether a name is free would be a race."""
        stem, suffix = posixpath.splitext(name)
        end = f"_{secrets.token_hex(8)}{suffix}"
        return stem[: (max_length or 10**4) - len(end)] + end

    @_failing_clearly
    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        """Open a stream to be read once, from the beginning; no copy is made in memory or on a disk."""
        if mode != "rb":
            raise ValueError("objects are written whole, by save()")
        answer = self.bucket.Object(self.key(name)).get()
        return File(io.BufferedReader(_Body(self, answer["Body"]), CHUNK_BYTES), name=name)

    @_failing_clearly
    def part(self, name: str, first: int, last: int) -> IO[bytes]:
        """Open a stream of an object's bytes from first to last, both included; the store sends only these."""
        answer = self.bucket.Object(self.key(name)).get(Range=f"bytes={first}-{last}")
        return io.BufferedReader(_Body(self, answer["Body"]), CHUNK_BYTES)

    def key(self, name: str) -> str:
        """Return the key of an object in the bucket."""
        return str(self._normalize_name(name))

    @_failing_clearly
    def entries(self, folder: str = "") -> Iterator[Entry]:
        """Yield every object whose name begins with `folder`, by its name in this storage."""
        top = f"{self.location}/"
        there = self.bucket.objects.filter(Prefix=f"{top}{folder}")
        return iter([Entry(stored.key.removeprefix(top), stored.size, stored.last_modified) for stored in there])

    @_failing_clearly
    def delete_all(self, names: Iterable[str]) -> None:
        """Delete many objects with few requests."""
        keys = [{"Key": self.key(name)} for name in names]
        for first in range(0, len(keys), MAX_DELETED):
            self.bucket.delete_objects(Delete={"Objects": keys[first : first + MAX_DELETED], "Quiet": True})

    @contextmanager
    def tiff(self, name: str) -> Iterator[DatasetReader]:
        """Open a raster in the store; only the needed parts are read."""
        address, path = urlsplit(self.endpoint_url), f"/vsis3/{self.bucket_name}/{self.key(name)}"
        own = READING | {
            "AWS_S3_ENDPOINT": address.netloc,
            "AWS_HTTPS": "YES" if address.scheme == "https" else "NO",
            "AWS_REGION": self.region_name,
        }
        with ExitStack() as stack:
            try:
                opened = stack.enter_context(open_tiff(path, self._session, **own))
            except RasterioError as fault:  # may stem from a failure in another thread, cached by GDAL
                self._look_into(fault, name, path)
                opened = stack.enter_context(open_tiff(path, self._session, **own))
            try:
                yield opened
            except RasterioError as fault:
                self._look_into(fault, name, path)
                raise

    def _look_into(self, fault: RasterioError, name: str, path: str) -> None:
        """Raise FileNotFoundError or StorageFailed if the store caused an error of GDAL."""
        lgdal.VSICurlPartialClearCache(path.encode())  # GDAL caches failures to read a file
        if not self.exists(name):
            raise FileNotFoundError(f"there is no {name} in {self.place}") from fault

    @cached_property
    def _session(self) -> AWSSession:
        return AWSSession(self._create_session(), aws_unsigned=False)

    @_failing_clearly
    def fetch(self, name: str, path: Path) -> None:
        """Copy an object to a file of this machine, a part at a time. Raises OSError."""
        with path.open("xb") as file:
            self.bucket.Object(self.key(name)).download_fileobj(file, Config=TRANSFER)

    @_failing_clearly
    def clock_ahead_seconds(self) -> float:
        """Return how far this machine's clock is ahead of the store's, s; requests fail if they differ."""
        answer = self.connection.meta.client.list_objects_v2(Bucket=self.bucket_name, MaxKeys=1)
        there = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        return (now() - there).total_seconds()

    @_failing_clearly
    def unfinished_uploads(self, *, before: datetime) -> list[Callable[[], object]]:
        """Return a function for each unfinished upload begun before a time; calling it discards the upload."""
        begun = self.bucket.multipart_uploads.filter(Prefix=f"{self.location}/")
        return [upload.abort for upload in begun if upload.initiated < before]


class _Body(io.RawIOBase):
    """Body of a response as a stream; an interrupted body raises OSError instead of seeming complete."""

    def __init__(self, storage: ObjectStorage, body: IO[bytes]) -> None:
        self._storage, self._body = storage, body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            part = self._body.read(len(buffer))
        except (BotoCoreError, OSError) as fault:
            raise self._storage.fault(fault) from fault
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        self._body.close()
        super().close()
