"""Offsets from correlation at whole lags, by a model of what two images share.

At a whole lag k, textures of ground that moved by d correlate by A R(k - d); R is what both images share as a function
of a continuous shift. This also holds where pixels are too coarse for the texture's band, so that no interpolation
between pixels is correct. R has two parts: speckle, whose form follows from the band of a radar image and its
detection, and what normalisation leaves of the ground's own texture, which is speckle's form blurred over several
scales, in other shares along rows than along columns. Both are fitted to the autocorrelation of the images. Between two
images speckle decorrelates more than texture: its share is fitted to the correlation surfaces of the pair. If both are
modelled as one part, offsets are drawn to whole pixels.

Generalised least squares then fit A and d to the correlation surface of a window: neighbouring lags share their noise,
whose covariance follows from the autocorrelation, too. Finely sampled, it is the whitened correlation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import linalg, optimize
from scipy.fft import irfft, next_fast_len, rfft
from torch import Tensor

from ground_motion.runtime.device import map_in_threads

LAGS_PX = 3  # Offsets are fitted to a surface out to this lag on both axes.
MAX_FROM_START_PX = 2.5  # largest offset from the start that is found
STEPS = 64  # tabulated shifts in a pixel
STEP_PX = 1 / STEPS
COARSE_STEPS = 32  # The shifts tried first are 1/32 px apart.
SCORING_STEPS, MAX_STEP_PX = 5, 0.25  # Steps of Fisher's scoring that follow from the best of these shifts.
MAX_LAST_STEP_PX = 0.05  # Only the last step has a gradient.
MIN_INFORMATION = 1e-9  # A match with less information says nothing.
LOOKS_PX = 8  # Looks are estimated from the spread in squares of this side.
LEARNING_LAGS = 8  # Bands are fitted to the autocorrelation out to this lag, px.
SCALES_PX = (0.6, 1.2, 2.4, 5.0, 12.0)  # Blurs of these standard deviations make texture that has the form of speckle.
# These shares are added to the covariance's diagonal, because no autocorrelation model explains an image fully. Models
# are compared with the larger share, so that their form decides.
RIDGE, CHOOSING_RIDGE = 0.02, 0.1
SERIES_TERMS = 32
HALVES = (0.15, 0.25, 0.35, 0.5, 0.75)  # A fit of bands begins with one of these.
BOUNDS = (0.05, 1.2), (0.05, 1.0)  # A band's half and shoulder lie in these ranges.
# Weights of a prior against texture, of one against texture that differs between the axes, which edges of shadow or of
# fields make, and of shares that add up to 1.
TEXTURE_WEIGHT, UNLIKE_WEIGHT, SUM_WEIGHT = 0.02, 0.25, 30.0
# Prior of a band, at one look and at MANY_LOOKS or more: largest usual half width, cycles/px; standard deviation of
# what exceeds it, cycles/px; weight of the shoulder's deviation from SHOULDER. With one look, pixels may sample an
# image at its resolution; with many, each pixel averages finer ones, so that its form is wider and smoother.
# Autocorrelation at whole lags hardly tells these apart.
MANY_LOOKS, SHOULDER = 8.0, 0.75
MAX_HALF, EXCESS, SHOULDER_WEIGHT = (0.5, 0.4), (0.5, 0.02), (1.0, 6.0)
FIT_STEPS = 8  # shifts in a pixel with which bands are fitted
PERIOD_PX = 64  # The form of speckle is transformed over this period, to be blurred.
# Shares of speckle's variance, relative to texture's, that a pair may have in common; the first where nothing is known.
SHARED = (0.7, 0.5, 1.0, 0.35, 0.2, 0.1)
COHERENCE = 0.7  # The form of speckle between two images usually has this coherence.
MIN_LEARNING_CONTRAST = 6.0  # The share of speckle in common is learned from windows of this contrast.
MAX_CORRELATION = 0.95  # Higher correlations are clipped, else one window would outweigh all others.
MIN_TEXTURE, MAX_TEXTURE = 0.01, 0.75  # A smaller share of texture is noise, and speckle always has a share.
# Error of the form where ground has texture, px, midway between whole and half pixels, times the square of what speckle
# loses over a pixel: found on validation pairs of textured ground (lab.offsets.critical).
FORM_PX = 0.036
Floats = NDArray[np.float64]


class Band(NamedTuple):
    """Band of a radar image along one axis, and what a pair of them shares.

    half: half of its width, cycles/px; shoulder: share of it in which it falls to 0, as a raised cosine; looks: of the
    images; shared: the share of speckle's variance, relative to that of texture, that both images have in common;
    textures: shares of the autocorrelation that are texture of each of SCALES_PX, () for none.
    """

    half: float
    shoulder: float
    looks: float
    shared: float = 1.0
    textures: tuple[float, ...] = ()

    def autocorrelation(self, lags: Floats) -> Floats:
        """Return the correlation of an image with itself at any lags (n,), px."""
        at = np.abs(np.asarray(lags)) * STEPS
        speckle, texture = (np.interp(at, np.arange(len(part)), part) for part in _parts(self, 1.0))
        share = sum(self.textures)
        return np.asarray((1 - share) * speckle + share * texture)


class Autocorrelation(NamedTuple):
    """Tables of a pair's autocorrelation for rows and columns of a surface, at shifts up to MAX_FROM_START_PX each way.

    looks: of the images; form_px: (2,), error of the form along rows and columns, px; filters: (2 axes, 2 parts, lags,
    shifts), of speckle and of texture, whose products with a surface add up to the height of the match times its norm;
    slopes: their derivatives by the shift; energy: (2, 3, 3, shifts), products of two expected correlations under the
    noise, of one with the derivative of another, and of two derivatives, each for speckle, both parts and texture.
    """

    looks: float
    form_px: Tensor
    filters: Tensor
    slopes: Tensor
    energy: Tensor


class Fitted(NamedTuple):
    """Fitted offsets of n surfaces: offset (2, n), px, dx and dy; sigma (2, n), px; correlation (n,), 0-1.

    contrast: (n,), the height of the match in standard deviations of chance matches.
    """

    offset: Tensor
    sigma: Tensor
    correlation: Tensor
    contrast: Tensor


def learned_bands(textures: Sequence[Tensor], looks: float, surface: Tensor, pixels: Tensor) -> list[Band]:
    """Learn what a pair shares: the bands along rows and columns under which its surfaces are likeliest.

    textures: (2, rows, cols) each, 0 unknown; they count as white noise if all is; looks: of the images; surface,
    pixels: of windows, as `fit` takes them.
    """
    images = [image for part in textures for image in part if image.any()]
    lags = map_in_threads(autocorrelation, images, surface.device) or [np.eye(1, LEARNING_LAGS + 1).repeat(2, axis=0)]
    bands, tried, weight = fitted_bands(np.mean(lags, axis=0), looks), [], None
    for shared in SHARED if bands[0].textures else ():
        pair = [band._replace(shared=shared) for band in bands]
        found = fit(surface, pixels, autocorrelation_from(pair, surface.device, CHOOSING_RIDGE))
        if weight is None:
            # Use the same weights for all shares; otherwise a share with less expected correlation would seem likelier.
            weight = (found.contrast >= MIN_LEARNING_CONTRAST) / (1 - found.correlation.clamp(0, MAX_CORRELATION) ** 2)
        explained = float((weight * found.contrast**2).nan_to_num().sum())
        tried.append((explained, pair))
    return max(tried, key=lambda scored: scored[0])[1] if tried else bands


def autocorrelation_from(bands: Sequence[Band], device: torch.device, ridge: float = RIDGE) -> Autocorrelation:
    """Return the autocorrelation of a pair with these bands along rows and columns."""
    tables = []
    for band in bands:
        expected, inverse, form_px = _expect(band, ridge)
        turning = np.gradient(expected, STEP_PX, axis=2)
        filters, slopes = inverse @ expected, inverse @ turning
        energy = [_products(*both) for both in ((filters, expected), (filters, turning), (slopes, turning))]
        tables.append((form_px, filters, slopes, np.stack(energy)))
    stacked = (torch.tensor(np.array(part), dtype=torch.float32, device=device) for part in zip(*tables, strict=True))
    return Autocorrelation(bands[0].looks, *stacked)


def _products(table: Floats, other: Floats) -> Floats:
    """Return products over lags of two tables (2 parts, lags, shifts): of speckle, of both parts, of texture.

    Those of both parts are divided by the root of 2, so that products for rows times those for columns add up.
    """
    own, mixed = (table * other).sum(axis=1), (table * other[::-1]).sum(axis=(0, 1)) / 2**0.5
    return np.stack([own[0], mixed, own[1]])


def _expect(band: Band, ridge: float) -> tuple[Floats, Floats, float]:
    """Return the expected correlation along an axis, (2 parts, lags, shifts), the inverse noise covariance, `form_px`.

    Each part is scaled by the root of its share, because a surface is the product of both axes.
    """
    lags = np.arange(-LAGS_PX, LAGS_PX + 1)
    far = band.autocorrelation(np.arange(-16.0, 17.0))
    common = np.correlate(far, far, "full")[len(far) - 1 :][: len(lags)]
    inverse = np.linalg.inv(linalg.toeplitz(common) + ridge * common[0] * np.eye(len(lags)))
    reach = round(MAX_FROM_START_PX * STEPS)
    at = np.abs(lags[:, None] * STEPS - np.arange(-reach, reach + 1))
    texture = sum(band.textures)
    shares = np.array([(1 - texture) * band.shared, texture])
    parts = _parts(band, COHERENCE)[:, at]
    form_px = FORM_PX * (1 - far[len(far) // 2 + 1]) ** 2 if band.textures else 0.0  # The index is that of lag 1.
    return np.sqrt(shares / shares.sum())[:, None, None] * parts, inverse, form_px


def _parts(band: Band, coherence: float) -> Floats:
    """Return the forms of speckle and of all texture, (2, n), at shifts STEP_PX apart from 0, px; 1 at 0."""
    forms = _forms(band.half, band.shoulder, band.looks, STEPS, coherence)
    if not band.textures:
        return np.stack([forms[0], forms[0]])
    return np.stack([forms[0], np.average(forms[1:], axis=0, weights=band.textures)])


@lru_cache(maxsize=16)
def _forms(half: float, shoulder: float, looks: float, steps: int, coherence: float) -> Floats:
    """Return the form of speckle, then of each texture, (1 + SCALES_PX, n), `steps` shifts in a pixel, from 0; 1 at 0.

    If the fields of two images of L looks correlate by r, the covariance of their amplitudes is proportional to
    2F1(-1/2, -1/2; L; r^2) - 1; r is the coherence of the images times the autocorrelation of one field.
    """
    size, band = PERIOD_PX * steps, np.linspace(0, 1, 65)
    power = (0.5 - 0.5 * np.cos(np.pi * np.clip((1 - band) / shoulder, 0, 1))) ** 2
    lags = np.arange(size // 2 + 1) / steps
    field = np.cos(2 * np.pi * half * np.outer(lags, band)) @ power / power.sum()
    n = np.arange(SERIES_TERMS)
    factors = np.cumprod((n - 0.5) ** 2 / ((looks + n) * (n + 1)))
    squared = (coherence * field) ** 2
    detected = squared * np.polynomial.polynomial.polyval(squared, factors)
    spectrum = rfft(np.concatenate([detected, detected[-2:0:-1]])).real
    blurs = np.outer((0.0, *SCALES_PX), np.arange(len(spectrum)) / PERIOD_PX)
    forms = irfft(spectrum * np.exp(-2 * (np.pi * blurs) ** 2), size)[:, : size // 2 + 1]
    return np.asarray(forms / forms[:, :1])


def autocorrelation(image: Tensor) -> Floats:
    """Return the correlation of a texture (rows, cols), 0 unknown, with itself at lags up to LEARNING_LAGS, (2, n).

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
    """Add the products of values 0 to LEARNING_LAGS px apart along lines (lines, px), by their power spectra."""
    size = next_fast_len(lines.shape[1] + LEARNING_LAGS, real=True)
    parts = torch.view_as_real(torch.fft.rfft(lines.contiguous(), size)).flatten(1)
    power = parts.square_().sum(dim=0).double().reshape(-1, 2).sum(dim=1)
    lags: Tensor = torch.fft.irfft(power, size)
    return lags[: LEARNING_LAGS + 1]


