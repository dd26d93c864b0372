"""Frozen benchmarks of offset trackers: even ground under constant shifts, structured ground under varying fields.

A node counts if its largest window lies inside the images. Errors are those of nodes with a value; the share of such
nodes is reported too. `resolution_px` is the width of the response to a step in motion. Compare errors only between
methods of equal width, because smoothing lowers errors.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from ground_motion.methods.offsets.resampling import node_means
from ground_motion.rasters.imagery import ImagePair
from ground_motion.statistics.intervals import Float64, Interval, bootstrap_over
from lab.benchmark import Benchmark, by_method
from lab.offsets import baselines
from lab.results import Compared, alone
from lab.simulation.sar.pairs import SarPair
from lab.simulation.sar.recipes import KINDS, constant_shift, joined_fingerprint, moving, stepped
from lab.simulation.sar.system import Float32
from lab.simulation.seeds import Purpose, generator

CONSTANT, FIELDS = "offsets-constant", "offsets-fields"
VERSION = "1"
GAMMAS = (0.5, 0.7, 0.9)
SEARCH_CONSTANT_PX, SEARCH_FIELDS_PX = 6, 24
POSTING_PX = 8
EDGE_NODES = 4  # 32 px: half of the widest window
OUTLIER_PX = 1.0
STEP_SHARE, STEP_POSTING_PX, STEP_SIZE_PX = 5, 4, 160  # One step pair per five pairs, at least four.
SLOW_PX = 0.3  # "small motion"
OF_CONSTANT = ("bias_max", "epe", "rmse", "outlier_share", "within_68", "within_95", "known_share", "rmse_common")
OF_GAMMA, OF_KNOWN_GAMMA = ("sigma", "rmse_common", "known_share"), ("bias_max", "within_68", "within_95")
OF_FIELDS = (*OF_CONSTANT, "epe_surest_50", "epe_surest_85", "outlier_share_surest_85", "epe_slow", "known_share_slow")


class Nodes(NamedTuple):
    """Indices of the columns in the arrays (nodes, columns) from which statistics are computed."""

    error_x: int = 0
    error_y: int = 1
    sigma_x: int = 2
    sigma_y: int = 3
    off_x: int = 4  # distance of the true offset from whole pixels
    off_y: int = 5
    known: int = 6
    moved: int = 7  # length of the true offset
    common: int = 8  # known to all compared methods


AT = Nodes()


def errors(bands: Mapping[str, Float32], pair: SarPair) -> Float64:
    """Return the `errors_against` the motion of a simulated pair, without EDGE_NODES along every side."""
    truth = node_means(torch.from_numpy(np.stack([pair.dx_px, pair.dy_px]))).numpy()
    return errors_against(truth, bands, EDGE_NODES)


def errors_against(truth: Float32, bands: Mapping[str, Float32], edge: int) -> Float64:
    """Return (nodes, 8), columns as in Nodes. A node lies in the middle of a square whose side is the posting.

    truth: true dx and dy, px, (2, rows, cols) or (2, 1, 1); edge: number of nodes along every side that are left out.
    """
    names = (*baselines.OFFSETS, *baselines.SIGMAS)
    inner = (slice(edge, -edge),) * 2
    dx, dy, *sigmas = (bands[name][inner].ravel() for name in names)
    true = [values[inner].ravel() for values in np.broadcast_to(truth, (2, *bands[names[0]].shape))]
    off = [value - np.round(value) for value in true]
    columns = [dx - true[0], dy - true[1], *sigmas, *off, np.isfinite(dx), np.hypot(*true)]
    return np.column_stack(columns).astype(np.float64)


def make_constant(gamma: float, scene: int, purpose: Purpose = Purpose.BENCHMARK) -> SarPair:
    """Make a pair of `offsets-constant`."""
    return constant_shift(generator(purpose, f"{CONSTANT}-{round(100 * gamma)}", scene), gamma)


def make_field(scene: int, purpose: Purpose = Purpose.BENCHMARK) -> SarPair:
    """Make a pair of `offsets-fields`; kinds of motion alternate."""
    return moving(generator(purpose, FIELDS, scene), KINDS[scene % len(KINDS)])


def all_errors(methods: Sequence[str], pair: SarPair, search: int) -> dict[str, Float64]:
    """Track a pair by several methods. Returns method -> `errors`, with the column `common`."""
    tracked = baselines.tracked(ImagePair(*pair.power), methods, search, POSTING_PX)
    found = {method: errors(bands, pair) for method, bands in tracked.items()}
    common = np.prod([rows[:, AT.known] for rows in found.values()], axis=0)
    return {method: np.column_stack([rows, common]) for method, rows in found.items()}


def _errors(make: Callable[[int], SarPair], search: int, methods: Sequence[str], scene: int) -> dict[str, Float64]:
    return all_errors(methods, make(scene), search)


def known(rows: Float64) -> Float64:
    """Return the rows of nodes with a value."""
    return np.asarray(rows[rows[:, AT.known] == 1])


def worse_sigma(rows: Float64) -> float:
    """Return the standard deviation of errors, px, on the worse axis, without outliers (another metric counts them)."""
    parts = [axis[np.abs(axis) <= OUTLIER_PX] for axis in known(rows)[:, :2].T]
    return max(float(np.std(part)) for part in parts) if all(part.size for part in parts) else np.nan


def _bias(rows: Float64) -> float:
    """Return the largest |mean error|, px, over both axes and ten bins of the offset's fraction; outliers left out."""
    held = known(rows)
    held = held[np.hypot(held[:, 0], held[:, 1]) <= OUTLIER_PX]
    bins = np.clip(((held[:, AT.off_x : AT.off_y + 1] + 0.5) * 10).astype(int), 0, 9)
    means = [
        abs(float(held[bins[:, axis] == index, axis].mean()))
        for axis in (0, 1)
        for index in range(10)
        if (bins[:, axis] == index).sum() >= 50
    ]
    return max(means) if means else np.nan


