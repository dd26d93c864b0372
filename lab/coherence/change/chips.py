"""`change-real`: the share of cells confirmed as changed on each date, on real ground without known events.

All chips available (three places on land, one at sea, both polarisations, 22 dates) were known when the confirmation
rule was designed. The thresholds are therefore chosen again here by a fixed rule, and each place on land is judged with
thresholds chosen without it: at most MAX_SHARE of the cells per date may be confirmed over the other places; of the
thresholds that satisfy this, those that find most events in simulated validation series are taken. Events are also
inserted into the real series (`with_event`); one counts as found if it is confirmed with SHOWN images of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from ground_motion.methods.coherence.change import MIN_PREDECESSORS, choose_in_season, coherence_change
from ground_motion.methods.coherence.confirm import EPOCH, HIGH_SIGMA, LOW_SIGMA, PairChange, confirm
from ground_motion.rasters.geotiffs import open_pair
from ground_motion.rasters.imagery import Float32
from ground_motion.rasters.windows import Window
from ground_motion.runtime.methods import methods
from ground_motion.statistics.intervals import Float64, Interval, bootstrap
from lab.benchmark import Benchmark, over_seeds
from lab.coherence.change import evaluate as simulated
from lab.coherence.change.evaluate import DETECTED_SHARE, EDGE_PX, estimates_of
from lab.real_data import CHIPS, folder, opera_chips
from lab.simulation.sar.series import EVENT_PX
from lab.simulation.seeds import Purpose, generator

NAME, VERSION = "change-real", "4"
POLARISATIONS = ("VV", "VH")
SEA = "IW1"
BASELINES_DAYS = (6, 12, 24)  # temporal baselines in which changes are searched
SMOOTHED_PX = 9
HIGHS, LOWS = (2.5, 3.0, 3.5, 4.0), (1.75, 2.0, 2.5)
MAX_SHARE = 0.0002  # Largest share of false cells per date, averaged over the places that set the thresholds.
SERIES = 200  # Number of validation series: with 40, thresholds 1 σ apart found the same share.
EVENTS, SHOWN = 8, 3  # events inserted into each real series, one at a time; images that show the event
MIN_BEFORE = 8  # An event is inserted only after this many images.
NEAR = timedelta(days=26)  # Most days between the event's first image and the second image before it and after it.
THRESHOLDS, SHIPPED = [(high, low) for high in HIGHS for low in LOWS], (HIGH_SIGMA, LOW_SIGMA)
Shares = Mapping[date, float]


class PairCoherence(NamedTuple):
    """Dates of a pair, and its coherence and sigma, (rows, cols)."""

    reference: date
    secondary: date
    coherence: Float32
    sigma: Float32

    @property
    def days(self) -> int:
        """Return the days between the dates."""
        return (self.secondary - self.reference).days


def series_of(files: Sequence[tuple[date, Path]]) -> tuple[list[date], Float32]:
    """Read the images of a burst: dates, and power (dates, rows, cols)."""
    sources = [open_pair(path, path) for _, path in files]
    return [day for day, _ in files], np.stack([source.read(Window(0, 0, *source.shape))[0] for source in sources])


def seen_of(days: Sequence[date], power: Float32, method: str, first: int = 0) -> list[PairCoherence]:
    """Estimate the coherence of every pair whose days apart are within a day of one of BASELINES_DAYS.

    power: (dates, rows, cols); first: index of the first image that a pair's secondary may be.
    """
    indices = [
        (one, other)
        for other in range(first, len(days))
        for one in range(other)
        if any(abs((days[other] - days[one]).days - apart) <= 1 for apart in BASELINES_DAYS)
    ]
    if not indices:
        return []
    estimates = estimates_of(method, ((power[one], power[other]) for one, other in indices), None)
    return [
        PairCoherence(days[one], days[other], *values)
        for (one, other), *values in zip(indices, *estimates, strict=True)
    ]


def with_event(power: Float32, first: int, at: tuple[int, int], donor: tuple[int, int]) -> Float32:
    """Insert a loss of coherence into a square of EVENT_PX. Return the changed series, power (dates, rows, cols).

    From image `first` on, the square at `at` shows the images of the square at `donor`, scaled to the mean brightness
    of `at` (smoothed over SMOOTHED_PX). Its speckle is thus new, and afterwards as stable as that of real ground.
    """
    mean = ndimage.uniform_filter(np.nanmean(power, axis=0), SMOOTHED_PX)
    here, there = (tuple(slice(corner, corner + EVENT_PX) for corner in place) for place in (at, donor))
    changed = power.copy()
    changed[(slice(first, None), *here)] = power[(slice(first, None), *there)] * (mean[here] / mean[there])
    return changed


def evidence_of(seen: Sequence[PairCoherence]) -> list[PairChange]:
    """Return the change of every pair against its predecessors of the same baseline."""
    collected = []
    for baseline in BASELINES_DAYS:
        alike = sorted((one for one in seen if one.days == baseline), key=lambda one: one.secondary)
        for index in range(MIN_PREDECESSORS, len(alike)):
            now, days = alike[index], [one.secondary for one in alike[:index]]
            past = [alike[chosen] for chosen in choose_in_season(days, now.secondary)]
            history, sigma = np.stack([one.coherence for one in past]), np.stack([one.sigma for one in past])
            collected.append(coherence_change(history, sigma, now.coherence).evidence(now.reference, now.secondary))
    return collected


def shares_by_date(evidence: Sequence[PairChange], high: float, low: float) -> Shares:
    """Return the share of cells confirmed as changed on each date. Dates are those of the pairs' secondary images."""
    event = confirm(evidence, high, low)
    dates = sorted({one.secondary for one in evidence})
    return {day: float((event.onset_day == (day - EPOCH).days).mean()) for day in dates}