def looks_of(power: Tensor) -> float:
    """Estimate the looks of an image (rows, cols) from the spread of its amplitude, at least 1."""
    squares = (
        power.clamp_min(0).sqrt().unfold(0, LOOKS_PX, LOOKS_PX).unfold(1, LOOKS_PX, LOOKS_PX).flatten(2).flatten(0, 1)
    )
    spread = squares.var(dim=1) / squares.mean(dim=1).clamp_min(1e-12) ** 2
    known = spread[torch.isfinite(spread)]
    return max(1.0, 1 / (4 * max(float(known.quantile(0.3)), 1e-3))) if len(known) else 1.0


def fitted_bands(lags: Floats, looks: float) -> list[Band]:
    """Fit bands along rows and columns to an autocorrelation (2, LEARNING_LAGS + 1), rows first, 1 at lag 0.

    looks: of the images. Both axes have the same share of texture; less than MIN_TEXTURE of it counts as none.
    """
    many = np.clip(np.log(looks) / np.log(MANY_LOOKS), 0, 1)
    widest, firm = (few + many * (most - few) for few, most in (MAX_HALF, SHOULDER_WEIGHT))
    excess = EXCESS[0] * (EXCESS[1] / EXCESS[0]) ** many
    at, n = np.arange(LEARNING_LAGS + 1), len(SCALES_PX)
    root = np.sqrt(np.maximum(at, 1))
    mix = MAX_TEXTURE * np.eye(1 + n)
    mix[:, 0] = 1 - MAX_TEXTURE  # Each form has this much of speckle.
    mix[0, 0] = 1.0
    # What is fitted: the share of speckle, of each texture along rows, of each texture along columns.
    every = np.eye(1 + 2 * n)
    of_axis = np.stack([every[: 1 + n], every[[0, *range(1 + n, 1 + 2 * n)]]])
    unlike = of_axis[0, 1:] - of_axis[1, 1:]
    known = np.concatenate([SUM_WEIGHT * of_axis.sum(axis=1), TEXTURE_WEIGHT * every[1:], UNLIKE_WEIGHT * unlike])
    wanted = np.concatenate([*(lags / root), [SUM_WEIGHT] * 2, np.zeros(3 * n)])

    def shares(given: Floats) -> tuple[Floats, Floats]:
        """Return the shares of all forms and what they leave."""
        forms = [mix @ _forms(*axis, looks, FIT_STEPS, 1.0)[:, at * FIT_STEPS] / root for axis in given.reshape(2, 2)]
        design = np.concatenate([*(form.T @ own for form, own in zip(forms, of_axis, strict=True)), known])
        found, _ = optimize.nnls(design, wanted)
        return found, design @ found - wanted

    def misfit(given: Floats) -> Floats:
        unusual = np.append(np.maximum(0, given[::2] - widest) / excess, firm * (given[1::2] - SHOULDER))
        return np.concatenate([shares(given)[1], TEXTURE_WEIGHT * unusual])

    begin = min(
        (np.array([half, SHOULDER] * 2) for half in HALVES), key=lambda start: float((misfit(start) ** 2).sum())
    )
    best = optimize.least_squares(misfit, begin, bounds=np.array(BOUNDS * 2).T, ftol=1e-4, diff_step=1e-4).x
    found = of_axis @ shares(best)[0]
    textures = MAX_TEXTURE * found[:, 1:] / found.sum(axis=1, keepdims=True)
    some = textures.sum(axis=1).min() > MIN_TEXTURE
    return [
        Band(float(half), float(shoulder), looks, textures=tuple(own.tolist()) if some else ())
        for (half, shoulder), own in zip(best.reshape(2, 2), textures, strict=True)
    ]


