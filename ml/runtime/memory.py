"""Reuse of the memory of large arrays, because arrays of the same size are needed tile after tile."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of mallopt
USUAL = {TRIM_THRESHOLD: 64 << 20, MMAP_THRESHOLD: 32 << 20}  # values at which glibc arrives by itself


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Keep freed memory for reuse in this block; return it to the system afterwards. Does nothing without glibc.

    Otherwise the kernel has to clear pages for every large tensor: a fifth of the time of a coherence run on a CPU.
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
