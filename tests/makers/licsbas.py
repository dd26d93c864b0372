"""Makes a LiCSBAS time series, and a folder of its maps."""

from pathlib import Path

import h5py
import numpy as np

from ingest.readers.records import Component
from tests.makers import geotiff
from tests.makers.sources import SINKS, Source

FRAME = "014A_04939_131313"
ASCENDING = {"E": -0.6, "N": -0.1, "U": 0.794}


def make(folder: Path) -> Path:
    """mm and mm/yr, plus is toward."""
    with h5py.File(folder / "cum.h5", "w") as file:
        file["imdates"] = np.array([20200101, 20210101])
        file["cum"] = np.array([0.0, 366 / 365.25])[:, None, None] * np.full((4, 5), SINKS, dtype=np.float32)
        file["vel"] = np.full((4, 5), SINKS, dtype=np.float32)
        file["corner_lat"], file["corner_lon"], file["post_lat"], file["post_lon"] = 19.5, -99.2, -0.001, 0.001
    return folder / "cum.h5"


def make_maps(folder: Path, leave_out: tuple[str, ...] = (), **layers) -> Path:
    """A frame's folder of 4 x 5 pixels, mm/yr, plus is toward; layers: arrays instead of those made here."""
    masked = np.ones((4, 5))
    masked[3] = 0
    made = {"vel": np.full((4, 5), SINKS), "vstd": np.full((4, 5), 0.8), "mask": masked}
    made |= {name: np.full((4, 5), part) for name, part in ASCENDING.items()} | layers
    for name, values in made.items():
        if name not in leave_out:
            geotiff.write(folder / FRAME / f"{name}.geo.tif", values.astype(np.float32), nodata=np.nan)
    return folder / FRAME


SOURCES = [
    Source("licsbas", make, Component.LOS, SINKS),
    Source("licsbas-maps", make_maps, Component.LOS, SINKS, series=False),
]
