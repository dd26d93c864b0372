"""Change of coherence of a pair relative to its predecessors, in robust standard deviations."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.methods.coherence.confirm import AVERAGED_PX, PairChange, average
from ground_motion.rasters.pieces import Arrays, Pieces
from ground_motion.rasters.windows import Window, grown, inner
from ground_motion.statistics.quantiles import MEDIAN
from ground_motion.statistics.robust import MAD_TO_SIGMA, median_of_known

Float32 = NDArray[np.float32]
MIN_PREDECESSORS = 3
MAX_PREDECESSORS = 12
SEASON_DAYS = 45  # Predecessors whose day of the year is this near to the pair's are of its season.
MIN_IN_SEASON = 6  # If fewer predecessors are of the season, those of other seasons are used too.
# What the median absolute deviation of n values must be multiplied by: Croux and Rousseeuw 1992.
SMALL_SAMPLES = ((3, 4, 5, 6, 7, 8, 9, 12), (1.495, 1.363, 1.206, 1.200, 1.140, 1.129, 1.107, 1.07))
BELOW_ONE_SIGMA = 16  # Below minus one sigma lie 16 per cent of a Gaussian.
SPREAD_PX = 13  # The spread of the past is averaged over the network's resolution.
MARGIN_PX = AVERAGED_PX // 2  # A piece overlaps its neighbours by this margin.
MIN_SIGMA_SHARE = 0.5  # The rest of an estimate's sigma is the same in every pair and cancels.


class CoherenceChange(NamedTuple):
    """Change of coherence. All arrays are (rows, cols).

    change_sigma: robust z-score, negative where coherence was lost; before: median of the predecessors; after: now; NaN
    where the pair is unknown or fewer than MIN_PREDECESSORS predecessors are known.

    weather: the median difference of the whole scene, which was removed.
    """

    change_sigma: Float32
    before: Float32
    after: Float32
    weather: float

    def evidence(self, reference: date, secondary: date) -> PairChange:
        """Return the change as evidence for confirmation. reference, secondary: dates of the pair's images."""
        return PairChange(reference, secondary, self.change_sigma, float(np.nanmedian(self.before)))


def scatterer_bands(names: Collection[str]) -> tuple[str, str]:
    """Return the names of the coherence and sigma bands in which change is sought: the scatterers' if present."""
    prefix = "scatterers_" if "scatterers_coherence" in names else ""
    return f"{prefix}coherence", f"{prefix}coherence_sigma"


class Stack(NamedTuple):
    """Coherence, 0-1, that is compared; read window by window, NaN unknown.

    past: returns the predecessors' coherence and sigma, (n, rows, cols); now: the pair's coherence, (rows, cols).
    """

    shape: tuple[int, int]
    past: Callable[[Window], tuple[Float32, Float32]]
    now: Callable[[Window], Float32]


class ScaledChange(NamedTuple):
    """Change of coherence, ready to be read window by window.

    weather: as in CoherenceChange; read: (place, window) -> change_sigma, before and after as in CoherenceChange; the
    window may reach beyond the place's own window by at most MARGIN_PX.
    """

    weather: float
    read: Callable[[str, Window], tuple[Float32, Float32, Float32]]


def coherence_change(history: Float32, history_sigma: Float32, coherence: Float32) -> CoherenceChange:
    """Compare a pair with its predecessors. history, its sigma: (n, rows, cols); coherence: (rows, cols); 0-1.

    A loss in the whole scene (rain, wind, snow) is not an event on the ground: its share is removed from the pair and
    from each predecessor. Change is measured in units of the past spread around the pixel, or of half an estimate's
    sigma if that is larger. If the lowest sixth of the scene still lies more than one unit below zero, the unit is
    enlarged until it does not, because bad weather also decorrelates unevenly.
    """

    def past(at: Window) -> tuple[Float32, Float32]:
        return _part(history, at), _part(history_sigma, at)

    rows, cols = coherence.shape
    whole = Window(0, 0, rows, cols)
    stack = Stack((rows, cols), past, lambda at: _part(coherence, at))
    change = scaled_change(stack, len(history), Pieces(), {"all": whole})
    return CoherenceChange(*change.read("all", whole), change.weather)


def _part(values: Float32, at: Window) -> Float32:
    return values[..., at.row : at.row + at.rows, at.col : at.col + at.cols]