def _within(times: float, rows: Float64) -> float:
    """Return the share of errors that lie within `times` standard deviations."""
    held = known(rows)
    return float((np.abs(held[:, :2]) <= times * held[:, 2:4]).mean()) if len(held) else np.nan


def _length(rows: Float64) -> Float64:
    return np.asarray(np.hypot(known(rows)[:, 0], known(rows)[:, 1]))


def _mean(values: Float64) -> float:
    return float(values.mean()) if values.size else np.nan


def _surest(share: float, rows: Float64) -> Float64:
    """Return the rows of the known nodes with the smallest sigmas; their number is at most `share` of all nodes.

    About 0.85 of the nodes are known to multi-kernel correlation.
    """
    held = known(rows)
    count = min(len(held), round(share * len(rows)))
    order = np.argsort(np.hypot(held[:, AT.sigma_x], held[:, AT.sigma_y]), kind="stable")
    return np.asarray(held[order[:count]])


def _slow(rows: Float64) -> Float64:
    return np.asarray(rows[rows[:, AT.moved] <= SLOW_PX])


STATISTICS: dict[str, Callable[[Float64], float]] = {
    "sigma": worse_sigma,
    "bias_max": _bias,
    "epe": lambda rows: _mean(_length(rows)),
    "rmse": lambda rows: float(np.sqrt(_mean(known(rows)[:, :2] ** 2))),
    "outlier_share": lambda rows: _mean((_length(rows) > OUTLIER_PX).astype(float)),
    "within_68": partial(_within, 1.0),
    "within_95": partial(_within, 1.96),
    "known_share": lambda rows: float(rows[:, AT.known].mean()),
    "rmse_common": lambda rows: float(np.sqrt(_mean(rows[rows[:, AT.common] == 1, :2] ** 2))),
    "epe_surest_50": lambda rows: _mean(_length(_surest(0.50, rows))),
    "epe_surest_85": lambda rows: _mean(_length(_surest(0.85, rows))),
    "outlier_share_surest_85": lambda rows: _mean((_length(_surest(0.85, rows)) > OUTLIER_PX).astype(float)),
    "epe_slow": lambda rows: _mean(_length(_slow(rows))),
    "known_share_slow": lambda rows: _mean(_slow(rows)[:, AT.known]),
}


def intervals(rows: Sequence[Float64], names: Iterable[str], label: str = "{}") -> dict[str, Interval]:
    """Return some STATISTICS of a group of scenes, with intervals over these. label: of a metric, {} for its name."""
    return {label.format(name): bootstrap_over(rows, STATISTICS[name]) for name in names}


def step_responses(gamma: float, methods: Sequence[str], scene: int) -> dict[str, Float64]:
    """Return for each method its response (0-1) across a step of half a pixel in dx and dy, (positions, 2)."""
    along_rows = scene % 2 == 1
    pair = stepped(generator(Purpose.BENCHMARK, "offsets-step", scene), along_rows, STEP_SIZE_PX, gamma=gamma)
    tracked = baselines.tracked(ImagePair(*pair.power), methods, SEARCH_CONSTANT_PX, STEP_POSTING_PX)
    edge = 2 * EDGE_NODES

    def across(plane: Float32) -> Float64:
        lines = (plane.T if along_rows else plane)[edge:-edge]
        known = np.isfinite(lines).any(axis=0)
        middle = np.full(lines.shape[1], np.nan)
        middle[known] = np.nanmedian(lines[:, known], axis=0)
        return middle / 0.5

    return {
        method: np.stack([across(bands[name]) for name in baselines.OFFSETS], axis=1)
        for method, bands in tracked.items()
    }


