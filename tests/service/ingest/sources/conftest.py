"""Servers of recorded answers, and what a transfer needs around it."""

from collections.abc import Iterator

import pytest

from ingest.jobs import services as jobs
from ingest.sources import configured as configured_sources
from tests.service.ingest.sources import replay
from tests.service.ingest.sources.transfers import Transfer


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch) -> None:
    """The environment names no proxy, unless a test does."""
    for name in ("https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[replay.Replay]:
    """The one that is allowed."""
    with replay.running() as running:
        yield running


@pytest.fixture
def stranger() -> Iterator[replay.Replay]:
    """One that nobody allowed: nothing may ever connect to it."""
    with replay.running() as running:
        yield running


@pytest.fixture
def transfer(server, tmp_path) -> Transfer:
    return Transfer(server, tmp_path)


@pytest.fixture
def configured(settings, tmp_path, server, monkeypatch):
    """A folder of its own, one listed server, and a broker that hears nothing."""
    settings.ACQUIRE_FOLDER = str(tmp_path / "downloads")
    settings.OUTBOUND_HOSTS = [server.address]
    settings.ACQUIRE_SOURCE, settings.ACQUIRE_ASF_HOST = "asf", server.address
    settings.ACQUIRE_STAC_URL = f"{server.address}/stac"
    settings.ACQUIRE_SPARE_BYTES, settings.ACQUIRE_QUOTA_BYTES = 0, 10**9
    settings.ACQUIRE_READ_SECONDS = 20.0
    settings.EARTHDATA_TOKEN = settings.STAC_TOKEN = ""
    configured_sources.tokens_of.cache_clear()
    settings.ACQUIRE_AREA = "-148.2,64.9,-147.9,65.0"
    monkeypatch.setattr(jobs, "job_announce", lambda job_id: None)