class Matched(NamedTuple):
    """Match of n surfaces with the autocorrelation at one shift each.

    height: (n,), of the match; slopes: (2, n), its derivatives by the shift, rows first; information: (2, n), of a
    shift, 1/px^2; norm: (n,), the ratio of the height to the correlation.
    """

    height: Tensor
    slopes: Tensor
    information: Tensor
    norm: Tensor


def fit(surface: Tensor, pixels: Tensor, model: Autocorrelation) -> Fitted:
    """Fit offsets to correlation surfaces; only the last step has a gradient, with respect to the surfaces.

    surface: (lags, lags, n), normalised, rows of lags first; pixels: (n,), the effective number of independent
    products that were averaged (ground_motion.methods.offsets.evidence.surfaces).
    """
    with torch.no_grad():
        near = best_tabulated(surface, model)
        for _ in range(SCORING_STEPS):
            found = match(surface, near, model)
            step = found.slopes / (found.height.clamp_min(1e-6) * found.information).clamp_min(MIN_INFORMATION)
            near = (near + step.flip(0).clamp(-MAX_STEP_PX, MAX_STEP_PX)).clamp(-MAX_FROM_START_PX, MAX_FROM_START_PX)
    return take_step(match(surface, near, model), near, pixels, model)


def match(surface: Tensor, shift: Tensor, model: Autocorrelation) -> Matched:
    """Match surfaces (lags, lags, n) with the autocorrelation at given shifts (2, n), px, dx and dy."""
    at, lags, axes = (shift.flip(0) + MAX_FROM_START_PX) / STEP_PX, len(surface), []
    for table, along in zip(zip(model.filters, model.slopes, model.energy, strict=True), at, strict=True):
        values = _interpolate(torch.cat([part.flatten(0, 1) for part in table]), along)
        axes.append((*values[: 4 * lags].reshape(4, lags, -1), *values[4 * lags :].reshape(3, 3, -1)))
    (*rows, row, row_turn, row_turns), (*cols, col, col_turn, col_turns) = axes
    sums = surface.new_zeros(3, surface.shape[2])  # height, slopes along rows and columns
    for part in (0, 1):
        across = (surface * cols[part]).sum(dim=1)
        along = (surface * rows[part][:, None]).sum(dim=0)
        products = rows[part] * across, rows[2 + part] * across, cols[2 + part] * along
        sums = sums + torch.stack([product.sum(dim=0) for product in products])
    energy = (row * col).sum(dim=0).clamp_min(MIN_INFORMATION)
    turned, turns = (
        torch.stack([(first * col).sum(dim=0), (row * second).sum(dim=0)]) / energy
        for first, second in ((row_turn, col_turn), (row_turns, col_turns))
    )
    norm = energy.sqrt()
    height = sums[0] / norm
    return Matched(height, sums[1:] / norm - height * turned, turns - turned**2, norm)


