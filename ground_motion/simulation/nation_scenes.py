"""Two years of radar images of three places of the demo nation: a surging glacier, a growing pit, a failing slope.

Speckle is made as on the island (simulation.sar.scenes): complex scatterers finer than the resolution are moved
exactly (never the image), then band-limited, detected and averaged. Images come in pairs twelve days apart, one pair
every 48 days; of the glacier there is also every pass of the last months.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from typing import NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ground_motion.core.projections import transformer
from ground_motion.simulation.ground.frame import GRID_EPSG, Floats, LocalFrame, Offset
from ground_motion.simulation.ground.terrain import LandCover, fractal_field
from ground_motion.simulation.nation import GLACIER, PIT, PIT_HALF_M, Nation, glacier_speed_share
from ground_motion.simulation.sar.scenes import UTM_EPSG, Event
from ground_motion.simulation.sar.speckle import Complex, Float32, image, scatterers, shift

REPEAT_DAYS, SPARSE_DAYS = 12, 48
LAST = dt.datetime(2023, 12, 14, 18, 40, tzinfo=dt.UTC)  # an ascending pass there
POSTING_M, OVERSAMPLING, RESOLUTION_M = 30.0, 4, 12.0
# The order is that of LandCover: sea, town, suburb, open land, forest, ice.
COHERENCE = np.array([0.0, 0.85, 0.8, 0.75, 0.45, 0.65], dtype=np.float32)
BACKSCATTER_DB = np.array([-19.0, -3.0, -6.0, -11.0, -8.0, -7.0], dtype=np.float32)
FLOW_LEVELS = 5  # The glacier's speed has this many levels across its width.
WINTER_M_DAY, SUMMER_M_DAY = 0.2, 0.45  # Speeds in the middle of the tongue.
SURGE_M_DAY = (0.9, 2.2, 3.6, 4.6, 5.0)  # The last repeats have these speeds, one after the other.
FAILING_HALF_M = (520.0, 340.0)
PIT_PAIR, SLOPE_PAIR = -4, -2  # The pit is widened, and the slope fails, in these pairs, counted from the end.


class AreaImages(NamedTuple):
    """Images of a place. power: (dates, rows, cols), linear; speed_m_day: of the glacier between dates, 0 elsewhere."""

    burst: str
    dates: tuple[dt.datetime, ...]
    power: Float32
    transform: Affine
    epsg: int
    speed_m_day: tuple[float, ...]
    event_between: tuple[dt.datetime, dt.datetime]


class _Place(NamedTuple):
    """A place on the images' fine grid, (rows, cols): coherence over a repeat, amplitude, position in the nation, m."""

    transform: Affine
    coherence: Float32
    amplitude: Float32
    east_m: Floats
    north_m: Floats


def pair_dates(sparse_pairs: int, dense_dates: int) -> tuple[dt.datetime, ...]:
    """Return dates: one pair every 48 days, then dense_dates consecutive passes, if any. The last date is LAST."""
    repeat, sparse = dt.timedelta(days=REPEAT_DAYS), dt.timedelta(days=SPARSE_DAYS)
    dense = [LAST - n * repeat for n in range(dense_dates)][::-1]
    last_pair = dense[0] - sparse if dense else LAST - repeat
    starts = [last_pair - n * sparse for n in range(sparse_pairs)][::-1]
    return tuple(date for start in starts for date in (start, start + repeat)) + tuple(dense)


def simulate_images(nation: Nation) -> tuple[AreaImages, ...]:
    """Simulate glacier, pit and slope; the same nation gives the same numbers."""
    _, pit_rng, slope_rng = _rngs(nation)
    sparse = pair_dates(nation.config.sparse_pairs + 2, 0)
    return (
        simulate_glacier_images(nation),
        _event(pit_rng, nation, sparse, "000002-IW1", (PIT, PIT_HALF_M, PIT_PAIR)),
        _event(slope_rng, nation, sparse, "000003-IW3", (nation.failing, FAILING_HALF_M, SLOPE_PAIR)),
    )


def simulate_glacier_images(nation: Nation) -> AreaImages:
    """Simulate the images of the glacier alone, the same as in `simulate_images`."""
    config = nation.config
    return _glacier(_rngs(nation)[0], nation, pair_dates(config.sparse_pairs, config.dense_dates))


def _rngs(nation: Nation) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in np.random.SeedSequence([nation.region.seed, 0x1A6E5]).spawn(3)]


def glacier_speeds(dates: tuple[dt.datetime, ...]) -> tuple[float, ...]:
    """Return the mean speed in the middle of the tongue between dates, m/day: high in early summer and in the surge."""
    speeds = []
    for earlier, later in itertools.pairwise(dates):
        day = (earlier + (later - earlier) / 2).timetuple().tm_yday
        summer = math.exp(-0.5 * ((day - 175) / 30) ** 2)
        speeds.append(WINTER_M_DAY + (SUMMER_M_DAY - WINTER_M_DAY) * summer)
    surge = SURGE_M_DAY[-len(speeds) :]
    return (*speeds[: len(speeds) - len(surge)], *surge)


