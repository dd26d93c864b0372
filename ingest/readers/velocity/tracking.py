"""Functions that readers of tracked motion share: speeds along a map's axes become speeds to true east and north."""

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError

from ingest.readers.records import Component, Float64

STEP_DEGREES = 1e-4  # about 11 m: short against any curvature, long against rounding


def north_on_map(epsg: int, longitude: Float64, latitude: Float64) -> NDArray[np.complex128]:
    """Return true north on a map as unit complex numbers x + iy, (n,), NaN where undefined.

    Numerical derivative of the projection along the meridian. longitude, latitude: (n,), degrees. On a polar
    stereographic map true north turns with the longitude, through all directions around the pole.
    """
    step = np.where(latitude > 89.9, -STEP_DEGREES, STEP_DEGREES)  # never over the pole
    try:
        forward = Transformer.from_crs(4326, epsg, always_xy=True)
        x0, y0 = forward.transform(longitude, latitude)
        x1, y1 = forward.transform(longitude, latitude + step)
    except ProjError:
        return np.full(longitude.shape, np.nan, np.complex128)
    along = np.column_stack([x1 - x0, y1 - y0]) * np.sign(step)[:, None]
    length = np.hypot(along[:, 0], along[:, 1])
    good = np.isfinite(length) & (length > 0)
    north = along[:, 0] + 1j * along[:, 1]
    return np.asarray(np.where(good, north, np.nan) / np.where(good, length, 1.0), dtype=np.complex128)


def along(component: Component, epsg: int, longitude: Float64, latitude: Float64, vx: Float64, vy: Float64) -> Float64:
    """Return the eastward or northward part of speeds along x and y of a conformal map, all (n,), in the same unit."""
    turned = (vx + 1j * vy) * np.conj(north_on_map(epsg, longitude, latitude))  # real: north; imaginary: west
    return np.asarray(turned.real if component is Component.NORTH else -turned.imag, dtype=np.float64)