def take_step(
    matched: Matched, shift: Tensor, pixels: Tensor, model: Autocorrelation, longest: float = MAX_LAST_STEP_PX
) -> Fitted:
    """Take one step of Fisher's scoring, `longest` px at most, from shifts (2, n), px.

    Texture that correlates by A counts as 1 + 2 A^2 times the pixels. Sigma holds noise and the error of the form.
    """
    least = matched.height.detach().clamp_min(1e-6)
    sure = (least * matched.information).clamp_min(MIN_INFORMATION)
    step = (matched.slopes / sure).clamp(-longest, longest)
    correlation = (matched.height / matched.norm.clamp_min(MIN_INFORMATION)).clamp(0.02, 0.99)
    noise = ((1 - correlation**2) / (pixels * (1 + 2 * correlation**2)).clamp_min(1)).sqrt()
    of_form = model.form_px[:, None] * (2 * math.pi * shift.flip(0)).sin()
    sigma = torch.hypot(noise / (least * matched.information.sqrt()), of_form)
    return Fitted(shift + step.flip(0), sigma.flip(0), correlation, matched.height * pixels.sqrt())


def best_tabulated(surface: Tensor, model: Autocorrelation) -> Tensor:
    """Return the shift at which surfaces match the autocorrelation best, (2, n), px.

    It is the best of those tabulated COARSE_STEPS apart, moved to the vertices of the parabolas around it.
    """
    (rows, cols), (row, col) = model.filters[..., ::COARSE_STEPS], model.energy[:, 0, :, ::COARSE_STEPS]
    norm = (row.T @ col).clamp_min(MIN_INFORMATION).sqrt()
    filters = torch.einsum("pkr,plc->rckl", rows, cols) / norm[..., None, None]
    tried = filters.flatten(2).flatten(0, 1) @ surface.flatten(0, 1)
    side, best = len(norm), tried.argmax(dim=0)
    at, shift = (best // side, best % side), torch.empty(2, surface.shape[2], device=surface.device)
    for axis, stride in ((0, side), (1, 1)):
        inside = at[axis].clamp(1, side - 2)
        middle = best + (inside - at[axis]) * stride
        below, here, above = (tried.gather(0, (middle + off)[None])[0] for off in (-stride, 0, stride))
        vertex = (above - below) / (2 * (2 * here - below - above)).clamp_min(1e-9)
        shift[1 - axis] = (inside + vertex.clamp(-1, 1)) * (COARSE_STEPS * STEP_PX) - MAX_FROM_START_PX
    return shift


def _interpolate(table: Tensor, at: Tensor) -> Tensor:
    """Interpolate a table (rows, shifts) linearly at positions (n,) in steps, (rows, n)."""
    low = at.floor().long().clamp(0, table.shape[1] - 2)
    return torch.lerp(table.index_select(1, low), table.index_select(1, low + 1), at - low)
