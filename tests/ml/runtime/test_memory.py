"""What is freed while a pair is worked on is used again, and goes back at the end."""

import resource
from pathlib import Path

import torch

from ml.runtime.memory import freed_memory_kept

MIB = 1 << 20
PAGE = resource.getpagesize()


def new_pages(times: int) -> int:
    """Pages that the kernel had to find for a tensor of 64 MiB, made and freed so often."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        torch.zeros(64 * MIB // 4).add_(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def held_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def test_freed_memory_is_used_again_and_goes_back():
    before = held_bytes()
    with freed_memory_kept():
        new_pages(8)  # the heap grows once, by how much depends on what lies in it
        assert new_pages(8) < 4 * 64 * MIB / PAGE  # without it: eight times
        assert held_bytes() > before + 48 * MIB
    assert held_bytes() < before + 16 * MIB
