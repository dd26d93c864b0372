"""Makes stacks of KFTS-InSAR: interferograms in HDF5 with the place of each pixel beside them."""

from pathlib import Path

import h5py
import numpy as np

from ground_motion.readers.records import Component, Declaration
from tests.makers import interferograms as ground
from tests.makers.sources import SINKS, Source


def make(
    folder: Path, velocity_mm_yr: float = SINKS, name: str = "PROC-STACK.h5", pairs=ground.PAIRS, places=True, **replace
) -> Path:
    """A folder with one stack. replace: datasets instead of those made here."""
    root = folder / "kfts"
    root.mkdir(exist_ok=True)
    links = np.zeros((len(pairs), len(ground.DATES)))
    for number, (first, second) in enumerate(pairs):
        links[number, [ground.DATES.index(first), ground.DATES.index(second)]] = 1, -1
    moved = [-1000 * ground.toward_m(first, second, velocity_mm_yr) for first, second in pairs]  # first less second
    content = {"Jmat": links, "dates": [day.toordinal() for day in ground.DATES], "igram": np.float32(moved)}
    content["igram"][:, 0] = np.nan
    with h5py.File(root / name, "w") as file:
        for key, values in (content | {"bperp": np.zeros(len(pairs))} | replace).items():
            file[key] = values
    row, col = np.mgrid[: ground.ROWS, : ground.COLS]
    if places:
        (15 + 0.001 * col).astype("<f4").tofile(root / "lon.flt")
        (37.7 - 0.001 * row).astype("<f4").tofile(root / "lat.flt")
    return root


SOURCES = [Source("kfts", make, Component.LOS, SINKS, declared=Declaration(positive="toward"))]
