"""Offsets from correlation at whole lags, by the images' own autocorrelation law.

At a whole lag k, textures of ground that moved by d correlate by A R(k - d); R is the autocorrelation of the texture as
a function of a continuous shift. This also holds where pixels are too coarse for the texture's band, so that no
interpolation between pixels is correct. R of speckle has a known form, the band of a radar image and its detection. Its
width is fitted to the autocorrelation at whole lags; what the ground's own texture adds is interpolated between them.
Generalised least squares then fit A and d to the correlation surface of a window: neighbouring lags share their noise,
whose covariance follows from R, too. For finely sampled images this is the whitened correlation, which reaches the
Cramér-Rao bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import linalg, optimize
from scipy.fft import next_fast_len
from torch import Tensor

from ingest.errors import UnusableData
from ml.offsets.texture import texture
from ml.runtime.device import in_threads

LAGS_PX = 3  # largest lag, on both axes, that the fit uses
FARTHEST_PX = 2.0  # largest offset from the start that is found
STEP_PX = 1 / 64  # between the tabulated shifts
COARSE_STEPS = 32  # steps between the shifts that are tried first
TURNS = 5  # of Fisher's scoring, from the best of these
LONGEST_STEP_PX = 0.25
LAST_STEP_PX = 0.05  # longest step with the filters for the correlation that was found
LEAST_INFORMATION = 1e-9  # with less, nothing is known
LOOKS_PX = 8  # side of the squares from whose spread the looks are estimated
FITTED_LAGS = 4  # of the autocorrelation that determine the band
LAGS = 8  # of the autocorrelation that are kept; what the band does not explain is interpolated between them
SHOULDER, SHOULDER_WEIGHT = 0.75, 0.02  # usual share of a band in which it falls; weight of this prior in the fit
RIDGE = 0.005  # added to the covariance's diagonal, as a share, for what the law does not explain
BAND_STEPS = 129
SERIES_TERMS = 32
BAND_STARTS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.75)  # The fit begins at the nearest of these.
Floats = NDArray[np.float64]


class Law(NamedTuple):
    """Tables of a pair's law over shifts from -FARTHEST_PX to FARTHEST_PX, for rows and columns of a surface.

    filters: (2, 2, shifts, lags), whose product with a normalised surface, the height of the match, is highest at the
    surface's offset, for images that hardly cohere and for those that are the same; slopes: their derivatives by the
    shift; norm: (2, shifts), the ratio of that height to the correlation A, one factor per axis; information: (2,
    shifts), of a shift, 1/px^2; looks: of the images.
    """

    filters: Tensor
    slopes: Tensor
    norm: Tensor
    information: Tensor
    looks: float


class Fitted(NamedTuple):
    """Fitted offsets of n surfaces: offset (2, n), px, dx and dy; sigma (2, n), px; correlation (n,), 0-1.

    contrast: (n,), the height of the match in standard deviations of chance matches.
    """

    offset: Tensor
    sigma: Tensor
    correlation: Tensor
    contrast: Tensor


def law_of(samples: Sequence[Tensor]) -> Law:
    """Fit the law of a pair. samples: (2, rows, cols) each, linear power, NaN unknown. UnusableData if none."""
    if not samples:
        raise UnusableData("nowhere do both images show most of the ground")
    return law_from(fitted_bands(samples), samples[0].device)


def law_from(bands: Sequence[Band], device: torch.device) -> Law:
    """Return the law of images with these bands along rows and columns."""
    ends = [[_tables(band, coherence) for band in bands] for coherence in (0.0, 1.0)]
    tables = [
        torch.tensor(np.array([[axis[part] for axis in end] for end in ends]), dtype=torch.float32, device=device)
        for part in range(4)
    ]
    return Law(tables[0], tables[1], tables[2].mean(dim=0), tables[3].mean(dim=0), bands[0].looks)


def fitted_bands(samples: Sequence[Tensor]) -> list[Band]:
    """Fit the bands of a pair along rows and columns. samples: as of `law_of`."""

    def measured(image: Tensor) -> tuple[Floats, float]:
        return autocorrelation(texture(image.log())[0]), looks_of(image[0])

    images = [image for sample in samples for image in torch.split(sample, 1)]
    lags, of_images = zip(*in_threads(measured, images, images[0].device), strict=True)
    along, looks = np.mean(lags, axis=0), float(np.median(of_images))
    return [fitted_band(lags, looks) for lags in along]


def autocorrelation(image: Tensor) -> Floats:
    """Return the correlation of a texture (rows, cols), 0 unknown, with itself at lags of 0 to LAGS px, (2, n).

    First along rows (a lag of some rows), then along columns.
    """
    known = (image != 0).to(image.dtype)
    lags = []
    for lines, seen in ((image.T, known.T), (image, known)):
        pairs = _lagged_products(seen[:1] if known.all() else seen)  # Lines that are all known have the same pairs.
        mean = _lagged_products(lines) / pairs.clamp_min(1)
        lags.append((mean / mean[0].clamp_min(1e-9)).cpu().numpy())
    return np.stack(lags)


def _lagged_products(lines: Tensor) -> Tensor:
    """Add the products of values 0 to LAGS px apart along lines (lines, px), by their power spectra."""
    size = next_fast_len(lines.shape[1] + LAGS, real=True)
    parts = torch.view_as_real(torch.fft.rfft(lines.contiguous(), size)).flatten(1)
    power = parts.square_().sum(dim=0).double().reshape(-1, 2).sum(dim=1)
    lags: Tensor = torch.fft.irfft(power, size)
    return lags[: LAGS + 1]


def looks_of(power: Tensor) -> float:
    """Estimate the looks of an image (rows, cols) from the spread of its amplitude, at least 1."""
    squares = (
        power.clamp_min(0).sqrt().unfold(0, LOOKS_PX, LOOKS_PX).unfold(1, LOOKS_PX, LOOKS_PX).flatten(2).flatten(0, 1)
    )
    spread = squares.var(dim=1) / squares.mean(dim=1).clamp_min(1e-12) ** 2
    known = spread[torch.isfinite(spread)]
    return max(1.0, 1 / (4 * max(float(known.quantile(0.3)), 1e-3))) if len(known) else 1.0


class Band(NamedTuple):
    """Band of a radar image along one axis, and its looks.

    half: half of its width, cycles/px; shoulder: share of it in which it falls to 0, as a raised cosine; left: by what
    the autocorrelation at lags of 0 to LAGS px exceeds that of the band, () for nothing.
    """

    half: float
    shoulder: float
    looks: float
    left: tuple[float, ...] = ()

    def autocorrelation(self, lags: Floats, coherence: float = 1.0) -> Floats:
        """Return the correlation of detected amplitudes at any lags (n,), px, over that at lag 0.

        If the fields of two images of L looks correlate by r, the covariance of their amplitudes is proportional to
        2F1(-1/2, -1/2; L; r^2) - 1; r is the coherence of the images times the autocorrelation of one field. For no
        coherence, the limit is the square of that autocorrelation.
        """
        at = np.linspace(0, 1, BAND_STEPS)
        power = (0.5 - 0.5 * np.cos(np.pi * np.clip((1 - at) / self.shoulder, 0, 1))) ** 2
        field = np.cos(2 * np.pi * self.half * np.outer(lags, at)) @ power / power.sum()
        if coherence == 0:
            return np.asarray(field**2 + self._interpolated(lags))
        rise, most = (_rise(part, self.looks) for part in ((coherence * field) ** 2, np.array([coherence**2])))
        return np.asarray(rise / most + self._interpolated(lags))

    def _interpolated(self, lags: Floats) -> Floats:
        """Return what is left of the autocorrelation at any lags, interpolated by a sinc under a Hann window."""
        if not self.left:
            return np.zeros_like(lags)
        at = np.arange(-LAGS, LAGS + 1)
        off = lags[:, None] - at
        weights = np.sinc(off) * np.cos(np.pi * np.clip(off / (2 * (LAGS + 1)), -0.5, 0.5)) ** 2
        return np.asarray(weights @ np.array(self.left)[np.abs(at)])


def _rise(squared: Floats, looks: float) -> Floats:
    """Return 2F1(-1/2, -1/2; looks; x) - 1 of squared correlations x (n,) by the first SERIES_TERMS of its series."""
    n = np.arange(SERIES_TERMS)
    factors = np.cumprod((n - 0.5) ** 2 / ((looks + n) * (n + 1)))
    return np.asarray(squared * np.polynomial.polynomial.polyval(squared, factors))


def fitted_band(lags: Floats, looks: float) -> Band:
    """Fit a band to the autocorrelation at lags of 0 to LAGS px."""
    at = np.arange(1, FITTED_LAGS + 1)

    def misfit(given: Floats) -> Floats:
        differences = (lags[at] - Band(given[0], given[1], looks).autocorrelation(at.astype(float))) / np.sqrt(at)
        return np.append(differences, SHOULDER_WEIGHT * (given[1] - SHOULDER))

    start = min(BAND_STARTS, key=lambda half: float((misfit(np.array([half, SHOULDER])) ** 2).sum()))
    found = optimize.least_squares(misfit, (start, SHOULDER), bounds=([0.05, 0.05], [1.2, 1.0])).x
    band = Band(float(found[0]), float(found[1]), looks)
    left = lags - band.autocorrelation(np.arange(LAGS + 1.0))
    return band._replace(left=tuple(left.tolist()))


def _tables(band: Band, coherence: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the filters, slopes, norm and information of Law along one axis."""
    lags, shifts = np.arange(-LAGS_PX, LAGS_PX + 1.0), np.arange(-FARTHEST_PX, FARTHEST_PX + STEP_PX / 2, STEP_PX)
    far = band.autocorrelation(np.arange(-16.0, 17.0))
    shared = np.correlate(far, far, "full")[len(far) - 1 :]
    covariance = linalg.toeplitz(shared[: len(lags)]) + RIDGE * shared[0] * np.eye(len(lags))
    expected = band.autocorrelation((lags - shifts[:, None]).ravel(), coherence).reshape(len(shifts), len(lags))
    inverse = np.linalg.inv(covariance)
    norm = np.sqrt(np.einsum("sk,kl,sl->s", expected, inverse, expected))
    unit = expected / norm[:, None]
    turning = np.gradient(unit, STEP_PX, axis=0)
    information = np.einsum("sk,kl,sl->s", turning, inverse, turning)
    return unit @ inverse, turning @ inverse, norm, information


