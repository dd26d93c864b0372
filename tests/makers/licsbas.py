"""Makes a LiCSBAS time series, a folder of its maps, and the folder of results that its programs leave."""

from pathlib import Path

import h5py
import numpy as np

from ground_motion.readers.records import Component
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


PARAMETERS = """Gamma DIFF&GEO DEM/MAP parameter file
title: DEM
DEM_projection:     EQA
data_format:        REAL*4
width: 5
nlines: 4
corner_lat: 19.5  decimal degrees
corner_lon: -99.2  decimal degrees
post_lat: -0.001 decimal degrees
post_lon: 0.001 decimal degrees
"""
IMAGES = "20200101\n20200701\n20210101\n"


def make_results(folder: Path, series: str = "", parameters: str = PARAMETERS, images: str = IMAGES, **layers) -> Path:
    """The top folder of a frame: a good velocity, a worse one 50 mm/yr off, a mask and the unit vectors.

    series: name of a time series to add. layers: arrays or bytes instead of those made here, None to leave one out.
    """
    top = folder / "processing" / FRAME
    results, info, pairs = (top / name for name in ("TS_GEOCml1/results", "TS_GEOCml1/info", "GEOCml1"))
    for part in (results, info, pairs):
        part.mkdir(parents=True)
    masked = np.ones((4, 5))
    masked[3] = 0
    good = np.where(masked == 1, SINKS, np.nan)
    made = {"vel": np.full((4, 5), SINKS - 50), "vel.filt.mskd": good, "mask": masked, "vstd": np.full((4, 5), 0.8)}
    made |= {"coh_avg": np.full((4, 5), 0.9), "hgt": np.full((4, 5), 2240.0)}
    made |= {f"{name}.geo": np.full((4, 5), part) for name, part in ASCENDING.items()} | layers
    for name, values in made.items():
        if values is not None:
            content = values if isinstance(values, bytes) else np.asarray(values).astype("<f4").tobytes()
            (pairs if name.endswith(".geo") else results).joinpath(name).write_bytes(content)
    (info / "EQA.dem_par").write_text(parameters)
    (info / "13used_image.txt").write_text(images)
    if series:
        make(top / "TS_GEOCml1").rename(top / "TS_GEOCml1" / series)
    return top


SOURCES = [
    Source("licsbas", make, Component.LOS, SINKS),
    Source("licsbas", make_maps, Component.LOS, SINKS, series=False),
    Source("licsbas", make_results, Component.LOS, SINKS, series=False),
]
