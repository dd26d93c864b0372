"""An S3 server on this machine (moto) and the storages in it."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ingest.foundation.storage.objects import ObjectStorage

BUCKET = "ground-motion"
KEYS = {"access_key": "made up", "secret_key": "made up, too"}
START_SECONDS = 60


@contextmanager
def s3_server(host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """The address of an S3 server in a process of its own, with one bucket. port: 0 for any that is free."""
    with socket.socket() as probe:
        probe.bind((host, port))
        address = "http://{}:{}".format(*probe.getsockname())
    command = [sys.executable, "-m", "moto.server", "--host", host, "--port", address.rpartition(":")[2]]
    quiet, ends_at = subprocess.DEVNULL, time.monotonic() + START_SECONDS
    server = subprocess.Popen(command, stdout=quiet, stderr=quiet, env={**os.environ, "PYTHONPATH": ""})
    try:
        while True:
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except OSError:
                if time.monotonic() > ends_at or server.poll() is not None:
                    raise
                time.sleep(0.05)
        object_storage(address, "").connection.create_bucket(Bucket=BUCKET)
        yield address
    finally:
        server.kill()
        server.wait()


def object_environment(address: str, location: str) -> dict[str, str]:
    """What leads another process to the storages below that prefix."""
    keys = {"S3_ACCESS_KEY_ID": KEYS["access_key"], "S3_SECRET_ACCESS_KEY": KEYS["secret_key"]}
    return {"RASTER_STORAGE_URL": f"s3://{BUCKET}/{location}", "S3_ENDPOINT_URL": address, **keys}


def object_storage(address: str, location: str) -> ObjectStorage:
    """A storage in the bucket of that server."""
    made: dict[str, Any] = {"bucket_name": BUCKET, "endpoint_url": address, "region_name": "us-east-1", **KEYS}
    return ObjectStorage(location=location, **made)
