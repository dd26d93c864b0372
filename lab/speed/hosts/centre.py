"""The centre: what hosts share. PostgreSQL, PgBouncer, the replica and RabbitMQ are scripts/services' work."""

import os
import secrets
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import redis
from django.conf import settings

from lab.speed.hosts.network import CENTRE
from lab.speed.storage import BUCKET, s3_server

REDIS_PORT, S3_PORT = 6379, 9000
ADDRESSES = ("DATABASE_URL", "DATABASE_READER_URL", "DATABASE_REPLICA_URL", "DATABASE_POOLER", "BROKER_URL")
START_SECONDS = 60


def settings_made() -> dict[str, str]:
    """Settings that are the same for everybody."""
    return {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "REDIS_URL": f"redis://:{secrets.token_hex(24)}@{CENTRE}:{REDIS_PORT}/0",
        "RASTER_STORAGE_URL": f"s3://{BUCKET}/hosts",
        "S3_ENDPOINT_URL": f"http://{CENTRE}:{S3_PORT}",
        "S3_ACCESS_KEY_ID": "made up",
        "S3_SECRET_ACCESS_KEY": secrets.token_hex(24),
    }


def settings_of_hosts() -> dict[str, str]:
    """What a host is given: addresses and keys, and nothing of the owner of the tables."""
    return {name: os.environ[name] for name in (*ADDRESSES, "PAIR_BASELINES_DAYS", *settings_made())}


@contextmanager
def servers() -> Iterator[None]:
    """Redis and S3."""
    with _redis_server(), s3_server(CENTRE, S3_PORT):
        yield


@contextmanager
def processes(log: Path, *names: str) -> Iterator[None]:
    """Processes of the Procfile."""
    lines = dict(line.split(": ", 1) for line in (settings.BASE_DIR / "Procfile").read_text().splitlines())
    with ExitStack() as stack:
        for name in names:
            file = stack.enter_context((log / f"{name}.log").open("ab"))
            process = subprocess.Popen([sys.executable, "-m", *shlex.split(lines[name])], stdout=file, stderr=file)
            stack.callback(_end, process)
        yield


@contextmanager
def _redis_server() -> Iterator[None]:
    address = urlsplit(settings.REDIS_URL)
    lines = [f"bind {address.hostname}", f"port {address.port}", f"requirepass {address.password}", 'save ""']
    server = subprocess.Popen(["redis-server", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        server.stdin.write("\n".join(lines).encode())
        server.stdin.close()
        ends_at = time.monotonic() + START_SECONDS
        while True:
            try:
                redis.Redis.from_url(settings.REDIS_URL).ping()
                break
            except redis.ConnectionError:
                if time.monotonic() > ends_at or server.poll() is not None:
                    raise
                time.sleep(0.05)
        yield
    finally:
        _end(server)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
