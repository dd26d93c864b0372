"""Transformation of coordinates between reference systems. Transformers are cached, because making one is slow."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Geod, Proj, Transformer

MAX_SCALE_ERROR = 0.03  # EPSG:3035 stretches Iceland by 2 %, a zone of UTM its neighbour's middle by 0.6 %.
SEMI_MAJOR_M = 6_378_137.0  # The ellipsoid is WGS 84.
EARTH = Geod(ellps="WGS84")
LAEA = "step {} proj=laea lat_0=52 lon_0=10 x_0=4321000 y_0=3210000 ellps=GRS80"
RADIANS = "step proj=unitconvert xy_in={} xy_out={}"
# PROJ's choice for EPSG:3035 at every position, which PROJ needs 60 ms to find in each new thread.
KNOWN: dict[tuple[int | str, int | str], str] = {
    (3035, 4326): f"proj=pipeline {LAEA.format('inv')} {RADIANS.format('rad', 'deg')}",
    (4326, 3035): f"proj=pipeline {RADIANS.format('deg', 'rad')} {LAEA.format('')}",
}


@lru_cache(maxsize=64)
def transformer(source: int | str, target: int | str) -> Transformer:
    """Return a transformer between EPSG codes or WKT texts, with x before y; it may be shared between threads."""
    if (source, target) in KNOWN:
        return Transformer.from_pipeline(KNOWN[source, target])
    return Transformer.from_crs(source, target, always_xy=True)


def web_mercator(
    longitude: NDArray[np.float64], latitude: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Project degrees within ±180 to EPSG:3857, metres, faster than PROJ (EPSG guidance note 7-2, method 1024)."""
    return SEMI_MAJOR_M * np.radians(longitude), SEMI_MAJOR_M * np.arcsinh(np.tan(np.radians(latitude)))


def local_system(longitude: float, latitude: float) -> str:
    """Return a PROJ text: azimuthal equidistant around a position (degrees), metres, x east and y north."""
    return f"+proj=aeqd +lat_0={latitude!r} +lon_0={longitude!r} +datum=WGS84 +units=m +type=crs"


@lru_cache(maxsize=64)
def is_metric(epsg: int, longitude: float, latitude: float) -> bool:
    """Return whether coordinates of a system are metres on the ground at a place (degrees), as in a UTM zone."""
    crs = CRS.from_epsg(epsg)
    if not crs.is_projected or any(axis.unit_conversion_factor != 1.0 for axis in crs.axis_info):
        return False
    scale = Proj(crs).get_factors(longitude, latitude)
    largest, smallest = float(scale.tissot_semimajor), float(scale.tissot_semiminor)
    return largest <= 1 + MAX_SCALE_ERROR and smallest >= 1 - MAX_SCALE_ERROR
