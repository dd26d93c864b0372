"""Draws that are made once and kept on disk, memory-mapped, so that training does not wait for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.benchmark import over_seeds

Draw = Mapping[str, NDArray[Any]]
ABOUT, DONE = "about.txt", "done"


def kept(folder: Path, n: int, make: Callable[[int], Draw], about: str) -> dict[str, NDArray[Any]]:
    """Return n draws by name, (n, …); those that are missing are made first, by several processes.

    make: number of a draw -> name -> array, always of the same shapes and types; about: what the draws depend on.
    ValueError if the folder has others. An interrupted run continues.
    """
    folder.mkdir(parents=True, exist_ok=True)
    noted, about = folder / ABOUT, f"{n} draws: {about}"
    if not noted.exists():
        for name, array in {**make(0), DONE: np.zeros((), np.uint8)}.items():
            np.lib.format.open_memmap(folder / f"{name}.npy", "w+", array.dtype, (n, *array.shape)).flush()
        noted.write_text(about)
    if noted.read_text() != about:
        raise ValueError(f"{folder} holds {noted.read_text()}, not {about}: name another folder")
    missing = np.flatnonzero(np.load(folder / f"{DONE}.npy") == 0).tolist()
    over_seeds(partial(_keep, folder, make, missing), len(missing))
    names = [path.stem for path in sorted(folder.glob("*.npy")) if path.stem != DONE]
    return {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in names}


def _keep(folder: Path, make: Callable[[int], Draw], missing: list[int], at: int) -> None:
    arrays, number = _opened(folder), missing[at]
    for name, array in make(number).items():
        arrays[name][number] = array
    arrays[DONE][number] = 1


@lru_cache(maxsize=1)
def _opened(folder: Path) -> dict[str, NDArray[Any]]:
    return {path.stem: np.lib.format.open_memmap(path, "r+") for path in folder.glob("*.npy")}
