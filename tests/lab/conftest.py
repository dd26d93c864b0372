"""What tests of the laboratory share."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def few_processes(measured_in_this_process):
    """Every test of the laboratory measures in its own process."""