def scaled_change(stack: Stack, n_past: int, pieces: Pieces, at: Mapping[str, Window]) -> ScaledChange:
    """Compute the scene-wide statistics of a change, piece by piece. at: name of a piece's place -> its window."""
    if n_past < MIN_PREDECESSORS:
        raise ValueError(f"{n_past} predecessors are too few: at least {MIN_PREDECESSORS} are needed")

    places = {place: place for place in at}
    lost_before = _lost_before(stack, pieces, at)

    def scale(here: Window) -> Arrays:
        wide = grown(here, MARGIN_PX, stack.shape)
        return _scale(stack, here, wide, lost_before)

    pieces.each("scale", at, scale)

    def read_scaled(place: str, window: Window) -> tuple[Float32, Float32, Float32]:
        """Return the median before, its scale, and the value now, NaN if too few predecessors are known."""
        own, part = inner(window, grown(at[place], MARGIN_PX, stack.shape)), pieces.get("scale", place)
        now = np.where(part["enough"][own], stack.now(window), np.float32(np.nan))
        return part["before"][own], part["scale"][own], now

    (level,) = pieces.quantiles("before-median", places, lambda place: [read_scaled(place, at[place])[0]], MEDIAN)

    def now_lost(place: str) -> list[Float32]:
        before, _, now = read_scaled(place, at[place])
        return [(before - now) / _able_to_lose(before, level), np.where(np.isfinite(now), before, np.float32(np.nan))]

    of_now, known_level = pieces.quantiles("now-lost", places, now_lost, MEDIAN)
    lost = of_now or 0.0

    def plain(place: str) -> list[Float32]:
        before, by, now = read_scaled(place, at[place])
        return [_z(now, before, by, lost)]

    (below,) = pieces.quantiles("below", places, plain, BELOW_ONE_SIGMA / 100)
    widened = max(1.0, -(below or 0.0))

    def read(place: str, window: Window) -> tuple[Float32, Float32, Float32]:
        before, by, now = read_scaled(place, window)
        before = np.where(np.isfinite(now), before, np.float32(np.nan))
        return (_z(now, before, by, lost) / np.float32(widened)), before, now

    return ScaledChange(-lost * (known_level or 0.0), read)


def _lost_before(stack: Stack, pieces: Pieces, at: Mapping[str, Window]) -> list[float]:
    """Return, for each predecessor, the share of coherence lost in the whole scene relative to their median."""
    places, middle = {place: place for place in at}, None
    if not pieces.complete("past-lost"):
        pieces.each("first", at, lambda here: {"before": median_of_known(stack.past(here)[0])})
        (middle,) = pieces.quantiles(
            "first-median", places, lambda place: [pieces.get("first", place)["before"]], MEDIAN
        )

    def lost(place: str) -> list[Float32]:
        before = pieces.get("first", place)["before"]
        able = _able_to_lose(before, middle)
        return [(before - past) / able for past in stack.past(at[place])[0]]

    found = pieces.quantiles("past-lost", places, lost, MEDIAN)
    pieces.drop("first")
    return [value or 0.0 for value in found]


def _scale(stack: Stack, here: Window, wide: Window, lost: Sequence[float]) -> Arrays:
    """Return a window's past coherence, its usual deviation, and where enough predecessors are known."""
    history, history_sigma = stack.past(grown(wide, SPREAD_PX // 2, stack.shape))
    floor = MIN_SIGMA_SHARE * median_of_known(history_sigma)
    before = median_of_known(history)
    past = np.stack([coherence + share * before for coherence, share in zip(history, lost, strict=True)])
    before = median_of_known(past)
    deviation = np.abs(np.subtract(past, before, out=past), out=past)
    n = np.isfinite(history).sum(axis=0, dtype=np.int16)
    most = np.arange(len(history) + 1)
    spread = MAD_TO_SIGMA * median_of_known(deviation) * np.interp(most, *SMALL_SAMPLES)[n]
    own = np.maximum(average(spread.astype(np.float32), SPREAD_PX), floor)
    own = np.maximum(own * np.sqrt(1 + np.pi / 2 / np.maximum(most, 1))[n], 1e-3)  # Add the error of the median.
    part = inner(wide, grown(wide, SPREAD_PX // 2, stack.shape))
    return {"before": before[part], "scale": own[part].astype(np.float32), "enough": n[part] >= MIN_PREDECESSORS}


def _z(now: Float32, before: Float32, scale: Float32, lost: float) -> Float32:
    return np.asarray((now - before + np.float32(lost) * before) / scale, dtype=np.float32)


def _able_to_lose(before: Float32, middle: float | None) -> Float32:
    """Return the coherence `before`, at least 0.05, in the more coherent half of a scene; NaN elsewhere."""
    upper = before >= np.float32(np.inf if middle is None else middle)
    return np.where(upper, np.maximum(before, np.float32(0.05)), np.float32(np.nan))


def choose_in_season(days: Sequence[date], day: date, most: int = MAX_PREDECESSORS) -> list[int]:
    """Return the indices of the predecessors to compare a pair with, the latest first, at most `most`.

    These are the predecessors of the pair's season, in any year, if there are at least MIN_IN_SEASON; otherwise the
    latest predecessors. days: dates of the predecessors' secondary images; day: date of the pair's.
    """
    latest = sorted(range(len(days)), key=lambda index: days[index], reverse=True)
    alike = [index for index in latest if _days_apart(days[index], day) <= SEASON_DAYS]
    return (alike if len(alike) >= MIN_IN_SEASON else latest)[:most]


def _days_apart(day: date, other: date) -> float:
    """Return how many days apart two dates are within the year, 0 to half a year."""
    apart = abs((day - other).days) % 365.25
    return min(apart, 365.25 - apart)
