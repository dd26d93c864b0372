"""Random seeds that keep training and benchmark scenes apart.

The seed of every scene is a sequence: the number of its `Purpose`, a hash of the benchmark's or training set's name,
and the number of the scene. Training, benchmarks, tests and the demonstration have different purposes.
"""

import zlib
from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """The first number of a seed."""

    TRAINING = 1
    VALIDATION = 2  # Seed for stopping and choosing in training; its results are never published.
    BENCHMARK = 3
    DEMO = 4
    TEST = 5


def generator(purpose: Purpose, name: str, scene: int) -> np.random.Generator:
    """Return the generator of one scene. name: of the benchmark or training set; scene: from 0."""
    if scene < 0:
        raise ValueError(f"scene {scene} is less than 0")
    return np.random.default_rng([purpose, zlib.crc32(name.encode()), scene])


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a value whose logarithm is uniformly distributed."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
