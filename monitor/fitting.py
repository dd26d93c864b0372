"""A curve through one series, for the eye: the trend and the yearly wave."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.readers.records import Float32


class SeriesFit(NamedTuple):
    """A straight line with a yearly wave, (dates,), mm; sigma_mm: what it leaves unexplained."""

    fit_mm: Float32
    sigma_mm: float


def fit_series(days: NDArray[np.floating], displacement_mm: Float32) -> SeriesFit | None:
    """Least squares of offset, rate and, from a year and a half on, a yearly wave; None with too few values."""
    years = (days - days[0]) / 365.25
    known = np.isfinite(displacement_mm)
    columns = [np.ones_like(years), years]
    if years[-1] >= 1.5:
        columns += [np.sin(2 * np.pi * years), np.cos(2 * np.pi * years)]
    design = np.column_stack(columns)
    if known.sum() <= design.shape[1]:
        return None
    solution, *_ = np.linalg.lstsq(design[known], displacement_mm[known], rcond=None)
    fit = design @ solution
    freedom = known.sum() - design.shape[1]
    sigma = float(np.sqrt(np.sum((displacement_mm[known] - fit[known]) ** 2) / freedom))
    return SeriesFit(fit.astype(np.float32), sigma)
