"""Makes a LiCSBAS time series."""

from pathlib import Path

import h5py
import numpy as np

from ingest.readers.records import Component
from tests.makers.sources import SINKS, Source


def make(folder: Path) -> Path:
    """mm and mm/yr, plus is toward."""
    with h5py.File(folder / "cum.h5", "w") as file:
        file["imdates"] = np.array([20200101, 20210101])
        file["cum"] = np.array([0.0, 366 / 365.25])[:, None, None] * np.full((4, 5), SINKS, dtype=np.float32)
        file["vel"] = np.full((4, 5), SINKS, dtype=np.float32)
        file["corner_lat"], file["corner_lon"], file["post_lat"], file["post_lon"] = 19.5, -99.2, -0.001, 0.001
    return folder / "cum.h5"


SOURCES = [Source("licsbas", make, Component.LOS, SINKS)]
