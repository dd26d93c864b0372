"""How a source moves over the years: displacement per mm/yr of its mean rate, so that every history has the same slope.

Each history is a function of years since the first date, scaled so that the rate fitted to it (with a yearly wave, as a
release does) is 1. Starting points and constants are drawn; a source's kind decides which histories it may take.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ml.simulation.ground.frame import Floats

History = Callable[[np.random.Generator, Floats], Floats]


def linear(rng: np.random.Generator, years: Floats) -> Floats:
    """The same rate from the first date to the last."""
    return years.copy()


def decelerating(rng: np.random.Generator, years: Floats) -> Floats:
    """Knothe's time function 1 − exp(−ct), c 0.2–1.5 per year: ground above a panel or a fill that comes to rest."""
    return np.asarray(1 - np.exp(-rng.uniform(0.2, 1.5) * years))


def accelerating(rng: np.random.Generator, years: Floats) -> Floats:
    """A rate that grows evenly, from a tenth to six tenths of its last value: a slope on its way."""
    first, span = rng.uniform(0.1, 0.6), float(years[-1])
    return np.asarray(first * years + (1 - first) * years**2 / (2 * span))


def onset(rng: np.random.Generator, years: Floats) -> Floats:
    """Still until some date in the first two thirds, then 1 − exp(−ct): mining that begins."""
    begun = np.clip(years - rng.uniform(0.1, 0.65) * years[-1], 0, None)
    return np.asarray(1 - np.exp(-rng.uniform(0.3, 1.5) * begun))


def steps(rng: np.random.Generator, years: Floats) -> Floats:
    """A slow creep with two to four jumps (wet winters, blasts): most of the way is made on few days."""
    jumps = np.sort(rng.uniform(0.05, 0.95, rng.integers(2, 5))) * years[-1]
    share = rng.dirichlet(np.ones(len(jumps)))
    stairs = ((years[:, None] >= jumps) * share).sum(axis=1) * years[-1]
    return np.asarray(0.3 * years + 0.7 * stairs)


HISTORIES: dict[str, tuple[History, ...]] = {
    "mining_subsidence": (decelerating, onset, linear),
    "mine_water_uplift": (linear, decelerating),
    "groundwater_subsidence": (linear, accelerating, decelerating),
    "landslide": (linear, accelerating, steps),
    "pressure_source": (linear, onset, accelerating),
    "tunnel": (onset,),
    "quarry": (linear, steps),
    "fill_settlement": (decelerating,),
}


def draw_history(rng: np.random.Generator, kind: str, years: Floats) -> tuple[str, Floats]:
    """One of the histories of a kind: name and displacement per mm/yr of rate, (dates,), 0 at the first date."""
    choices: Sequence[History] = HISTORIES.get(kind, (linear,))
    history = choices[int(rng.integers(len(choices)))]
    return history.__name__, of_unit_rate(history(rng, years), years)


def of_unit_rate(displacement: Floats, years: Floats) -> Floats:
    """Scale a history so that its fitted rate is 1; displacement, years: (dates,). ValueError where it has no rate."""
    columns = [np.ones_like(years), years - years.mean(), np.sin(2 * np.pi * years), np.cos(2 * np.pi * years)]
    rate = np.linalg.lstsq(np.stack(columns, axis=1), displacement, rcond=None)[0][1]
    if abs(rate) < 1e-9:
        raise ValueError("a history without a rate cannot be scaled to one")
    return np.asarray((displacement - displacement[0]) / rate, dtype=np.float64)