class Matched(NamedTuple):
    """Match of n surfaces with the law at one shift each.

    height: (n,), of the match; slopes: (2, n), its derivatives by the shift, rows first; information: (2, n), of a
    shift, 1/px^2; norm: (n,), the ratio of the height to the correlation.
    """

    height: Tensor
    slopes: Tensor
    information: Tensor
    norm: Tensor


def fit(surface: Tensor, pixels: Tensor, law: Law) -> Fitted:
    """Fit offsets to correlation surfaces; only the last step has a gradient, with respect to the surfaces.

    surface: (lags, lags, n), normalised, rows of lags first; pixels: (n,), the effective number of independent
    products that were averaged (ml.offsets.evidence.surfaces).
    """
    with torch.no_grad():
        at, height = _highest(surface, law)
        near = at.flip(0) * STEP_PX - FARTHEST_PX
        norm = match(surface, near, torch.zeros_like(height), law).norm
    return stepped(match(surface, near, (height / norm).clamp(0, 1), law), near, pixels)


def match(surface: Tensor, shift: Tensor, correlation: Tensor, law: Law) -> Matched:
    """Match surfaces (lags, lags, n) with the law at given shifts.

    shift: (2, n), px, dx and dy; correlation: (n,), rough, 0-1.
    """
    at = ((shift.flip(0) + FARTHEST_PX) / STEP_PX).clamp(0, law.norm.shape[1] - 1)
    lags = surface.shape[0]
    parts = []
    for axis in (0, 1):
        ends = torch.stack([law.filters[:, axis], law.slopes[:, axis]], dim=1).mT.flatten(0, 2)
        table = torch.cat([ends, law.information[axis : axis + 1], law.norm[axis : axis + 1]])
        values = _between(table, at[axis])
        mixed = torch.lerp(values[: 2 * lags], values[2 * lags : -2], correlation)
        parts.append((mixed[:lags], mixed[lags:], *values[-2:]))
    filters, slopes, information, norm = zip(*parts, strict=True)
    along_rows = (surface * filters[1]).sum(dim=1)
    along_cols = (surface * filters[0][:, None]).sum(dim=0)
    turned = torch.stack([(slopes[0] * along_rows).sum(dim=0), (slopes[1] * along_cols).sum(dim=0)])
    return Matched((filters[0] * along_rows).sum(dim=0), turned, torch.stack(information), norm[0] * norm[1])


