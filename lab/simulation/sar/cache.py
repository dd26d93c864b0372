"""Pairs simulated in advance, on disk and memory-mapped, so that training does not wait for them.

Each array is one `.npy` file in a folder; `done.npy` records the finished scenes, so that an interrupted run can
continue.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lab.simulation.memory_maps import held
from lab.simulation.sar.pairs import SarPair
from lab.simulation.seeds import Purpose, generator

NAMES = ("log_power", "dx_px", "dy_px", "gamma", "sample_gamma", "looks")
EARLIER = "earlier"  # additional array of pairs with a history
PIECE = 16  # number of scenes made at once


class PairCache(NamedTuple):
    """Read-only arrays of n pairs.

    log_power (n, 2, rows, cols): natural logarithms; dx_px, dy_px, gamma, sample_gamma (n, rows, cols); looks (n,);
    earlier (n, images, rows, cols): natural logarithms of power, or None. All but looks are float16, which keeps a
    shift of 20 px to 0.008 px, one below 1 px to 0.0003.
    """

    log_power: NDArray[np.float16]
    dx_px: NDArray[np.float16]
    dy_px: NDArray[np.float16]
    gamma: NDArray[np.float16]
    sample_gamma: NDArray[np.float16]
    looks: NDArray[np.float32]
    earlier: NDArray[np.float16] | None = None


def fill(
    folder: Path,
    pairs: int,
    size: int,
    name: str,
    recipe: Callable[[np.random.Generator, int], SarPair],
    earlier: int = 0,
) -> PairCache:
    """Simulate the missing training pairs of a folder; name and recipe determine what the pairs are.

    earlier: number of images that the recipe makes before each pair. Raises ValueError if the folder has pairs of
    another number or size.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shapes = {"log_power": (pairs, 2, size, size), "looks": (pairs,), EARLIER: (pairs, earlier, size, size)}
    for array in (*NAMES, EARLIER) if earlier else NAMES:
        held(folder, array, shapes.get(array, (pairs, size, size)), np.float32 if array == "looks" else np.float16)
    done = held(folder, "done", (pairs,), np.uint8)
    pieces = [at for at in range(0, pairs, PIECE) if not done[at : at + PIECE].all()]
    for first in pieces:
        _make(folder, size, name, pairs, recipe, first)
    return opened(folder)


def opened(folder: Path) -> PairCache:
    """Open the arrays of a folder made by `fill`."""
    names = (*NAMES, EARLIER) if (folder / f"{EARLIER}.npy").exists() else NAMES
    return PairCache(*(np.load(folder / f"{array}.npy", mmap_mode="r") for array in names))


def _make(
    folder: Path, size: int, name: str, pairs: int, recipe: Callable[[np.random.Generator, int], SarPair], first: int
) -> None:
    names = [name for name in (*NAMES, EARLIER, "done") if (folder / f"{name}.npy").exists()]
    arrays = {array: np.lib.format.open_memmap(folder / f"{array}.npy", "r+") for array in names}
    for scene in range(first, min(first + PIECE, pairs)):
        pair = recipe(generator(Purpose.TRAINING, name, scene), size)
        arrays["log_power"][scene] = np.log(np.maximum(pair.power, 1e-6))
        if pair.earlier is not None:
            arrays[EARLIER][scene] = np.log(np.maximum(pair.earlier, 1e-6))
        for array in ("dx_px", "dy_px", "gamma", "sample_gamma", "looks"):
            arrays[array][scene] = getattr(pair, array)
    for values in arrays.values():
        values.flush()
    arrays["done"][first : first + PIECE] = 1
    arrays["done"].flush()
