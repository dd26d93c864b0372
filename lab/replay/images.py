"""Radar images of a place in sequence: scatterers persist and decorrelate, ground changes, ice flows."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ground_motion.core.projections import transformer
from ground_motion.core.rasters import write_cog
from ground_motion.simulation.sar.speckle import Complex, Float32, image, scatterers, shift
from lab.replay.scenario import MIDDLE

EPSG = 32633
PIXELS, POSTING_M = 200, 30.0
OVERSAMPLING, RESOLUTION_PX = 3, 0.4
LAND_DB, ICE_DB, WATER_DB = -11.0, -9.0, -19.0
LAND_COHERENCE, ICE_COHERENCE = 0.8, 0.6
SEED = 22


class KilometreGrid(NamedTuple):
    """Positions of the fine grid's cells, (rows, cols): km east and km north of the middle."""

    x_km: NDArray[np.float64]
    y_km: NDArray[np.float64]

    def square(self, x_km: float = 0.0, y_km: float = 0.0, size_m: float = 800.0) -> NDArray[np.bool_]:
        """Return the mask of the cells in a square with its centre at (x_km, y_km)."""
        half = size_m / 2000
        return (np.abs(self.x_km - x_km) < half) & (np.abs(self.y_km - y_km) < half)


class Camera:
    """Camera that takes images; the state of the ground is kept in the scatterers between images."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(SEED)
        n, step_km = PIXELS * OVERSAMPLING, POSTING_M / OVERSAMPLING / 1000
        axis = (np.arange(n) + 0.5) * step_km - n * step_km / 2
        x_km, y_km = np.meshgrid(axis, -axis)
        self.ground = KilometreGrid(x_km, y_km)
        self.field: Complex = scatterers(self.rng, x_km.shape)
        self.last: date | None = None

    def take(self, folder: Path, day: date, track: int, made: Mapping[str, Any]) -> Path:
        """Write the image of a day under an OPERA name; return its path.

        made: what happened since the last image: keeps, share of all coherence that is left (rain, snow); changed,
        moved: squares, the latter with `metres` to the east; ice, m/day to the east, in a square of 2 km. front_m:
        width of the strip at the ice's eastern edge that is water from now on.
        """
        ice = self.ground.square(size_m=2000.0) if "ice" in made else np.zeros(self.field.shape, dtype=bool)
        water = ice & (self.ground.x_km > 1.0 - made.get("front_m", 0.0) / 1000)
        if self.last is not None:
            self._pass((day - self.last).days, made, ice, water)
        self.last = day
        db = np.select([water, ice], [WATER_DB, ICE_DB], LAND_DB)
        power = image((self.field * 10 ** (db / 20)).astype(np.complex64), OVERSAMPLING, RESOLUTION_PX)
        return _write(folder, day, track, made.get("edition", 1), power)

    def _pass(self, days: int, made: Mapping[str, Any], ice: NDArray[np.bool_], water: NDArray[np.bool_]) -> None:
        keeps = made.get("keeps", 1.0)
        coherence = np.where(ice, ICE_COHERENCE, LAND_COHERENCE) * keeps
        if "changed" in made:
            coherence[self.ground.square(**made["changed"])] = 0.0
        coherence[water] = 0.0
        motions = [(ice & ~water, made.get("ice", 0.0) * days)]
        if "moved" in made:
            body = dict(made["moved"])
            metres = body.pop("metres")
            motions.append((self.ground.square(**body), metres))
        for body_mask, metres in motions:
            if metres:
                shifted = shift(self.field, metres / POSTING_M * OVERSAMPLING, 0.0)
                self.field = np.where(body_mask, shifted, self.field)
        kept = coherence.astype(np.float32)
        self.field = kept * self.field + np.sqrt(1 - kept**2) * scatterers(self.rng, self.field.shape)


def _write(folder: Path, day: date, track: int, edition: int, power: Float32) -> Path:
    x, y = transformer(4326, EPSG).transform(*MIDDLE)
    west, north = (round(part / POSTING_M) * POSTING_M for part in (x, y))
    half = PIXELS * POSTING_M / 2
    seen = datetime.combine(day, time(6), UTC)
    stamps = [f"{when:%Y%m%dT%H%M%SZ}" for when in (seen, seen.replace(hour=6 + edition))]
    path = folder / f"OPERA_L2_RTC-S1_T{track:03d}-000001-IW2_{'_'.join(stamps)}_S1A_30_v1.0_VV.tif"
    grid = Affine(POSTING_M, 0, west - half, 0, -POSTING_M, north + half)
    write_cog(path, {"VV": power}, grid, EPSG, ["linear power"], {"SIMULATED": "yes"})
    return path