def _glacier(rng: np.random.Generator, nation: Nation, dates: tuple[dt.datetime, ...]) -> AreaImages:
    place = _place(rng, nation, GLACIER.centre)
    flow = np.rint(glacier_speed_share(place.east_m, place.north_m) * FLOW_LEVELS).astype(np.intp)
    turn = math.radians(GLACIER.bearing_deg) + _grid_bearing(nation.region.terrain.frame)
    speeds, fine_m = glacier_speeds(dates), POSTING_M / OVERSAMPLING
    field = scatterers(rng, flow.shape)
    images = [_image(field, place)]
    for speed, (earlier, later) in zip(speeds, itertools.pairwise(dates), strict=True):
        days = (later - earlier).days
        step = speed * days / fine_m  # cells
        for level in range(1, FLOW_LEVELS + 1):
            share = step * level / FLOW_LEVELS
            shifted = shift(field, share * math.sin(turn), -share * math.cos(turn))  # Rows run south.
            field = np.where(flow == level, shifted, field)
        field = _age(rng, field, place.coherence ** (days / REPEAT_DAYS))
        images.append(_image(field, place))
    between = dates[-len(SURGE_M_DAY) - 1], dates[-1]
    return AreaImages("000001-IW2", dates, np.stack(images), place.transform, UTM_EPSG, speeds, between)


def _event(
    rng: np.random.Generator,
    nation: Nation,
    dates: tuple[dt.datetime, ...],
    burst: str,
    event: tuple[Offset, tuple[float, float], int],
) -> AreaImages:
    """Simulate ground at rest whose surface is destroyed in one pair. event: centre, half axes (m), index of pair."""
    centre, half_m, pair = event
    place, (x_m, y_m) = _place(rng, nation, centre), _xy(nation.region.terrain.frame, centre)
    rows, cols = place.coherence.shape
    x, y = _centres(place.transform, rows, OVERSAMPLING)
    bare = Event(x_m, y_m, (1.6 * half_m[0], 1.6 * half_m[1])).holds(x, y)
    place.coherence[bare] = COHERENCE[LandCover.OPEN]  # Events show on ground without trees, not in forest.
    destroyed = Event(x_m, y_m, half_m).holds(x, y)
    at = len(dates) + 2 * pair + 1
    field = scatterers(rng, (rows, cols))
    images = [_image(field, place)]
    for number in range(1, len(dates)):
        days = (dates[number] - dates[number - 1]).days
        coherence = place.coherence ** (days / REPEAT_DAYS)
        field = _age(rng, field, np.where(destroyed, 0.0, coherence) if number == at else coherence)
        images.append(_image(field, place))
    still = (0.0,) * (len(dates) - 1)
    return AreaImages(burst, dates, np.stack(images), place.transform, UTM_EPSG, still, (dates[at - 1], dates[at]))


def _age(rng: np.random.Generator, field: Complex, coherence: NDArray[np.floating]) -> Complex:
    kept = coherence.astype(np.float32)
    return np.asarray(kept * field + np.sqrt(1 - kept**2) * scatterers(rng, field.shape), dtype=np.complex64)


def _image(field: Complex, place: _Place) -> Float32:
    return image(field * place.amplitude, OVERSAMPLING, RESOLUTION_M / POSTING_M)


def _place(rng: np.random.Generator, nation: Nation, centre: Offset) -> _Place:
    terrain, pixels = nation.region.terrain, nation.config.pixels
    x_m, y_m = _xy(terrain.frame, centre)
    west, north = (
        round((v + side * pixels * POSTING_M / 2) / POSTING_M) * POSTING_M for v, side in ((x_m, -1), (y_m, 1))
    )
    grid = Affine(POSTING_M, 0, west, 0, -POSTING_M, north)
    x, y = _centres(grid, pixels * OVERSAMPLING, OVERSAMPLING)
    easting_m, northing_m = transformer(UTM_EPSG, GRID_EPSG).transform(x, y)
    cell = terrain.cell_of(easting_m, northing_m)
    cover = nation.region.land_cover[cell]
    uneven = 1.2 * fractal_field(rng, x.shape[0], -2.2) - 12 * np.clip(terrain.slope_east[cell], -0.5, 0.5)
    even = (cover == LandCover.SEA) | (cover == LandCover.ICE)  # A fixed pattern of brightness would hide the flow.
    level = BACKSCATTER_DB[cover] + np.where(even, 0.0, uneven)
    amplitude = np.sqrt(10 ** (level / 10)).astype(np.float32)
    return _Place(grid, COHERENCE[cover], amplitude, *terrain.frame.to_local(easting_m, northing_m))


def _centres(grid: Affine, cells: int, oversampling: int) -> tuple[Floats, Floats]:
    axis = (np.arange(cells) + 0.5) * grid.a / oversampling
    x, y = np.meshgrid(grid.c + axis, grid.f - axis)
    return x, y


def _xy(frame: LocalFrame, at: Offset) -> tuple[float, float]:
    """Return the position of a place in the images' system, m."""
    easting_m, northing_m = frame.to_grid(np.array(at.east_m), np.array(at.north_m))
    x_m, y_m = transformer(GRID_EPSG, UTM_EPSG).transform(float(easting_m), float(northing_m))
    return float(x_m), float(y_m)


def _grid_bearing(frame: LocalFrame) -> float:
    """Return the bearing of true north at the glacier, radians clockwise from the north of the images' grid."""
    x, y = _xy(frame, GLACIER.centre)
    further_x, further_y = _xy(frame, Offset(GLACIER.centre.east_m, GLACIER.centre.north_m + 1_000))
    return math.atan2(further_x - x, further_y - y)
