"""Series of images of one place, on ground that loses its coherence once.

All images show the same scatterers, which decorrelate by a gamma from date to date, and move.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lab.simulation.sar.ground import Ground, Likely, smooth_field, structured
from lab.simulation.sar.pairs import decorrelated, imaged_at, inner, padded
from lab.simulation.sar.system import GRDH, Float32, System, detected, scatterers, to_pixels

EVENT_PX = 30
EVENT_FROM, EVENT_TO = 0.7, 0.2


class ImageSeries(NamedTuple):
    """A series of images with its truth. power: (dates, rows, cols), linear.

    gamma, dx_px, dy_px: (dates - 1, rows, cols), of each step, at the ground's position in the first image; gamma is of
    the scatterers. event: (rows, cols), where something happened; step: index of the step in which it happened.
    """

    power: Float32
    gamma: Float32
    dx_px: Float32
    dy_px: Float32
    event: Float32
    step: int


def image_series(
    rng: np.random.Generator, system: System, ground: Ground, gamma: Float32, moved_px: Float32
) -> tuple[Float32, Float32]:
    """Return power (dates, rows, cols) and gamma (dates - 1, rows, cols) of ground whose scatterers persist.

    gamma: of each step, (dates - 1, fine rows, fine cols); moved_px: dx and dy since the first date, (dates, 2, fine
    rows, fine cols).
    """
    field = scatterers(rng, (system.looks, *ground.gamma.shape))
    amplitude = np.sqrt(ground.power[0])
    images = []
    for date in range(len(moved_px)):
        if date:
            field = decorrelated(rng, field, gamma[date - 1])
        looks = imaged_at(
            system, field * amplitude, ground, moved_px[date], (rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5))
        )
        images.append(inner(detected(looks, system)))
    return np.stack(images), inner(to_pixels(gamma, system.fine))


def change_series(rng: np.random.Generator, predecessors: int, size: int = 128, after: int = 0) -> ImageSeries:
    """Draw GRDH images of structured ground at rest: ordinary steps, then one step with a loss over 30 x 30 px.

    after: number of ordinary steps that follow, in which the new surface is as stable as the old one was. Weather
    lowers the coherence of a step by up to a quarter, slightly unevenly. Images are registered to 0.1 px.
    """
    whole = padded(size)
    ground = structured(rng, whole, GRDH, Likely(layover=0.0, town=0.0, change=0.0))
    row, col = (rng.integers(n // 2 - 40, n // 2 + 40 - EVENT_PX) for n in whole)
    place = np.zeros(whole, dtype=bool)
    place[row : row + EVENT_PX, col : col + EVENT_PX] = True
    around = np.zeros(whole, dtype=bool)
    around[row - 15 : row + EVENT_PX + 15, col - 15 : col + EVENT_PX + 15] = True
    static = np.where(around, EVENT_FROM, ground.gamma)
    power = np.where(around, np.maximum(ground.power, 10**-0.3), ground.power).astype(np.float32)
    steps, event = predecessors + 2 + after, predecessors + 1
    weather = 1 - rng.uniform(0, 0.25, steps) * (rng.random(steps) < 0.4)
    uneven = np.stack([smooth_field(rng, whole, (40.0, 40.0)) for _ in range(steps)])
    gamma = np.clip(static * (weather[:, None, None] + 0.03 * uneven), 0, 0.99)
    gamma[event][place] *= EVENT_TO / EVENT_FROM
    registration = rng.normal(0, 0.1, (steps + 1, 2, 1, 1)) * np.ones((1, 1, *whole))
    images, truth = image_series(
        rng, GRDH, ground._replace(power=power), gamma.astype(np.float32), registration.astype(np.float32)
    )
    still = np.zeros((steps, size, size), dtype=np.float32)
    return ImageSeries(images, truth, still, still, inner(place.astype(np.float32)), event)
