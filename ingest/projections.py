"""Coordinates from one reference system into another. Making a transformer takes longer than using it."""

from functools import lru_cache

from pyproj import CRS, Transformer


@lru_cache(maxsize=64)
def transformer(source: int | str, target: int | str) -> Transformer:
    """From one EPSG code or WKT text to another, x before y in and out; threads may share it."""
    return Transformer.from_crs(source, target, always_xy=True)


def local_system(longitude: float, latitude: float) -> str:
    """Metres around a place, x to the east and y to the north: azimuthal equidistant."""
    return f"+proj=aeqd +lat_0={latitude!r} +lon_0={longitude!r} +datum=WGS84 +units=m +type=crs"


@lru_cache(maxsize=64)
def is_metric(epsg: int) -> bool:
    """Whether the coordinates of a system are metres on the ground; those of web maps (Pseudo-Mercator) are not."""
    crs = CRS.from_epsg(epsg)
    method = crs.coordinate_operation.method_name if crs.coordinate_operation else ""
    metres = all(axis.unit_conversion_factor == 1.0 for axis in crs.axis_info)
    return bool(crs.is_projected and metres and "Pseudo" not in method)