class Judged(NamedTuple):
    """One place by (high, low) thresholds. land: False at sea.

    shares: of cells confirmed without an event, by polarisation; found: of each inserted event, 1 if it was confirmed.
    """

    shares: Mapping[tuple[float, float], list[Shares]]
    found: Mapping[tuple[float, float], list[float]]
    land: bool


def judged(place: str, method: str) -> Judged:
    """Judge a place for every pair of (high, low) thresholds. ValueError if there are no chips."""
    shares: dict[tuple[float, float], list[Shares]] = {both: [] for both in THRESHOLDS}
    found: dict[tuple[float, float], list[float]] = {both: [] for both in THRESHOLDS}
    land = not place.endswith(SEA)
    for polarisation in POLARISATIONS:
        days, power = series_of(opera_chips(folder(CHIPS))[place, polarisation])
        seen = seen_of(days, power, method)
        evidence = evidence_of(seen)
        for both in THRESHOLDS:
            shares[both].append(shares_by_date(evidence, *both))
        for event in range(EVENTS if land else 0):
            rng = generator(Purpose.BENCHMARK, f"{NAME} {place} {polarisation}", event)
            first, at, changed = inserted(rng, days, power)
            after = seen_of(days[: first + SHOWN], changed[: first + SHOWN], method, first)
            before = [one for one in seen if one.secondary < days[first]]
            evidence_there = evidence_of([*before, *after])
            there = tuple(slice(corner, corner + EVENT_PX) for corner in at)
            for both in THRESHOLDS:
                share = np.isfinite(confirm(evidence_there, *both).confidence[there]).mean()
                found[both].append(float(share >= DETECTED_SHARE))
    return Judged(shares, found, land)


def inserted(rng: np.random.Generator, days: Sequence[date], power: Float32) -> tuple[int, tuple[int, int], Float32]:
    """Put an event into a series: first image that shows it, its upper left corner, the series (`with_event`)."""
    dates = range(MIN_BEFORE, len(days) - 2)
    near = [one for one in dates if max(days[one] - days[one - 2], days[one + 2] - days[one]) <= NEAR]
    first = near[int(rng.integers(len(near)))]
    rows, cols = (size - 2 * EDGE_PX - EVENT_PX for size in power.shape[1:])
    at = donor = (0, 0)
    while max(abs(one - other) for one, other in zip(at, donor, strict=True)) < EVENT_PX:
        at, donor = ((EDGE_PX + int(rng.integers(rows)), EDGE_PX + int(rng.integers(cols))) for _ in range(2))
    return first, at, with_event(power, first, at, donor)


