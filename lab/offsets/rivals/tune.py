"""`python -m lab.offsets.rivals.tune`: how far rivals that average should look, and how wide their sigmas are.

As single windows are tuned (lab.offsets.tune): on pairs that no benchmark and no training draws, by the mean error
over nodes, held at 1 px, where an unknown node costs UNKNOWN_PX. Printed are this cost and the factor on sigma with
which 68 % of the errors lie within one.
"""

import argparse
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from affine import Affine

from lab.offsets.evaluate import (
    AT,
    GAMMAS,
    POSTING_PX,
    SEARCH_CONSTANT_PX,
    SEARCH_FIELDS_PX,
    errors,
    make_constant,
    make_field,
)
from lab.offsets.rivals import multi_scale
from lab.offsets.rivals.averaging import averaged
from lab.offsets.rivals.tracking import MULTI_SCALE, SIZES_PX
from lab.offsets.tune import PAIRS, UNKNOWN_PX
from lab.simulation.sar.pairs import SarPair
from lab.simulation.sar.system import Float32
from lab.simulation.seeds import Purpose
from lab.workers import over_seeds
from ml.offsets.infer import track_offsets
from ml.rasters.imagery import ImagePair, pixels_per_cell
from ml.statistics.intervals import Float64

LIMITS = (1.0, 1.5, 2.0, 3.0, np.inf)
TOLERANCES = (1.0, 2.0, 3.0, 4.0, 6.0)
WITHIN_ONE = 0.6827
Bands = dict[str, Float32]


class Tried(NamedTuple):
    """rows: of lab.offsets.evaluate.errors, of one pair by one rival with one set of parameters."""

    rival: str
    rows: Float64


def tried(pair: SarPair, search: int) -> Iterator[Tried]:
    """What every rival with every set of parameters makes of a pair; sigmas are those that calibration starts from."""
    images = ImagePair(pair.power[0], pair.power[1], Affine.identity(), None)
    for base in ("ncc", "whitened"):
        bands = dict(track_offsets(images, base, torch.device("cpu"), search, POSTING_PX).bands)
        for size in SIZES_PX:
            for within in LIMITS:
                rows = errors(averaged(bands, size, POSTING_PX, within), pair)
                yield Tried(f"{base} {size} px, {within} sigma", rows)
    power = torch.from_numpy(pair.power)
    windows = multi_scale.correlated(power, search, POSTING_PX, pixels_per_cell(power))
    for tolerance in TOLERANCES:
        result = multi_scale.chosen(windows, search, tolerance, calibration=1.0)
        bands = {name: band.numpy() for name, band in result._asdict().items()}
        yield Tried(f"{MULTI_SCALE}, {tolerance} sigma", errors(bands, pair))


def cost(rows: Float64) -> float:
    """Mean error, px, held at 1 px; UNKNOWN_PX where there is none."""
    length = np.minimum(np.hypot(rows[:, 0], rows[:, 1]), 1.0)
    return float(np.where(rows[:, AT.known] == 1, length, UNKNOWN_PX).mean())


def calibration(rows: Float64) -> float:
    """The factor on sigma within which 68 % of the known errors lie."""
    known = rows[rows[:, AT.known] == 1]
    return float(np.quantile(np.abs(known[:, :2]) / known[:, 2:4], WITHIN_ONE))


def of_scene(scene: int) -> list[list[Tried]]:
    """One pair of the fields and one of each constant coherence."""
    pairs = [(make_field(scene, Purpose.VALIDATION), SEARCH_FIELDS_PX)]
    pairs += [(make_constant(gamma, scene, Purpose.VALIDATION), SEARCH_CONSTANT_PX) for gamma in GAMMAS]
    return [list(tried(pair, search)) for pair, search in pairs]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    pairs = [pair for scene in over_seeds(of_scene, args.pairs, processes=args.processes) for pair in scene]
    print(f"{'rival':28s}    cost  factor on sigma")
    for parts in zip(*pairs, strict=True):
        rows = [part.rows for part in parts]
        mean = np.mean([cost(part) for part in rows])
        print(f"{parts[0].rival:28s} {mean:7.4f}  {calibration(np.concatenate(rows)):6.2f}")


if __name__ == "__main__":
    main()
