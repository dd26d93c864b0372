"""Files become point clouds, one per track, for `python -m ml deformation`."""

from pathlib import Path

import numpy as np

from ingest.errors import InputError
from ingest.geometry import utm_epsg
from ingest.readers import open_velocity_field
from ingest.readers.records import Declared
from ml.deformation.points import PointCloud, project


def read_points(path: Path, unit: str | None = None, positive: str | None = None) -> list[PointCloud]:
    """Read a velocity product of any known format; unit and sign are declared where the file does not say them.

    A table that holds ascending and descending points gives two clouds, in one projected system. Raises InputError.
    """
    field = open_velocity_field(path, declared=Declared(unit=unit, positive=positive))
    batches = [batch for batch in field.batches() if batch.pid.size]
    if not batches:
        raise InputError(path, "no row has a position and a velocity", "Export it again")
    longitude, latitude = (np.concatenate([getattr(b, name) for b in batches]) for name in ("longitude", "latitude"))
    velocity = np.concatenate([b.velocity_mm_yr for b in batches])
    looks_west = np.concatenate([b.los_east for b in batches]) > 0  # NaN, the unknown, counts as one track
    epsg = field.header.grid_epsg or utm_epsg(float(np.median(longitude)), float(np.median(latitude)))
    tracks = [mask for mask in (looks_west, ~looks_west) if mask.any()]
    return [project(longitude[m], latitude[m], velocity[m], epsg, field.header.posting_m) for m in tracks]
