"""What tests of the laboratory share."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from lab import benchmark


@pytest.fixture(autouse=True, scope="session")
def measured_in_this_process():
    """Benchmarks start no processes: where all cores are busy these would only cost their imports."""
    pool = nullcontext(SimpleNamespace(map=lambda measure, seeds, chunksize: map(measure, seeds)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(benchmark, "ProcessPoolExecutor", lambda *_: pool)
        yield