def validation(method: str, scene: int) -> Float64:
    """Return `simulated.outcome_of` of a simulated validation series for each pair of thresholds, (pairs, 4)."""
    series = simulated.make_series(simulated.CONFIRMED, scene, Purpose.VALIDATION)
    evidence = simulated.evidence_of(method, series.power)
    return np.array([simulated.outcome_of(confirm(evidence, *both), series) for both in THRESHOLDS])


def chosen(places: Sequence[Judged], found: Float64) -> tuple[float, float]:
    """Choose the thresholds that find most events among those that confirm at most MAX_SHARE over the places.

    found: (thresholds,), share of validation events found. If none qualifies, the strictest are chosen.
    """
    series = [[one for place in places for one in place.shares[both]] for both in THRESHOLDS]
    mean = [by_date(shares).mean() for shares in series]
    allowed = [at for at, share in enumerate(mean) if share <= MAX_SHARE]
    return THRESHOLDS[max(allowed, key=lambda at: (found[at], THRESHOLDS[at]))] if allowed else THRESHOLDS[-1]


def by_date(series: Sequence[Shares]) -> Float64:
    """Return the mean over all series with a value on a date, (dates,): the series share the weather of each date."""
    dates = sorted({day for by_day in series for day in by_day})
    return np.array([np.mean([by_day[day] for by_day in series if day in by_day]) for day in dates])


def evaluate(method: str, places: int) -> dict[str, Interval]:
    """Measure a method on a number of land places, and on the sea. Returns metric name -> interval over dates."""
    names = sorted({place for place, _ in opera_chips(folder(CHIPS))})
    by_place = {name: judged(name, method) for name in names}
    land = {name: one for name, one in by_place.items() if one.land}
    outcomes = np.array(over_seeds(partial(validation, method), SERIES))
    found = outcomes[:, :, 1].mean(axis=0)
    picked = {name: chosen([one for other, one in land.items() if other != name], found) for name in [*land][:places]}
    of_all = chosen([*land.values()], found)
    worst = max(share for name, both in picked.items() for one in land[name].shares[both] for share in one.values())
    highs, lows = zip(*picked.values(), strict=True)
    metrics = {
        "confirmed_share_worst": Interval(worst, worst, worst),
        "confirmed_share_sea": bootstrap(
            by_date([share for one in by_place.values() if not one.land for share in one.shares[of_all]])
        ),
        "high_sigma": Interval(float(np.median(highs)), min(highs), max(highs)),
        "low_sigma": Interval(float(np.median(lows)), min(lows), max(lows)),
    }
    for suffix, used, of_validation in (("", picked, of_all), ("_shipped", dict.fromkeys(picked, SHIPPED), SHIPPED)):
        shares = [share for name, both in used.items() for share in land[name].shares[both]]
        events = [one for name, both in used.items() for one in land[name].found[both]]
        simulated_outcomes = outcomes[:, THRESHOLDS.index(of_validation)]
        metrics |= {
            f"confirmed_share{suffix}": bootstrap(by_date(shares)),
            f"inserted_found_share{suffix}": bootstrap(np.array(events)),
            f"validation_found_share{suffix}": bootstrap(simulated_outcomes[:, 1]),
            f"validation_false_confirmed_share{suffix}": bootstrap(simulated_outcomes[:, 3]),
        }
    return metrics


def truth_sha256(places: int) -> str:
    """Return a hash of the names of the evaluated chips, and of the validation series."""
    chips = [
        (polarisation, place, [str(day) for day, _ in files])
        for polarisation in POLARISATIONS
        for (place, own), files in sorted(opera_chips(folder(CHIPS)).items())
        if own == polarisation
    ]
    settings = NAME, VERSION, places, THRESHOLDS, MAX_SHARE, SERIES, EVENTS, SHOWN, MIN_BEFORE, NEAR, chips
    series = simulated.truth_sha256(simulated.CONFIRMED, SERIES, Purpose.VALIDATION)
    return hashlib.sha256((repr(settings) + series).encode()).hexdigest()


BENCHMARK = Benchmark(NAME, VERSION, 3, "places of land", methods("coherence"), evaluate, truth_sha256)
