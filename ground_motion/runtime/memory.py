"""Reuse of the memory of large arrays, because arrays of the same size are needed tile after tile."""

import ctypes
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import torch

logger = logging.getLogger(__name__)
Result = TypeVar("Result")
DIVISORS = (1, 2, 4)  # A GPU tries windows whose sides are divided by these, one after the other.
_divisor: ContextVar[int] = ContextVar("window divisor", default=1)

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # These are parameters of mallopt.
USUAL = {TRIM_THRESHOLD: 64 << 20, MMAP_THRESHOLD: 32 << 20}  # values at which glibc arrives by itself


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Keep freed memory in this block (glibc only): clearing pages takes a fifth of a coherence run on a CPU."""
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


def compute_or_fall_back(
    compute: Callable[[torch.device], Result], device: torch.device
) -> tuple[Result, torch.device]:
    """Compute on a device; if a GPU's memory runs out, in smaller windows (`window_divisor`), finally on the CPU.

    Returns the result and the device used. torch.OutOfMemoryError if the CPU's memory runs out.
    """
    for divisor in DIVISORS if device.type == "cuda" else ():
        before = _divisor.set(divisor)
        try:
            return compute(device), device
        except torch.OutOfMemoryError:
            logger.warning("the GPU's memory does not suffice for windows of 1/%d of their side", divisor)
        finally:
            _divisor.reset(before)
        torch.cuda.empty_cache()
    return compute(torch.device("cpu")), torch.device("cpu")


def window_divisor() -> int:
    """Return by what the sides of a GPU's windows are to be divided; parts of different windows never mix."""
    return _divisor.get()