def width_px(profile: Float64, posting: float) -> float:
    """Return the width in pixels over which a response rises from 10 to 90 %. profile: (positions,), NaN unknown."""
    at = np.flatnonzero(np.isfinite(profile))
    if at.size < 4:
        return np.nan
    rising = np.maximum.accumulate(profile[at]) + 1e-9 * np.arange(at.size)
    left, right = (float(np.interp(level, rising, at.astype(np.float64))) for level in (0.1, 0.9))
    return (right - left) * posting


def step_width_px(rows: Float64) -> float:
    """Return the width, px, of the mean response on the worse axis. rows: stacked `step_responses` of several pairs."""
    positions = STEP_SIZE_PX // STEP_POSTING_PX
    stack = rows.reshape(-1, positions, 2)
    known = np.isfinite(stack).any(axis=0)
    mean = np.where(known, np.nansum(stack, axis=0) / np.maximum(np.isfinite(stack).sum(axis=0), 1), np.nan)
    return max(width_px(axis, STEP_POSTING_PX) for axis in mean.T)


def resolutions(methods: Sequence[str], pairs: int, gamma: float = 0.9) -> dict[str, Interval]:
    """Return for each method the 10 to 90 % width, px, of its response to a step of half a pixel."""
    responses = by_method(partial(step_responses, gamma), methods, max(4, 2 * (pairs // STEP_SHARE // 2)))
    return {method: bootstrap_over(lines, step_width_px) for method, lines in responses.items()}


def compare_constant(methods: Sequence[str], pairs: int) -> Compared:
    """Measure methods on a number of pairs at each coherence. Returns method -> metric name -> interval over pairs."""
    metrics: Compared = {method: {} for method in methods}
    everything: dict[str, list[Float64]] = {method: [] for method in methods}
    for gamma in GAMMAS:
        label, widths = f"{{}}_g{round(100 * gamma)}", resolutions(methods, pairs, gamma)
        of_pair = partial(_errors, partial(make_constant, gamma), SEARCH_CONSTANT_PX)
        for method, rows in by_method(of_pair, methods, pairs).items():
            everything[method] += rows
            metrics[method] |= intervals(rows, OF_GAMMA, label)
            if all((row[:, AT.known] == 1).any() for row in rows):  # The bootstrap needs known nodes in each row.
                metrics[method] |= intervals(rows, OF_KNOWN_GAMMA, label)
                metrics[method][label.format("resolution_px")] = widths[method]
    return {  # The width is that at the last coherence, the highest.
        method: of_gammas | intervals(everything[method], OF_CONSTANT) | {"resolution_px": widths[method]}
        for method, of_gammas in metrics.items()
    }


def compare_fields(methods: Sequence[str], pairs: int) -> Compared:
    """Measure methods on a number of pairs, kinds of motion in turn. Returns method -> metric name -> interval."""
    widths = resolutions(methods, pairs)
    return {
        method: intervals(rows, OF_FIELDS) | {"resolution_px": widths[method]}
        for method, rows in by_method(partial(_errors, make_field, SEARCH_FIELDS_PX), methods, pairs).items()
    }


def constant_sha256(pairs: int) -> str:
    """Return a hash of the benchmark's pairs."""
    recipes = {f"{CONSTANT}-{round(100 * gamma)}": partial(constant_shift, gamma=gamma) for gamma in GAMMAS}
    return joined_fingerprint(recipes.items(), (VERSION, pairs, SEARCH_CONSTANT_PX))


def fields_sha256(pairs: int) -> str:
    """Return a hash of the benchmark's pairs."""
    recipes = [(FIELDS, partial(moving, kind=kind)) for kind in ("glacier", "landslide")]
    return joined_fingerprint(recipes, (VERSION, pairs, SEARCH_FIELDS_PX, KINDS))


def benchmark(
    name: str,
    version: str,
    size: int,
    of: str,
    compare: Callable[[Sequence[str], int], Compared],
    truth_sha256: Callable[[int], str],
) -> Benchmark:
    """Return a benchmark of all trackers, which `compare` measures on the same pairs."""
    return Benchmark(name, version, size, of, baselines.METHODS, partial(alone, compare), truth_sha256, compare)


BENCHMARKS = (
    benchmark(CONSTANT, VERSION, 60, "pairs at each of three coherences", compare_constant, constant_sha256),
    benchmark(FIELDS, VERSION, 210, "pairs", compare_fields, fields_sha256),
)
