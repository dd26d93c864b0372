"""`python -m lab.offsets.rivals.resolution`: noise of offset trackers against resolution, as JSON.

Noise is sigma of the error under a constant shift, as in `offsets-constant`, but on larger pairs, so that no average is
cut short by an edge. Resolution is measured in two ways, since a method that averages still ground may keep an edge:

* the step response: 10 to 90 per cent of a step of half a pixel (lab.offsets.evaluate);
* the noise-equivalent area (sum w)^2 / sum w^2 of the weights w with which motion around a node enters its offset: the
  area of the plain mean of white noise whose variance falls by as much. A box has its own area. The weights are the
  response to a step too small to be seen (SMALL_PX up or down, in the same scatterers, so that noise cancels), taken as
  a product of both axes. Stated is the side of a square of that area.

`over_rivals_…` compares the network's sigma with the lowest of the rivals' curves at its own resolution.
"""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from lab.offsets import results
from lab.offsets.evaluate import (
    GAMMAS,
    POSTING_PX,
    SEARCH_CONSTANT_PX,
    all_tracked,
    errors,
    step_responses,
    step_width_px,
    worse_sigma,
)
from lab.offsets.rivals import tracking
from lab.simulation.sar.recipes import constant_shift, stepped
from lab.simulation.sar.system import Float32
from lab.simulation.seeds import Purpose, generator
from lab.workers import over_seeds
from ml.offsets.infer import NETWORK, ONE_WINDOW, WEIGHTS
from ml.statistics.intervals import Float64, Interval, bootstrap_over

NAME = "offsets-resolution"
SIZE_PX = 224
EDGE_NODES = 8  # 64 px: half of a window of 32 px and half of the widest mean
RIM_NODES = 4  # 32 px along every side, where windows have no value
SMALL_PX, SMALL_SIZE_PX = 0.01, 384  # wide enough to hold what the widest average takes from either side of the step
PAIRS, STEPS = 12, 4
METHODS = (NETWORK, ONE_WINDOW, "ncc", "whitened", "multi-kernel", *tracking.NEIGHBOURS)
FAMILIES = tuple(
    (base, *(name for name, made in tracking.AVERAGES.items() if made.base == base and made.within == np.inf))
    for base in ("ncc", "whitened")
)  # one curve each; every other rival is a curve of one point
Curve = Sequence[tuple[float, float]]


def noise(methods: Sequence[str], gamma: float, scene: int) -> dict[str, Float64]:
    """Errors (nodes, 8) of each method on a constant shift; see lab.offsets.evaluate.Nodes."""
    pair = constant_shift(generator(Purpose.BENCHMARK, f"{NAME}-{round(100 * gamma)}", scene), gamma, SIZE_PX)
    tracked = all_tracked(methods, pair, SEARCH_CONSTANT_PX)
    return {method: errors(bands, pair, EDGE_NODES) for method, bands in tracked.items()}


def small_step_responses(
    methods: Sequence[str], gamma: float, scene: int, size: int = SMALL_SIZE_PX
) -> dict[str, Float64]:
    """(2, positions) of each method: response of dx and dy to a small step in the middle, 0 before and 1 after it."""
    along_rows, sides = scene % 2 == 1, []
    for height in (SMALL_PX, -SMALL_PX):
        pair = stepped(generator(Purpose.BENCHMARK, f"{NAME}-step", scene), along_rows, size, height, gamma)
        sides.append(all_tracked(methods, pair, SEARCH_CONSTANT_PX))
    return {method: _response(sides[0][method], sides[1][method], along_rows) for method in methods}


def _response(up: dict[str, Float32], down: dict[str, Float32], along_rows: bool) -> Float64:
    differences = np.stack([up[name] - down[name] for name in ("dx_px", "dy_px")]) / (2 * SMALL_PX)
    across = differences.swapaxes(1, 2) if along_rows else differences
    lines = across[:, EDGE_NODES:-EDGE_NODES, RIM_NODES:-RIM_NODES]
    count = np.isfinite(lines).sum(axis=1)
    return np.where(count > 0, np.nansum(lines, axis=1) / np.maximum(count, 1), np.nan).astype(np.float64)


def equivalent_width_px(responses: Float64, posting_px: float) -> float:
    """(sum w)^2 / sum w^2 along one axis, px, of responses (scenes, axes, positions) to a step; NaN where unknown.

    Squares are products of different scenes: noise, which they do not share, then adds nothing to them. A box that ends
    between two nodes looks wider by up to a third of the posting.
    """
    slopes = np.diff(responses, axis=2)  # (scenes, axes, positions - 1)
    scenes = len(slopes)
    if scenes < 2 or not np.isfinite(slopes).all():
        return np.nan
    products = (slopes.sum(axis=0) ** 2 - (slopes**2).sum(axis=0)).sum(axis=1) / (scenes * (scenes - 1))  # (axes,)
    square, total = float(products.mean()), float(slopes.sum(axis=2).mean())
    return posting_px * total**2 / square if square > 0 else np.nan