def stepped(matched: Matched, shift: Tensor, pixels: Tensor, longest: float = LAST_STEP_PX) -> Fitted:
    """Take one step of Fisher's scoring, `longest` px at most, from shifts (2, n), px.

    Texture that correlates by A counts as 1 + 2 A^2 times as many pixels.
    """
    least = matched.height.detach().clamp_min(1e-6)
    sure = (least * matched.information).clamp_min(LEAST_INFORMATION)
    step = (matched.slopes / sure).clamp(-longest, longest)
    correlation = (matched.height / matched.norm.clamp_min(LEAST_INFORMATION)).clamp(0.02, 0.99)
    noise = ((1 - correlation**2) / (pixels * (1 + 2 * correlation**2)).clamp_min(1)).sqrt()
    sigma = noise / (least * matched.information.sqrt())
    return Fitted(shift + step.flip(0), sigma.flip(0), correlation, matched.height * pixels.sqrt())


def _highest(surface: Tensor, law: Law) -> tuple[Tensor, Tensor]:
    """Return the position of the best match in the law's tables, in steps, (2, n), rows first, and its height (n,)."""
    tables = torch.cat([law.filters.mean(dim=0), law.slopes.mean(dim=0), law.information[:, :, None]], dim=2).mT
    lags, shifts = len(surface), law.norm.shape[1]
    steps = torch.arange(0, shifts, COARSE_STEPS, device=surface.device)
    rows, cols = tables[:, :lags, steps]
    height, best = torch.einsum("kr,lc,kln->rcn", rows, cols, surface).flatten(0, 1).max(dim=0)
    at = torch.stack([steps[best // len(steps)], steps[best % len(steps)]]).to(surface.dtype)
    for _ in range(TURNS):
        row, col = (_between(tables[axis], at[axis]) for axis in (0, 1))
        along_rows, along_cols = (surface * col[:lags]).sum(dim=1), (surface * row[:lags, None]).sum(dim=0)
        height = (row[:lags] * along_rows).sum(dim=0).clamp_min(1e-6)
        for axis, values, along in ((0, row, along_rows), (1, col, along_cols)):
            slope = (values[lags:-1] * along).sum(dim=0)
            step = (slope / (height * values[-1])).nan_to_num().clamp(-LONGEST_STEP_PX, LONGEST_STEP_PX) / STEP_PX
            at[axis] = (at[axis] + step).clamp(0, shifts - 1)
    return at, height


def _between(table: Tensor, at: Tensor) -> Tensor:
    """Interpolate a table (rows, shifts) linearly at positions (n,) in steps, (rows, n)."""
    low = at.floor().long().clamp(0, table.shape[1] - 2)
    return torch.lerp(table.index_select(1, low), table.index_select(1, low + 1), at - low)
