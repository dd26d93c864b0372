"""Frozen benchmarks of offset trackers: even ground under constant shifts, structured ground under varying fields.

A node counts if its largest window lies inside the images. Errors are those of nodes with a value; the share of such
nodes is reported too. `resolution_px` is the width of the response to a step in motion. Compare errors only between
methods of equal width, because smoothing lowers errors.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from affine import Affine

from lab.benchmark import Benchmark, over_seeds
from lab.offsets import baselines
from lab.results import Compared, alone
from lab.simulation.sar.pairs import SarPair
from lab.simulation.sar.recipes import KINDS, constant_shift, fingerprint, moving, stepped
from lab.simulation.sar.system import Float32
from lab.simulation.seeds import Purpose, generator
from ml.offsets.infer import WEIGHTS
from ml.offsets.resampling import at_nodes
from ml.rasters.imagery import ImagePair
from ml.statistics.intervals import Float64, Interval, bootstrap_over

CONSTANT, FIELDS = "offsets-constant", "offsets-fields"
VERSION = "1"
GAMMAS = (0.5, 0.7, 0.9)
SEARCH_CONSTANT_PX, SEARCH_FIELDS_PX = 6, 24
POSTING_PX = 8
EDGE_NODES = 4  # 32 px: half of the widest window
OUTLIER_PX = 1.0
STEP_SHARE, STEP_POSTING_PX, STEP_SIZE_PX = 5, 4, 160  # pairs per step pair, at least four step pairs
UNKNOWN_WIDTH = np.nan
SLOW_PX = 0.3  # "small motion"
SUREST_PERCENTS = (50, 85)  # of the nodes; the second is about the share known to multi-kernel correlation


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


def all_tracked(
    methods: Sequence[str], pair: SarPair, search: int, posting: int = POSTING_PX
) -> dict[str, dict[str, Float32]]:
    """Track a pair by several methods. Returns method -> its bands."""
    images = ImagePair(pair.power[0], pair.power[1], Affine.identity(), None)
    return baselines.tracked(images, methods, search, posting)


def errors(bands: dict[str, Float32], pair: SarPair, edge: int = EDGE_NODES) -> Float64:
    """Return (nodes, 8), columns as in Nodes. A node lies in the middle of a square whose side is the posting.

    edge: number of nodes along every side that are left out.
    """
    inner = slice(edge, -edge)
    truth = at_nodes(torch.from_numpy(np.stack([pair.dx_px, pair.dy_px])))[:, inner, inner].flatten(1).numpy()
    bands_inside = {name: band[inner, inner].ravel() for name, band in bands.items()}
    columns = [
        bands_inside["dx_px"] - truth[0],
        bands_inside["dy_px"] - truth[1],
        bands_inside["sigma_dx_px"],
        bands_inside["sigma_dy_px"],
    ]
    columns += [value - np.round(value) for value in truth]
    return np.column_stack([*columns, np.isfinite(columns[0]), np.hypot(*truth)]).astype(np.float64)


def make_constant(gamma: float, scene: int, purpose: Purpose = Purpose.BENCHMARK) -> SarPair:
    """Make a pair of `offsets-constant`."""
    return constant_shift(generator(purpose, f"{CONSTANT}-{round(100 * gamma)}", scene), gamma)


def make_field(scene: int, purpose: Purpose = Purpose.BENCHMARK) -> SarPair:
    """Make a pair of `offsets-fields`; kinds of motion alternate."""
    return moving(generator(purpose, FIELDS, scene), KINDS[scene % len(KINDS)])


def all_errors(methods: Sequence[str], pair: SarPair, search: int) -> dict[str, Float64]:
    """Track a pair by several methods. Returns method -> `errors`, with the column `common`."""
    found = {method: errors(bands, pair) for method, bands in all_tracked(methods, pair, search).items()}
    common = np.prod([rows[:, AT.known] for rows in found.values()], axis=0)
    return {method: np.column_stack([rows, common]) for method, rows in found.items()}


def _constant_errors(methods: Sequence[str], gamma: float, scene: int) -> dict[str, Float64]:
    return all_errors(methods, make_constant(gamma, scene), SEARCH_CONSTANT_PX)


def _field_errors(methods: Sequence[str], scene: int) -> dict[str, Float64]:
    return all_errors(methods, make_field(scene), SEARCH_FIELDS_PX)


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
    """Return the rows of the known nodes with the smallest sigmas; their number is at most `share` of all nodes."""
    held = known(rows)
    count = min(len(held), round(share * len(rows)))
    order = np.argsort(np.hypot(held[:, AT.sigma_x], held[:, AT.sigma_y]), kind="stable")
    return np.asarray(held[order[:count]])


def _slow(rows: Float64) -> Float64:
    return np.asarray(rows[rows[:, AT.moved] <= SLOW_PX])


STATISTICS: dict[str, Callable[[Float64], float]] = {
    "bias_max": _bias,
    "epe": lambda rows: _mean(_length(rows)),
    "rmse": lambda rows: float(np.sqrt(_mean(known(rows)[:, :2] ** 2))),
    "outlier_share": lambda rows: _mean((_length(rows) > OUTLIER_PX).astype(float)),
    "within_68": partial(_within, 1.0),
    "within_95": partial(_within, 1.96),
    "known_share": lambda rows: float(rows[:, AT.known].mean()),
    "rmse_common": lambda rows: float(np.sqrt(_mean(rows[rows[:, AT.common] == 1, :2] ** 2))),
}


FIELD_STATISTICS = STATISTICS | {
    f"epe_surest_{percent}": partial(lambda share, rows: _mean(_length(_surest(share, rows))), percent / 100)
    for percent in SUREST_PERCENTS
}
FIELD_STATISTICS |= {
    "outlier_share_surest_85": lambda rows: _mean((_length(_surest(0.85, rows)) > OUTLIER_PX).astype(float)),
    "epe_slow": lambda rows: _mean(_length(_slow(rows))),
    "known_share_slow": lambda rows: _mean(_slow(rows)[:, AT.known]),
}


def step_responses(methods: Sequence[str], gamma: float, scene: int) -> dict[str, Float64]:
    """Return for each method its response (0-1) across a step of half a pixel in dx and dy, (positions, 2)."""
    along_rows = scene % 2 == 1
    pair = stepped(generator(Purpose.BENCHMARK, "offsets-step", scene), along_rows, STEP_SIZE_PX, gamma=gamma)
    return {
        method: _across(bands, along_rows)
        for method, bands in all_tracked(methods, pair, SEARCH_CONSTANT_PX, STEP_POSTING_PX).items()
    }


def _across(bands: dict[str, Float32], along_rows: bool) -> Float64:
    answers = [np.where(np.isfinite(band), band, np.nan) for band in (bands["dx_px"], bands["dy_px"])]
    edge = 2 * EDGE_NODES
    lines = [(band.T if along_rows else band)[edge:-edge] for band in answers]
    return np.stack([_median_line(line) for line in lines], axis=1) / 0.5


def _median_line(lines: Float32) -> Float64:
    known = np.isfinite(lines).any(axis=0)
    middle = np.full(lines.shape[1], np.nan)
    middle[known] = np.nanmedian(lines[:, known], axis=0)
    return middle


def width_px(profile: Float64, posting: float, low: float = 0.1, high: float = 0.9) -> float:
    """Return the width in pixels over which a response rises from low to high. profile: (positions,), NaN unknown."""
    at = np.flatnonzero(np.isfinite(profile))
    if at.size < 4:
        return UNKNOWN_WIDTH
    rising = np.maximum.accumulate(profile[at]) + 1e-9 * np.arange(at.size)
    left, right = (float(np.interp(level, rising, at.astype(np.float64))) for level in (low, high))
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
    count = max(4, 2 * (pairs // STEP_SHARE // 2))
    responses = over_seeds(partial(step_responses, methods, gamma), count)
    return {method: bootstrap_over([one[method] for one in responses], step_width_px) for method in methods}


def compare_constant(methods: Sequence[str], pairs: int) -> Compared:
    """Measure methods on a number of pairs at each coherence. Returns method -> metric name -> interval over pairs."""
    measured = {gamma: over_seeds(partial(_constant_errors, methods, gamma), pairs) for gamma in GAMMAS}
    widths = {gamma: resolutions(methods, pairs, gamma) for gamma in GAMMAS}
    return {
        method: _constant_metrics(
            {gamma: [pair[method] for pair in measured[gamma]] for gamma in GAMMAS},
            {gamma: widths[gamma][method] for gamma in GAMMAS},
        )
        for method in methods
    }


def _constant_metrics(by_gamma: dict[float, list[Float64]], width: dict[float, Interval]) -> dict[str, Interval]:
    metrics, everything = {}, []
    for gamma, groups in by_gamma.items():
        percent = round(100 * gamma)
        metrics[f"sigma_g{percent}"] = bootstrap_over(groups, worse_sigma)
        metrics[f"rmse_common_g{percent}"] = bootstrap_over(groups, STATISTICS["rmse_common"])
        metrics[f"known_share_g{percent}"] = bootstrap_over(groups, STATISTICS["known_share"])
        if all((rows[:, AT.known] == 1).any() for rows in groups):  # the bootstrap needs known nodes in each group
            metrics[f"bias_max_g{percent}"] = bootstrap_over(groups, _bias)
            metrics[f"within_68_g{percent}"] = bootstrap_over(groups, STATISTICS["within_68"])
            metrics[f"within_95_g{percent}"] = bootstrap_over(groups, STATISTICS["within_95"])
            metrics[f"resolution_px_g{percent}"] = width[gamma]
        everything += groups
    metrics |= {name: bootstrap_over(everything, statistic) for name, statistic in STATISTICS.items()}
    return metrics | {"resolution_px": width[0.9]}


def compare_fields(methods: Sequence[str], pairs: int) -> Compared:
    """Measure methods on a number of pairs, kinds of motion in turn. Returns method -> metric name -> interval."""
    measured, widths = over_seeds(partial(_field_errors, methods), pairs), resolutions(methods, pairs)
    return {
        method: {
            name: bootstrap_over([pair[method] for pair in measured], statistic)
            for name, statistic in FIELD_STATISTICS.items()
        }
        | {"resolution_px": widths[method]}
        for method in methods
    }


def constant_sha256(pairs: int) -> str:
    """Return a hash of the benchmark's pairs."""
    settings = VERSION, pairs, SEARCH_CONSTANT_PX
    prints = [
        fingerprint(f"{CONSTANT}-{round(100 * gamma)}", partial(constant_shift, gamma=gamma), settings)
        for gamma in GAMMAS
    ]
    return hashlib.sha256("".join(prints).encode()).hexdigest()


def fields_sha256(pairs: int) -> str:
    """Return a hash of the benchmark's pairs."""
    settings = VERSION, pairs, SEARCH_FIELDS_PX, KINDS
    prints = [fingerprint(FIELDS, partial(moving, kind=kind), settings) for kind in ("glacier", "landslide")]
    return hashlib.sha256("".join(prints).encode()).hexdigest()


BENCHMARKS = (
    Benchmark(
        CONSTANT,
        VERSION,
        60,
        "pairs at each of three coherences",
        baselines.VERSIONS,
        partial(alone, compare_constant),
        constant_sha256,
        WEIGHTS,
    ),
    Benchmark(
        FIELDS, VERSION, 210, "pairs", baselines.VERSIONS, partial(alone, compare_fields), fields_sha256, WEIGHTS
    ),
)
