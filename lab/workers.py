"""Many seeds over two processes."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

import torch

T = TypeVar("T")


def over_seeds(measure: Callable[[int], T], n: int, first: int = 0, processes: int = 2) -> list[T]:
    """measure(seed) for n seeds from `first` on, in order. Spawned: torch's threads do not survive a fork."""
    if n <= processes or processes == 1:
        return [measure(seed) for seed in range(first, first + n)]
    with ProcessPoolExecutor(processes, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        return list(pool.map(measure, range(first, first + n), chunksize=max(1, n // 50)))