def equivalent_side_px(steps: Sequence[Float64]) -> float:
    """Side of a square of the noise-equivalent area; steps: of small_step_responses, scene by scene."""
    widths = [equivalent_width_px(np.stack(steps[first::2]), POSTING_PX) for first in (0, 1)]
    return float(np.sqrt(widths[0] * widths[1]))


def sigma_at(resolution_px: float, curve: Curve) -> float:
    """Sigma of a curve of (resolution, px; sigma) at a resolution: a power law between two points.

    Beyond its ends as 1 / resolution: as independent noise is averaged, which favours the curve where it has to be
    widened.
    """
    at, sigma = np.log(np.array(sorted(curve))).T
    wanted = float(np.log(resolution_px))
    beyond = max(0.0, wanted - at[-1]) - max(0.0, at[0] - wanted)
    return float(np.exp(np.interp(wanted, at, sigma) - beyond))


def over_rivals(
    method: str, resolution_px: Mapping[str, float], sigma: Mapping[str, float], others: Iterable[str]
) -> float:
    """Sigma of a method over the lowest of the rivals' curves at its own resolution; NaN where none has a point."""
    known = {name for name in others if np.isfinite([resolution_px.get(name, np.nan), sigma[name]]).all()}
    alone = known - {name for family in FAMILIES for name in family}
    curves = [[name for name in family if name in known] for family in FAMILIES] + [[name] for name in alone]
    lowest = [
        sigma_at(resolution_px[method], [(resolution_px[name], sigma[name]) for name in names])
        for names in curves
        if names
    ]
    return sigma[method] / min(lowest) if lowest else np.nan


def measured(methods: Sequence[str], pairs: int, steps: int, processes: int) -> dict[str, dict[str, Interval]]:
    """Metrics of each method at each coherence; steps: pairs of steps, even, half along each axis."""
    metrics: dict[str, dict[str, Interval]] = {method: {} for method in methods}
    for gamma in GAMMAS:
        spread = partial(over_seeds, processes=processes)
        errors_of = spread(partial(noise, methods, gamma), pairs)
        small = spread(partial(small_step_responses, methods, gamma), steps)
        large = spread(partial(step_responses, methods, gamma), steps)
        for method in methods:
            metrics[method] |= {
                f"{name}_g{round(100 * gamma)}": interval
                for name, interval in {
                    "sigma": bootstrap_over([one[method] for one in errors_of], worse_sigma),
                    "known_share": bootstrap_over([one[method] for one in errors_of], lambda rows: rows[:, 6].mean()),
                    "equivalent_side_px": results.exact(equivalent_side_px([one[method] for one in small])),
                    "step_px": results.exact(step_width_px(np.concatenate([one[method] for one in large]))),
                }.items()
            }
    return metrics


def compared(metrics: Mapping[str, Mapping[str, Interval]], method: str) -> dict[str, Interval]:
    """`over_rivals_…` of the network: at equal noise-equivalent area and at equal step response."""
    result = {}
    others = [name for name in metrics if name not in WEIGHTS]
    for gamma in (round(100 * gamma) for gamma in GAMMAS):
        sigma = {name: values[f"sigma_g{gamma}"].value for name, values in metrics.items()}
        for measure in ("equivalent_side_px", "step_px"):
            at = {name: values[f"{measure}_g{gamma}"].value for name, values in metrics.items()}
            key = f"over_rivals_at_{measure.removesuffix('_px')}_g{gamma}"
            result[key] = results.exact(over_rivals(method, at, sigma, others))
    return result


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=PAIRS, help="of constant shifts at each coherence")
    parser.add_argument("--steps", type=int, default=STEPS, help="pairs of steps of either height, at least four")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    if args.steps < 4 or args.steps % 2:
        raise SystemExit(f"--steps {args.steps}: half of them run along either axis; give an even number, 4 or more")
    metrics = measured(args.methods, args.pairs, args.steps, args.processes)
    if NETWORK in metrics:
        metrics[NETWORK] |= compared(metrics, NETWORK)
    note = f"{args.pairs} pairs and {args.steps} steps at each coherence; pairs that no training and no tuning draws."
    results.write(args.json, "lab.offsets.rivals.resolution", metrics, note)


if __name__ == "__main__":
    main()
