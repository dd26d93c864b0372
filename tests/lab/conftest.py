"""What tests of the laboratory share."""

from pathlib import Path

import pytest

from lab.coherence.real.evaluate import real_pair
from lab.deformation.injected.places import residual_field


@pytest.fixture(autouse=True, scope="session")
def few_processes(measured_in_this_process):
    """Every test of the laboratory measures in its own process."""


@pytest.fixture
def real_files(real_data, monkeypatch) -> Path:
    """The folder of real files, which the laboratory now reads; nothing is kept of other ones."""
    monkeypatch.setenv("GROUND_MOTION_DATA", str(real_data))
    for kept in (real_pair, residual_field):
        kept.cache_clear()
    return real_data
