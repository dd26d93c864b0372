"""Makes a LiCSAR frame's folder."""

from pathlib import Path

import numpy as np

from ground_motion.readers.records import Component
from tests.makers import interferograms as ground
from tests.makers.geotiff import write
from tests.makers.sources import SINKS, Source

FRAME = "021D_04972_131213"
WAVELENGTH_M = 299_792_458 / 5.405e9
LOOKING_WEST = {"E": 0.6, "N": -0.1, "U": 0.79}  # the satellite stands in the east: descending


def make(
    folder: Path,
    velocity_mm_yr: float = -20.0,
    name: str = FRAME,
    pairs=ground.PAIRS,
    inside: str = "GEOC",
    layers: tuple[str, ...] = ("cc", "ENU"),
    change=lambda values, number: values,
    **profile,
) -> Path:
    """A frame of a few pairs. change(values, number) may damage the phases of a pair."""
    for first, second, values in ground.stack(velocity_mm_yr, WAVELENGTH_M, pairs, change):
        pair = f"{first:%Y%m%d}_{second:%Y%m%d}"
        write(folder / name / inside / pair / f"{pair}.geo.unw.tif", values, **profile)
        if "cc" in layers:
            coherence = ground.coherence(255).astype(np.uint8)
            write(folder / name / inside / pair / f"{pair}.geo.cc.tif", coherence, **profile)
    if "ENU" in layers:
        for letter, part in LOOKING_WEST.items():
            values = np.full((ground.ROWS, ground.COLS), part, dtype=np.float32)
            write(folder / name / inside / f"{name}.geo.{letter}.tif", values, **profile)
    return folder / name


SOURCES = [Source("licsar", make, Component.LOS, SINKS)]
