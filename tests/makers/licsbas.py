"""Makes a LiCSBAS time series, and a folder of its maps."""

from pathlib import Path

import h5py
import numpy as np

from ingest.readers.records import Component
from tests.makers import geotiff
from tests.makers.sources import SINKS, Source

FRAME = "014A_04939_131313"
ASCENDING = {"E": -0.6, "N": -0.1, "U": 0.794}


def make(folder: Path, velocity_mm_yr: float = SINKS, leave_out: tuple[str, ...] = (), **replace) -> Path:
    """4 x 5 pixels that move by velocity x time, mm and mm/yr, plus is toward."""
    velocity = np.full((4, 5), velocity_mm_yr, dtype=np.float32)
    cum = np.array([0.0, 0.5, 1.0], dtype=np.float32)[:, None, None] * velocity
    content = {"imdates": np.array([20200101, 20200701, 20210101], dtype=np.int32), "cum": cum, "vel": velocity}
    content |= {"corner_lat": 19.5, "corner_lon": -99.2, "post_lat": -0.001, "post_lon": 0.001, "refarea": "0:1/0:1"}
    with h5py.File(folder / "cum.h5", "w") as file:
        for key, value in (content | replace).items():
            if key not in leave_out:
                file[key] = value
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
