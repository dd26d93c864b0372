"""How tests wait: until something holds. The one ceiling is there against hanging; no working machine is that slow."""

import time
from collections.abc import Callable

HANG_SECONDS = 1200.0


def wait_until(holds: Callable[[], object]) -> None:
    """Return as soon as `holds()` is true."""
    ends = time.monotonic() + HANG_SECONDS
    while not holds():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.02)
