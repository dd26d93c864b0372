"""Memory-mapped arrays on disk that are filled piece by piece, so that an interrupted run can continue."""

from pathlib import Path

import numpy as np

Held = np.memmap[tuple[int, ...], np.dtype[np.generic]]


def held(folder: Path, name: str, shape: tuple[int, ...], kind: type[np.generic]) -> Held:
    """Open the array `name` of a folder, or create it with zeros. Raises ValueError if it has another shape."""
    path = folder / f"{name}.npy"
    if not path.exists():
        return np.lib.format.open_memmap(path, "w+", dtype=kind, shape=shape)
    array = np.lib.format.open_memmap(path, "r+")
    if array.shape != shape:
        raise ValueError(f"{path} holds {array.shape}, not {shape}: name another folder")
    return array
