"""One region, and one at rest, shared by the tests of the simulator: they are read and never changed."""

import pytest

from ground_motion.simulation.velocity.region import Region, simulate_region


@pytest.fixture(scope="session")
def region() -> Region:
    return simulate_region(7)


@pytest.fixture(scope="session")
def region_at_rest() -> Region:
    return simulate_region(11, sources=())
