"""Tiles of a 50 MB raster in an object store on this machine (moto), against the same tiles from the disk.

Cold: the first tile that this process reads of an object. Warm: the same tile again. Moto is slow and has no network
before it, so the cold figure says what our side and a slow store cost together.
"""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from django.core.files import File

from ingest.rasters import write_cog
from ingest.storage import WholeFileStorage
from ingest.storage.objects import ObjectStorage
from lab.speed.measure import report, result, seconds
from monitor.imaging.drawing import tile_values

BUCKET = "ground-motion"
KEYS = {"access_key": "made up", "secret_key": "made up, too"}
PIXELS, EPSG = 3600, 32633
ZOOM, TILES = 12, ((2219, 1379), (2218, 1380), (2220, 1378))  # 256 px of the raster, about
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
                urllib.request.urlopen(address, timeout=5).close()  # noqa: S310 (our own address)
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


def run(rounds: int = 5) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, s3_server() as address:
        path = Path(folder) / "large.tif"
        values = np.random.default_rng(1).normal(size=(PIXELS, PIXELS)).astype(np.float32)
        write_cog(path, {"a": values}, Affine(30, 0, 4.5e5, 0, -30, 5.65e6), EPSG, ["mm"], {})
        storages = object_storage(address, secrets.token_hex(4)), WholeFileStorage(location=f"{folder}/rasters")
        cold: tuple[list[float], list[float]] = ([], [])
        warm: tuple[list[float], list[float]] = ([], [])
        put: tuple[list[float], list[float]] = ([], [])
        for turn in range(rounds + 1):  # the first loads libraries and is left out
            for place in (0, 1) if turn % 2 else (1, 0):
                names: list[str] = []
                spent = seconds(lambda s=storages[place], n=names: n.append(_put(s, path)))
                first = seconds(lambda s=storages[place], n=names: _tiles(s, n[0], 1))
                _tiles(storages[place], names[0])
                again = seconds(lambda s=storages[place], n=names: _tiles(s, n[0])) / len(TILES)
                if turn:
                    for times, one in ((put, spent), (cold, first), (warm, again)):
                        times[place].append(1000 * one)
                storages[place].delete(names[0])
    rows = [
        result("cold tile of a 50 MB raster", "ms", *cold),
        result("warm tile", "ms", *warm),
        result("storing the raster", "ms", *put),
    ]
    return report("storage", rows) | {"note": "an S3 server (moto) on the same machine; control: the disk"}


def _put(storage: Any, path: Path) -> str:
    with path.open("rb") as stream:
        return str(storage.save(path.name, File(stream)))


def _tiles(storage: Any, name: str, most: int = len(TILES)) -> None:
    for x, y in TILES[:most]:
        with storage.tiff(name) as dataset:
            if not np.isfinite(tile_values(dataset, ["a"], ZOOM, x, y)).any():
                raise RuntimeError(f"tile {ZOOM}/{x}/{y} shows nothing")
