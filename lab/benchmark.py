"""What a benchmark is: frozen scenes with a known truth, and the figures that a method reaches on them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from ml.statistics.intervals import Interval


class Benchmark(NamedTuple):
    """size: how many tiles, pairs or glaciers (`of`) its published figures stand on; methods: name -> version.

    evaluate: method and size to metric name -> interval.
    truth_sha256: size to the hash of what is generated; its
    scenes come from seeds that training never draws (lab.simulation.seeds).
    """

    name: str
    version: str
    size: int
    of: str
    methods: Mapping[str, str]
    evaluate: Callable[..., dict[str, Interval]]
    truth_sha256: Callable[[int], str]
    weights: Mapping[str, str] = MappingProxyType({})  # networks, and the names of their cards


def scenes_sha256(version: str, size: int, digests: Sequence[bytes]) -> str:
    """One hash of a benchmark's scenes, from the digest of each."""
    return hashlib.sha256(f"{version} {size}".encode() + b"".join(digests)).hexdigest()
