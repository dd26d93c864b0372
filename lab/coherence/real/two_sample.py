"""`python -m lab.coherence.real.two_sample`: can a small network tell what training draws from real images?

The classifier two-sample test of lab.simulation.sar.realism, place by place (0.5: it cannot; 1: always), by the ground
that is drawn: structured, simulated (structured, a city, open land, even), of real texture, or as training draws from
the last two. Single looks against `pairs_real/speckle_stacks`; pixels of 30 m against the land chips of OPERA RTC-S1,
none of which teaches. A place of the first that teaches is in the draws as texture, so the figure of a place kept for
validation is the one that counts there.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from lab.coherence.training.scenes import LIKELY, ground_of, single_look_pair, textured
from lab.coherence.training.task import CoherenceSettings
from lab.coherence.training.textures import KEPT, TAUGHT, dates_of, textures_of
from lab.real_data import folder
from lab.results import exact, write
from lab.simulation.sar.ground import Ground, structured
from lab.simulation.sar.motion import zero
from lab.simulation.sar.opera_like import CHIP_PX
from lab.simulation.sar.pairs import padded, simulate_pair
from lab.simulation.sar.realism import Place, two_sample_auc
from lab.simulation.sar.report import real_places
from lab.simulation.sar.system import RTC, Float32, System
from lab.simulation.seeds import Purpose, generator

CHIPS = 60
SINGLE_LOOK_PX = 128
SHARE = CoherenceSettings.textured_share
Drawn = Callable[[np.random.Generator, int, System], Ground]


def single_looks(ground: Drawn, scene: int) -> Float32:
    """Power (rows, cols) of one image as cut from a complex one."""
    rng = generator(Purpose.TEST, "two-sample single looks", scene)
    return np.asarray(single_look_pair(rng, SINGLE_LOOK_PX, ground).power[0])


def coarse(ground: Drawn, scene: int) -> Float32:
    """Power (rows, cols) of one image with pixels of 30 m."""
    rng = generator(Purpose.TEST, "two-sample 30 m", scene)
    still = zero(rng, padded(CHIP_PX), RTC.fine)
    return np.asarray(simulate_pair(rng, RTC, ground(rng, CHIP_PX, RTC), still).power[0])


def stacks() -> list[Place]:
    """The five places of the single-look stacks, log power, the parts of each that teach or are kept together."""
    names = sorted({cut.place for cut in (TAUGHT | KEPT).values()})
    return [Place(name, np.log(np.maximum(dates_of(name, 4), 1e-6))) for name in names]


def main() -> None:
    """Write and print the areas under the curve."""
    parser = argparse.ArgumentParser(
        prog="python -m lab.coherence.real.two_sample", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--size", type=int, default=CHIPS, metavar="N", help="simulated images (default: %(default)s)")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    real = partial(textured, textures=textures_of(TAUGHT), mixed_share=CoherenceSettings.mixed_share)
    grounds: dict[str, Drawn] = {
        "structured": lambda rng, size, system: structured(rng, padded(size), system, LIKELY),
        "simulated": ground_of,
        "real texture": real,
        "as training draws": lambda rng, size, system: (real if rng.random() < SHARE else ground_of)(rng, size, system),
    }
    results = {}
    worlds = {
        "single looks": (single_looks, stacks()),
        "30 m": (coarse, real_places(folder("opera_rtc_10sgd"))),
    }
    for world, (drawn, places) in worlds.items():
        for name, ground in grounds.items():
            made = np.log(np.maximum([drawn(ground, scene) for scene in range(args.size)], 1e-6))
            auc, by_place = two_sample_auc(places, made)
            of_places = {f"auc_{place}": exact(value) for place, value in by_place.items()}
            results[f"{world}, {name}"] = {"auc": auc} | of_places
    write(args.json, "lab.coherence.real.two_sample", results, {}, size=args.size)


if __name__ == "__main__":
    main()
