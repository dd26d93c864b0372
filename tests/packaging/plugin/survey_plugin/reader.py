"""Levelling of an agency: a line with its title, then longitude, latitude and rate, cm/yr, positive down."""

from datetime import date
from functools import partial

import numpy as np

from ground_motion.readers.records import Component, FieldHeader, PointBatch, VelocityField

NAME = "survey"
TITLE = "Survey of Nowhere"
ORDER = 1000
SUFFIXES = frozenset({".survey"})
HEAD = b"SURVEY OF NOWHERE\n"


def recognises(path):
    """Return whether a file begins with the title."""
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(HEAD)) == HEAD


def read(path, declared):
    """Return the one field of a file."""
    dates = (date(2019, 1, 1), date(2023, 12, 31))
    header = FieldHeader(
        source_format=NAME, level="rates", component=Component.UP, dates=dates, posting_m=100.0, has_series=False
    )
    return (VelocityField(header=header, batches=partial(_points, path)),)


def _points(path):
    longitude, latitude, down_cm_yr = np.loadtxt(path, skiprows=1, unpack=True)
    unknown, zero = np.full(len(longitude), np.nan, dtype=np.float32), np.zeros(len(longitude), dtype=np.float32)
    yield PointBatch(
        pid=np.arange(len(longitude)).astype("S8"),
        longitude=longitude,
        latitude=latitude,
        height_m=unknown,
        velocity_mm_yr=(-10 * down_cm_yr).astype(np.float32),
        velocity_std_mm_yr=unknown,
        temporal_coherence=unknown,
        rmse_mm=unknown,
        los_east=zero,
        los_north=zero,
        los_up=zero + 1,
        displacement_mm=np.zeros((len(longitude), 0), dtype=np.float32),
    )
