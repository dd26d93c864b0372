"""Servers of recorded answers, and what a transfer needs around it."""

from collections.abc import Iterator

import pytest

from tests.ingest.sources import replay


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
