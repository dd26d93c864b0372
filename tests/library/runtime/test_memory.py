"""What is freed while a pair is worked on is used again, and goes back at the end."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ground_motion.runtime.memory import compute_or_fall_back, freed_memory_kept, window_divisor

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
    """In a process of its own: where the heap of a long run of tests lies in pieces, glibc may not find the room."""
    subprocess.run([sys.executable, "-m", "tests.library.runtime.test_memory"], check=True)


def test_a_computation_too_large_for_the_card_takes_smaller_windows_and_then_the_cpu():
    tried = []

    def compute(device: torch.device, enough: int) -> str:
        tried.append((device.type, window_divisor()))
        if device.type == "cuda" and window_divisor() < enough:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return "done"

    card = torch.device("cuda")
    assert compute_or_fall_back(lambda on: compute(on, 2), card) == ("done", card)
    assert tried == [("cuda", 1), ("cuda", 2)]
    tried.clear()
    assert compute_or_fall_back(lambda on: compute(on, 99), card) == ("done", torch.device("cpu"))
    assert tried == [("cuda", 1), ("cuda", 2), ("cuda", 4), ("cpu", 1)]


def test_a_cpu_without_memory_is_not_asked_twice():
    def compute(device: torch.device) -> None:
        raise torch.OutOfMemoryError("not enough")

    with pytest.raises(torch.OutOfMemoryError):
        compute_or_fall_back(compute, torch.device("cpu"))


if __name__ == "__main__":
    new_pages(1)  # Torch's own threads and tables
    before = held_bytes()
    with freed_memory_kept():
        new_pages(16)  # the heap grows some times, until no small block lies in the way
        again, kept = new_pages(8) * PAGE / MIB, held_bytes()
    after = held_bytes()
    assert again < 256, f"{again} MiB were cleared anew; without it: 512"
    assert kept > before + 48 * MIB, "nothing was kept"
    assert after < before + 16 * MIB, "what was kept did not go back"
