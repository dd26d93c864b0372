"""Still tiles with errors of families that training does not draw, each identified by family, purpose and number.

Any change to a tile makes a new version of `deformation-equal`. These tiles are for neither training nor validation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ground_motion.simulation.ground.scatter import Density
from ground_motion.simulation.velocity.nuisance import Nuisance, Range
from lab.deformation.absent import errors
from lab.simulation.seeds import Purpose, generator
from lab.simulation.tiles import Tile, TileConfig, make_tile

NAME = "deformation-absent"  # Name from which the seeds are derived.
NATIONAL_YEARS = 5.0  # span of the series for which the errors of the national benchmark hold
STILL = TileConfig(signal_share=0.0)
NONE = Range(0.0, 0.0)

Configure = Callable[[np.random.Generator], TileConfig]


class Family(NamedTuple):
    """Family of tiles. configure: draws a tile's configuration; disturb, then process: add errors to the tile."""

    configure: Configure
    disturb: errors.Change = errors.untouched
    process: errors.Change = errors.untouched


def _of_span(config: TileConfig, years: float) -> TileConfig:
    """Return the configuration for another span: rate errors are the same phase errors divided by the new span."""
    return config._replace(years=years, nuisance=config.nuisance._replace(factor=NATIONAL_YEARS / years))


def _mountains(rng: np.random.Generator) -> TileConfig:
    """Draw high relief and a span of three to eight years."""
    return STILL._replace(relief_m=Range(200.0, 450.0), years=float(rng.uniform(3, 8)))


def _few_years(rng: np.random.Generator) -> TileConfig:
    """Draw a span of two to five years, without the simulator's own unwrapping errors."""
    return _of_span(STILL._replace(nuisance=Nuisance(block_share=0.0)), float(rng.uniform(2, 5)))


def _sparse(rng: np.random.Generator) -> TileConfig:
    """Draw villages with sparse points, meadows, forests on 60–80 % of the ground, and high relief."""
    return STILL._replace(
        density=Density(town_per_km2=1_500.0, suburb_per_km2=350.0, open_per_km2=45.0),
        town_share=NONE,
        suburb_share=Range(0.01, 0.04),
        forest_share=Range(0.60, 0.80),
        relief_m=Range(150.0, 400.0),
    )


def _l_band(rng: np.random.Generator) -> TileConfig:
    """Draw points also in forest, noise 1–1.4 times that of C-band in mm (less in phase), and a span of 2–5 years."""
    noise, more = STILL.nuisance.noise, rng.uniform(1.0, 1.4) ** 2
    return STILL._replace(
        density=Density(open_per_km2=250.0, forest_per_km2=60.0),
        years=float(rng.uniform(2, 5)),
        nuisance=Nuisance(
            noise=noise._replace(nugget_mm2_yr2=noise.nugget_mm2_yr2 * more, sill_mm2_yr2=noise.sill_mm2_yr2 * more),
            block_share=0.0,
        ),
    )


ERRORS: dict[str, Family] = {
    "winters": Family(_mountains, process=errors.winters),
    "unwrapped": Family(_few_years, process=errors.unwrapped),
    "lband": Family(_l_band, errors.long_wave),
    "short": Family(lambda rng: _of_span(STILL, float(rng.uniform(0.5, 1.0)))),
    "sparse": Family(_sparse),
    "settling": Family(lambda rng: STILL, errors.settling),
    "soil": Family(lambda rng: STILL._replace(relief_m=Range(30.0, 150.0)), errors.soil),
    "warm": Family(lambda rng: STILL._replace(town_share=Range(0.02, 0.06)), errors.warm),
}


def field_tile(family: str, number: int, purpose: Purpose = Purpose.BENCHMARK) -> Tile:
    """Make a still tile of a family."""
    configure, disturb, process = ERRORS[family]
    config_rng, tile_rng, error_rng = generator(purpose, f"{NAME} {family}", number).spawn(3)
    tile = disturb(error_rng, make_tile(tile_rng, configure(config_rng)))
    return process(generator(purpose, f"{NAME} {family} processor", number), tile)
