"""Memory of large arrays stays with the process while it works: it is asked for again at once, tile after tile."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of mallopt
USUAL = {TRIM_THRESHOLD: 64 << 20, MMAP_THRESHOLD: 32 << 20}  # what glibc comes to by itself


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Reuse freed memory in this block; afterwards it goes back to the system. Does nothing without glibc.

    Else every large tensor begins with pages that the kernel has to clear: a fifth of a coherence run on a CPU.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        yield
        return
    for option in USUAL:
        libc.mallopt(option, (1 << 31) - 1)
    try:
        yield
    finally:
        for option, value in USUAL.items():
            libc.mallopt(option, value)
        libc.malloc_trim(0)
