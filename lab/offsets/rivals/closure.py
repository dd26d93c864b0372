"""`python -m lab.offsets.rivals.closure`: triplet closure of offset trackers on real stacks, as JSON.

Three images a, b and c of the same ground: a to b and b to c must add up to a to c, whatever moved, so what is left is
error, and no label is needed. Errors that add up themselves (a whole image that is misregistered) are not seen, and
averaging lowers the rest: `over_rivals` compares at equal noise-equivalent area (lab.offsets.rivals.resolution).

Stacks: single-look amplitudes of five places, and OPERA RTC-S1 chips, the unseen place first; all of dates and places
that training does not see, but for the places of `trained_places`. Motion between the dates is far below the posting,
so offsets are added node by node. Only nodes count that every method knows in all three pairs and at which none closes
by more than OUTLIER_PX; those are counted on their own.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from affine import Affine

from ingest.errors import InputError
from lab.offsets import results
from lab.offsets.real_chips import SEA, TEST_PLACE, TRAIN_BEFORE, ChipPair, chip_pairs
from lab.offsets.rivals import resolution, tracking
from lab.real_data import folder
from lab.simulation.sar.system import Float32
from lab.workers import over_seeds
from ml.offsets.infer import NETWORK, ONE_WINDOW, WEIGHTS
from ml.rasters.imagery import ImagePair
from ml.statistics.intervals import Float64, Interval, bootstrap_over

SEARCH_PX, POSTING_PX = 6, 8
EDGE_NODES = 2  # 16 px, as in offsets-real
OUTLIER_PX = 1.0
PLACES = ("lely", "limagne", "marais1", "marais2", "ramb")
TRIPLETS = ((1, 2, 3), (3, 4, 5), (1, 3, 5), (2, 3, 4), (1, 2, 5))  # images of a stack, in the order they are used
METHODS = (NETWORK, ONE_WINDOW, "ncc", "whitened", *tracking.NEIGHBOURS)
RESOLUTION = "equivalent_side_px_g70"


class Triplet(NamedTuple):
    """power: (3, rows, cols), linear, NaN unknown, in the order of their dates. group: of places reported together."""

    group: str
    power: Float32


def stack_triplets(stacks: Path, of_place: int) -> list[Triplet]:
    """So many triplets of each place's single-look amplitudes. InputError where an image is missing."""
    triplets = []
    for numbers in TRIPLETS[:of_place]:
        for place in PLACES:
            paths = [stacks / f"{place}_{number}.npy" for number in numbers]
            for path in paths:
                if not path.is_file():
                    raise InputError(path, "this image of a stack is missing", "Set GROUND_MOTION_DATA")
            triplets.append(Triplet("stacks", np.stack([np.load(path) for path in paths]).astype(np.float32) ** 2))
    return triplets


def chip_triplets(chips: Path, of_group: int) -> list[Triplet]:
    """So many triplets of dates that follow each other for each group of places, spread over them."""
    series: dict[tuple[str, str], list[ChipPair]] = {}
    for pair in chip_pairs(chips):
        if pair.place != SEA and (pair.place == TEST_PLACE or pair.reference >= TRAIN_BEFORE):
            series.setdefault((pair.place, pair.polarisation), []).append(pair)
    groups: dict[str, list[Triplet]] = {"unseen_place": [], "trained_places": []}
    for (place, _), pairs in series.items():
        group = "unseen_place" if place == TEST_PLACE else "trained_places"
        groups[group] += [
            Triplet(group, np.exp(np.stack([*first.log_power, second.log_power[1]])))
            for first, second in pairwise(pairs)
            if (second.reference - first.reference).days == first.days
        ]
    return [held[at] for held in groups.values() for at in _spread(len(held), of_group)]


def _spread(n: int, wanted: int) -> list[int]:
    return sorted({round(at) for at in np.linspace(0, n - 1, min(n, wanted))})


def closure(first: Float64, second: Float64, both: Float64) -> Float64:
    """What a to b (2, rows, cols) and b to c leave of a to c, px."""
    return first + second - both


def closures(methods: Sequence[str], triplets: Sequence[Triplet], index: int) -> Float64:
    """(nodes, methods, 2): closure in x and y of each method on one triplet; NaN unknown."""
    a, b, c = triplets[index].power
    tracked = [_offsets(methods, *images) for images in ((a, b), (b, c), (a, c))]
    return np.stack([closure(*(one[method] for one in tracked)).reshape(2, -1).T for method in methods], axis=1)


def _offsets(methods: Sequence[str], reference: Float32, secondary: Float32) -> dict[str, Float64]:
    images = ImagePair(reference, secondary, Affine.identity(), None)
    inner = slice(EDGE_NODES, -EDGE_NODES)
    return {
        method: np.stack([bands["dx_px"], bands["dy_px"]])[:, inner, inner].astype(np.float64)
        for method, bands in tracking.tracked(images, methods, SEARCH_PX, POSTING_PX).items()
    }


