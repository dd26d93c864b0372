"""`python -m ml simulate report --out DIR`: the simulator's checks as figures and as pictures (docs/simulation.md)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from scipy import stats

from lab.simulation.sar import motion
from lab.simulation.sar.ground import Likely, structured
from lab.simulation.sar.opera_like import chip_pair
from lab.simulation.sar.pairs import SarPair, imaged_at, padded, simulate_pair
from lab.simulation.sar.realism import Place, of_speckle, statistics, two_sample_auc
from lab.simulation.sar.recipes import even_ground, training_pair
from lab.simulation.sar.system import GRDH, Complex, Float32, detected, scatterers
from lab.simulation.seeds import Purpose, generator

CHIPS = 66
GREY_DB = (-14.0, 10.0)


class Check(NamedTuple):
    """One line of the report: what was looked at, what came out, what should."""

    name: str
    measured: str
    expected: str


def looks_and_distribution(scene: int = 0) -> tuple[float, float]:
    """Equivalent looks of even GRDH ground, and the distance (Kolmogorov) of its power from Gamma(L)."""
    rng = generator(Purpose.TEST, "report-looks", scene)
    ground = even_ground(GRDH, 256, 0.5)
    power = simulate_pair(rng, GRDH, ground, np.zeros((2, *ground.gamma.shape), dtype=np.float32)).power[0]
    power = power / power.mean()
    looks = 1 / float(power.var())
    return looks, float(stats.kstest(power[::3, ::3].ravel(), "gamma", args=(looks, 0, 1 / looks)).statistic)


def autocorrelation(scene: int = 0) -> tuple[list[float], list[float]]:
    """Of even GRDH power at 1 to 3 px along the columns: measured, and by the theory of the band (|rho|^2)."""
    rng = generator(Purpose.TEST, "report-lags", scene)
    ground = even_ground(GRDH, 256, 0.5)
    power = simulate_pair(rng, GRDH, ground, np.zeros((2, *ground.gamma.shape), dtype=np.float32)).power[0]
    x = power - power.mean()
    measured = [float((x[:, lag:] * x[:, :-lag]).mean() / (x**2).mean()) for lag in (1, 2, 3)]
    frequency = np.fft.fftfreq(4096)
    edge = 0.5 / GRDH.resolution_px[1]
    band = np.where(np.abs(frequency) <= edge, 0.75 + 0.25 * np.cos(np.pi * frequency / edge), 0.0)
    shared = np.abs(np.fft.ifft(band**2)) ** 2
    return measured, [float(shared[lag] / shared[0]) for lag in (1, 2, 3)]


def pearson(gamma: float, scene: int = 0) -> float:
    """Correlation of the powers of two even GRDH images."""
    rng = generator(Purpose.TEST, "report-pearson", scene)
    ground = even_ground(GRDH, 384, gamma)
    power = simulate_pair(rng, GRDH, ground, np.zeros((2, *ground.gamma.shape), dtype=np.float32)).power
    return float(np.corrcoef(power[0].ravel(), power[1].ravel())[0, 1])


def measured_shift(dx_px: float, dy_px: float, gamma: float = 0.9, scene: int = 0) -> tuple[float, float, float]:
    """What the coherent estimator makes of a shift, and its bound (Bamler and Eineder 2005), px.

    The maximum of the complex correlation of all looks, by Newton's steps on the spectra's phase.
    """
    rng = generator(Purpose.TEST, "report-shift", scene)
    size = 96
    ground = even_ground(GRDH, size, gamma)
    first = scatterers(rng, (GRDH.looks, *ground.gamma.shape))
    second = np.asarray(gamma * first + np.sqrt(1 - gamma**2) * scatterers(rng, first.shape), dtype=np.complex64)
    way = np.array([dx_px, dy_px], dtype=np.float32)[:, None, None] * np.ones((1, *ground.gamma.shape), np.float32)
    images = [
        imaged_at(GRDH, first, ground, -0.5 * way, (0.2, 0.3)),
        imaged_at(GRDH, second, ground, 0.5 * way, (0.2, 0.3)),
    ]
    cross = np.einsum("lrc->rc", np.fft.fft2(images[0]).conj() * np.fft.fft2(images[1]))
    rows, cols = (2 * np.pi * np.fft.fftfreq(n) for n in cross.shape)
    at = np.zeros(2)  # dx, dy
    for _ in range(20):
        turned = cross * np.exp(1j * (rows[:, None] * at[1] + cols * at[0]))
        peak = turned.real.sum()
        slope = np.array([-(turned.imag * cols).sum(), -(turned.imag * rows[:, None]).sum()])
        bend = -np.array([(turned.real * cols**2).sum(), (turned.real * rows[:, None] ** 2).sum()])
        at = at - np.clip(slope / np.minimum(bend, -1e-9 * abs(peak)), -0.5, 0.5)
    cells = GRDH.looks * ground.gamma.size / (GRDH.resolution_px[0] * GRDH.resolution_px[1])
    bound = np.sqrt(1.5 / cells) * np.sqrt(1 - gamma**2) / (np.pi * gamma)
    return float(at[0]), float(at[1]), float(bound * max(GRDH.resolution_px))


def interpolation_error(scene: int = 0) -> float:
    """Relative error (root mean square) of power when scatterers are placed one by one, not by the shift theorem."""
    rng = generator(Purpose.TEST, "report-placing", scene)
    ground = even_ground(GRDH, 64, 0.9)
    field: Complex = scatterers(rng, (GRDH.looks, *ground.gamma.shape))
    uniform = np.ones((2, *ground.gamma.shape), dtype=np.float32) * np.float32(0.37)
    uneven = uniform.copy()
    uneven[0, 0, 0] += 1e-6  # no longer uniform, so every scatterer is placed by itself
    exact, placed = (detected(imaged_at(GRDH, field, ground, way, (0.1, -0.2)), GRDH) for way in (uniform, uneven))
    return float(np.sqrt(((exact - placed) ** 2).mean() / (exact**2).mean()))


def speed(pairs: int = 24) -> float:
    """Training chips of 128 x 128 px a second, one process, both truths of coherence included."""
    started = time.perf_counter()
    for scene in range(pairs):
        training_pair(generator(Purpose.TEST, "report-speed", scene))
    return pairs / (time.perf_counter() - started)


def checks() -> list[Check]:
    """Everything that can be checked without real data."""
    looks, distance = looks_and_distribution()
    lags, theory = autocorrelation()
    dx, dy, bound = measured_shift(0.37, -0.23)
    lines = [
        Check("equivalent looks, GRDH", f"{looks:.2f}", f"{GRDH.equivalent_looks:.2f} (4.4-5)"),
        Check("power against Gamma(L), largest distance", f"{distance:.4f}", "below 0.02"),
        Check(
            "autocorrelation at 1, 2, 3 px", " ".join(f"{v:.3f}" for v in lags), " ".join(f"{v:.3f}" for v in theory)
        ),
        Check("coherent estimate of (0.37, -0.23) px", f"({dx:.4f}, {dy:.4f})", f"within 3 x {bound:.4f}"),
        Check("placed one by one against the shift theorem", f"{interpolation_error():.1e}", "below 1e-4"),
    ]
    lines += [
        Check(f"correlation of powers, gamma {g}", f"{pearson(g):.3f}", f"{g * g:.3f}") for g in (0.3, 0.5, 0.7, 0.9)
    ]
    return [*lines, Check("training chips a second, one process", f"{speed():.1f}", "25 (50 on two cores)")]


def real_places(folder: Path, polarisation: str = "VV") -> list[Place]:
    """The land chips of a folder of OPERA RTC-S1 files, by burst (IW2 are land, README of the data)."""
    by_burst: dict[str, list[Float32]] = {}
    for path in sorted(folder.glob(f"OPERA_L2_RTC-S1_*-IW2_*_{polarisation}.tif")):
        with rasterio.open(path, driver="GTiff") as raster:
            power = raster.read(1).astype(np.float32)
        by_burst.setdefault(path.name.split("_")[3], []).append(np.log(np.maximum(power, 1e-6)))
    return [Place(name, np.stack(images)) for name, images in by_burst.items()]


def simulated_chips(count: int, purpose: Purpose = Purpose.TEST) -> Float32:
    """(count, 2, rows, cols): log power of chips like the real ones, each of another place."""
    pairs = [chip_pair(generator(purpose, "opera-like", scene)) for scene in range(count)]
    return np.log(np.stack([pair.power for pair in pairs]))


def against_real(folder: Path, chips: int = CHIPS) -> list[str]:
    """The chips' statistics beside the real ones', and the two-sample test, as lines of a table."""
    real, made = real_places(folder), simulated_chips(chips)
    ours = statistics(made[:, 0]) | of_speckle(made[:, 0], made[:, 1])
    theirs = [statistics(p.log_power) | of_speckle(p.log_power[:-1], p.log_power[1:]) for p in real]
    lines = [f"| statistic of log power | simulated | {' | '.join(place.name for place in real)} |"]
    lines += [
        f"| {name} | {value:.2f} | {' | '.join(f'{one[name]:.2f}' for one in theirs)} |" for name, value in ours.items()
    ]
    auc, by_place = two_sample_auc(real, made[:, 0])
    lines.append(f"two-sample AUC {auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f}); {by_place}")
    return lines


def pictures(out: Path, folder: Path | None) -> list[Path]:
    """Small PNGs: a structured pair with its truths, a glacier, chips beside real ones where a folder is given."""
    rng = generator(Purpose.TEST, "report-picture", 1)
    ground = structured(rng, padded(128), GRDH, Likely(town=1.0, roads=1.0, water=1.0, relief=1.0, layover=0.0))
    still = np.zeros((2, *ground.gamma.shape), dtype=np.float32)
    town = simulate_pair(rng, GRDH, ground, still, sample=True)
    flow = motion.glacier(rng, padded(128), GRDH.fine)
    ice = simulate_pair(rng, GRDH, structured(rng, padded(128), GRDH, Likely(town=0.0, layover=0.0)), flow)
    speed_px = np.hypot(ice.dx_px, ice.dy_px).astype(np.float32)
    written = [
        _save(out / "sar-pair.png", [*_greys(town), _share(town.gamma), _share(_sample(town))]),
        _save(
            out / "sar-glacier.png", [*_greys(ice), _share(speed_px / np.float32(speed_px.max())), _share(ice.gamma)]
        ),
    ]
    if folder is not None:
        real, made = real_places(folder), simulated_chips(3)
        chips = [place.log_power[0] for place in real] + [chip[0] for chip in made]
        written.append(
            _save(out / "sar-chips.png", [_grey(10 / np.log(10) * (c - np.median(c)), (-8, 12)) for c in chips])
        )
    return written


def _sample(pair: SarPair) -> Float32:
    return pair.gamma if pair.sample_gamma is None else pair.sample_gamma


def _greys(pair: SarPair) -> list[NDArray[np.uint8]]:
    return [_grey(10 * np.log10(power / np.median(power)), GREY_DB) for power in pair.power]


def _grey(decibels: Float32, ends: tuple[float, float]) -> NDArray[np.uint8]:
    return np.asarray(np.clip((decibels - ends[0]) / (ends[1] - ends[0]), 0, 1) * 255, dtype=np.uint8)


def _share(values: Float32) -> NDArray[np.uint8]:
    return np.asarray(np.clip(values, 0, 1) * 255, dtype=np.uint8)


def _save(path: Path, panels: list[NDArray[np.uint8]]) -> Path:
    gap = np.full((panels[0].shape[0], 4), 255, dtype=np.uint8)
    row = np.hstack([part for panel in panels for part in (panel, gap)][:-1])
    Image.fromarray(np.kron(row, np.ones((2, 2), dtype=np.uint8))).save(path, optimize=True)
    return path


def report(out: Path, folder: Path | None) -> int:
    """Print the checks, write the pictures; folder: of real chips, or None. ValueError where out is no folder."""
    if not out.is_dir():
        raise ValueError(f"{out} is not a folder: make it first")
    for line in checks():
        print(f"{line.name:48s} {line.measured:28s} {line.expected}")
    for path in pictures(out, folder):
        print(path)
    for text in against_real(folder) if folder is not None else ():
        print(text)
    return 0