def common(rows: Float64) -> Float64:
    """The nodes that every method knows; rows: (nodes, methods, 2)."""
    return rows[np.isfinite(rows).all(axis=(1, 2))]


def rms(rows: Float64, method: int) -> float:
    """Root mean square of either axis, px, over the common nodes at which no method closes by more than OUTLIER_PX."""
    held = common(rows)
    held = held[(np.hypot(held[..., 0], held[..., 1]) <= OUTLIER_PX).all(axis=1), method]
    return float(np.sqrt((held**2).mean())) if len(held) else np.nan


def outlier_share(rows: Float64, method: int) -> float:
    """Share of the common nodes that close by more than OUTLIER_PX."""
    held = common(rows)[:, method]
    return float((np.hypot(held[:, 0], held[:, 1]) > OUTLIER_PX).mean()) if len(held) else np.nan


def over_best(rows: Float64, method: int, others: Sequence[int]) -> float:
    """Closure of a method over the least of others', whatever their resolution."""
    return rms(rows, method) / min(rms(rows, other) for other in others)


def measured(methods: Sequence[str], triplets: Sequence[Triplet], processes: int) -> dict[str, dict[str, Interval]]:
    """Metrics of each method by group, intervals over triplets."""
    rows = over_seeds(partial(closures, methods, triplets), len(triplets), processes=processes)
    metrics: dict[str, dict[str, Interval]] = {method: {} for method in methods}
    others = [index for index, method in enumerate(methods) if method not in WEIGHTS]
    for group in dict.fromkeys(triplet.group for triplet in triplets):
        of_group = [part for part, triplet in zip(rows, triplets, strict=True) if triplet.group == group]
        for index, method in enumerate(methods):
            metrics[method] |= {
                f"closure_{group}": bootstrap_over(of_group, partial(rms, method=index)),
                f"outlier_share_{group}": bootstrap_over(of_group, partial(outlier_share, method=index)),
                f"known_share_{group}": bootstrap_over(of_group, partial(_known_share, method=index)),
            }
        if NETWORK in methods and others:
            statistic = partial(over_best, method=methods.index(NETWORK), others=others)
            metrics[NETWORK][f"over_best_{group}"] = bootstrap_over(of_group, statistic)
    return metrics


def _known_share(rows: Float64, method: int) -> float:
    return float(np.isfinite(rows[:, method]).all(axis=1).mean())


def compared(metrics: results.Metrics, sides_px: Mapping[str, float]) -> dict[str, Interval]:
    """`over_rivals_…` of the network: closure over the lowest curve of the rivals at its noise-equivalent area."""
    groups = [name.removeprefix("closure_") for name in metrics[NETWORK] if name.startswith("closure_")]
    others = [name for name in metrics if name not in WEIGHTS]
    value = {name: {group: metrics[name][f"closure_{group}"].value for group in groups} for name in metrics}
    return {
        f"over_rivals_{group}": results.exact(
            resolution.over_rivals(NETWORK, sides_px, {name: value[name][group] for name in metrics}, others)
        )
        for group in groups
    }


def sides_of(path: Path) -> dict[str, float]:
    """Side of each method's noise-equivalent area, px, from a file of `resolution`. InputError if it is none."""
    try:
        methods = json.loads(path.read_text())["methods"]
        sides = {name: part["metrics"][RESOLUTION]["value"] for name, part in methods.items()}
    except (OSError, ValueError, KeyError) as fault:
        raise InputError(path, "no results of lab.offsets.rivals.resolution", "Run that command first") from fault
    return {name: np.nan if side is None else side for name, side in sides.items()}


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--stacks", type=int, default=2, help=f"triplets of each place, at most {len(TRIPLETS)}")
    parser.add_argument("--chips", type=int, default=12, help="triplets of each group of chips")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--resolution", type=Path, required=True, help="JSON of lab.offsets.rivals.resolution")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    sides = sides_of(args.resolution)
    triplets = chip_triplets(folder("opera_rtc_10sgd"), args.chips)
    triplets += stack_triplets(folder("pairs_real", "speckle_stacks"), args.stacks)
    metrics = measured(args.methods, triplets, args.processes)
    metrics[NETWORK] |= compared(metrics, sides)
    counts = {group: sum(one.group == group for one in triplets) for group in dict.fromkeys(t.group for t in triplets)}
    note = ", ".join(f"{count} triplets of {group.replace('_', ' ')}" for group, count in counts.items()) + "."
    results.write(args.json, "lab.offsets.rivals.closure", metrics, note)


if __name__ == "__main__":
    main()
