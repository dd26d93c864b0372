"""`change-real`: the share of cells confirmed as changed on each date, on real ground without known events.

All chips available (three places on land, one at sea, both polarisations, 22 dates) were known when the confirmation
rule was designed. The thresholds are therefore chosen again here by a fixed rule, and each place on land is judged with
thresholds chosen without it: at most MOST_SHARE of the cells per date may be confirmed over the other places; of the
thresholds that satisfy this, those that find most events in simulated validation series are taken. Events are also
inserted into the real series (`real_chips.with_event`); one counts as found if it is confirmed with SHOWN images of it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import NamedTuple

import numpy as np

from lab.benchmark import Benchmark, over_seeds
from lab.coherence.change import chips as real_chips
from lab.coherence.change import confirm_evaluate
from lab.coherence.change.confirm_evaluate import DETECTED_SHARE
from lab.coherence.change.evaluate import EDGE_PX
from lab.real_data import folder
from lab.simulation.sar.series import EVENT_PX
from lab.simulation.sar.system import Float32
from lab.simulation.seeds import Purpose, generator
from ml.coherence import VERSIONS
from ml.coherence.confirm import HIGH_SIGMA, LOW_SIGMA, confirmed
from ml.coherence.infer import WEIGHTS
from ml.statistics.intervals import Float64, Interval, bootstrap

NAME, VERSION = "change-real", "4"
CHIPS = "opera_rtc_10sgd"
POLARISATIONS = ("VV", "VH")
HIGHS, LOWS = (2.5, 3.0, 3.5, 4.0), (1.75, 2.0, 2.5)
MOST_SHARE = 0.0002  # of the cells per date, over the places used to choose the thresholds
SERIES = 200  # validation series: with 40, thresholds that differ by 1 σ found the same share
EVENTS, SHOWN = 8, 3  # events inserted into each real series, one at a time; images that show the event
FEWEST_BEFORE = 8  # images before an event
NEAR = timedelta(days=26)  # most days from the event's first image to the second image before it and after it
THRESHOLDS = [(high, low) for high in HIGHS for low in LOWS]
Shares = Mapping[date, float]


class Judged(NamedTuple):
    """One place by (high, low) thresholds. land: False at sea.

    shares: of the cells that are confirmed without an event, one entry a polarisation; found: of each event put into
    the series, 1 if it was confirmed.
    """

    shares: Mapping[tuple[float, float], list[Shares]]
    found: Mapping[tuple[float, float], list[float]]
    land: bool


def judged(place: str, method: str) -> Judged:
    """Judge a place for every pair of (high, low) thresholds. ValueError if there are no chips."""
    shares: dict[tuple[float, float], list[Shares]] = {both: [] for both in THRESHOLDS}
    found: dict[tuple[float, float], list[float]] = {both: [] for both in THRESHOLDS}
    land = not place.endswith(real_chips.SEA)
    for polarisation in POLARISATIONS:
        days, power = real_chips.series_of(real_chips.chips(folder(CHIPS), polarisation)[place])
        seen = real_chips.seen_of(days, power, method)
        evidence = real_chips.evidence_of(seen)
        for both in THRESHOLDS:
            shares[both].append(real_chips.shares_by_date(evidence, *both))
        for event in range(EVENTS if land else 0):
            rng = generator(Purpose.BENCHMARK, f"{NAME} {place} {polarisation}", event)
            first, at, changed = inserted(rng, days, power)
            after = real_chips.seen_of(days[: first + SHOWN], changed[: first + SHOWN], method, first)
            before = [one for one in seen if one.secondary < days[first]]
            evidence_there = real_chips.evidence_of([*before, *after])
            there = tuple(slice(corner, corner + EVENT_PX) for corner in at)
            for both in THRESHOLDS:
                share = np.isfinite(confirmed(evidence_there, *both).confidence[there]).mean()
                found[both].append(float(share >= DETECTED_SHARE))
    return Judged(shares, found, land)


def inserted(rng: np.random.Generator, days: Sequence[date], power: Float32) -> tuple[int, tuple[int, int], Float32]:
    """Put an event into a series: first image that shows it, its upper left corner, the series (`with_event`)."""
    dates = range(FEWEST_BEFORE, len(days) - 2)
    near = [one for one in dates if max(days[one] - days[one - 2], days[one + 2] - days[one]) <= NEAR]
    first = near[int(rng.integers(len(near)))]
    rows, cols = (size - 2 * EDGE_PX - EVENT_PX for size in power.shape[1:])
    at = donor = (0, 0)
    while max(abs(one - other) for one, other in zip(at, donor, strict=True)) < EVENT_PX:
        at, donor = ((EDGE_PX + int(rng.integers(rows)), EDGE_PX + int(rng.integers(cols))) for _ in range(2))
    return first, at, real_chips.with_event(power, first, at, donor)


def validation(method: str, scene: int) -> Float64:
    """Return `confirm_evaluate.outcome` of a simulated validation series for each pair of thresholds, (pairs, 4)."""
    series = confirm_evaluate.make_series(scene, Purpose.VALIDATION)
    evidence = confirm_evaluate.evidence_of(method, series.power)
    return np.array([confirm_evaluate.outcome(confirmed(evidence, *both), series) for both in THRESHOLDS])


def chosen(places: Sequence[Judged], found: Float64) -> tuple[float, float]:
    """Choose the thresholds that find most events among those that confirm at most MOST_SHARE over the places.

    found: (thresholds,), share of validation events found. If none qualifies, the strictest are chosen.
    """
    series = [[one for place in places for one in place.shares[both]] for both in THRESHOLDS]
    mean = [by_date(shares).mean() for shares in series]
    allowed = [at for at, share in enumerate(mean) if share <= MOST_SHARE]
    return THRESHOLDS[max(allowed, key=lambda at: (found[at], THRESHOLDS[at]))] if allowed else THRESHOLDS[-1]


def by_date(series: Sequence[Shares]) -> Float64:
    """Return the mean over all series with a value on a date, (dates,): the series share the weather of each date."""
    dates = sorted({day for one in series for day in one})
    return np.array([np.mean([one[day] for one in series if day in one]) for day in dates])


def evaluate(method: str, places: int) -> dict[str, Interval]:
    """Measure a method on a number of land places, and on the sea. Returns metric name -> interval over dates."""
    names = [*real_chips.chips(folder(CHIPS), POLARISATIONS[0])]
    by_place = {name: judged(name, method) for name in names}
    land = {name: one for name, one in by_place.items() if one.land}
    outcomes = np.array(over_seeds(partial(validation, method), SERIES))
    found = outcomes[:, :, 1].mean(axis=0)
    left_out, shipped, picked, events, events_shipped = [], [], [], [], []
    for name in [*land][:places]:
        both = chosen([one for other, one in land.items() if other != name], found)
        picked.append(both)
        left_out += land[name].shares[both]
        shipped += land[name].shares[HIGH_SIGMA, LOW_SIGMA]
        events += land[name].found[both]
        events_shipped += land[name].found[HIGH_SIGMA, LOW_SIGMA]
    of_all = chosen([*land.values()], found)
    sea = [share for one in by_place.values() if not one.land for share in one.shares[of_all]]
    at = THRESHOLDS.index(of_all)
    worst = max(share for one in left_out for share in one.values())
    return {
        "confirmed_share": bootstrap(by_date(left_out)),
        "confirmed_share_worst": Interval(worst, worst, worst),
        "confirmed_share_shipped": bootstrap(by_date(shipped)),
        "confirmed_share_sea": bootstrap(by_date(sea)),
        "inserted_found_share": bootstrap(np.array(events)),
        "inserted_found_share_shipped": bootstrap(np.array(events_shipped)),
        "high_sigma": _range([high for high, _ in picked]),
        "low_sigma": _range([low for _, low in picked]),
        "validation_found_share": bootstrap(outcomes[:, at, 1]),
        "validation_false_confirmed_share": bootstrap(outcomes[:, at, 3]),
        "validation_found_share_shipped": bootstrap(outcomes[:, THRESHOLDS.index((HIGH_SIGMA, LOW_SIGMA)), 1]),
        "validation_false_confirmed_share_shipped": bootstrap(
            outcomes[:, THRESHOLDS.index((HIGH_SIGMA, LOW_SIGMA)), 3]
        ),
    }


def _range(values: Sequence[float]) -> Interval:
    return Interval(float(np.median(values)), min(values), max(values))


def truth_sha256(places: int) -> str:
    """Return a hash of the names of the evaluated chips, and of the validation series."""
    chips = [
        (polarisation, place, [str(day) for day, _ in files])
        for polarisation in POLARISATIONS
        for place, files in real_chips.chips(folder(CHIPS), polarisation).items()
    ]
    settings = NAME, VERSION, places, THRESHOLDS, MOST_SHARE, SERIES, EVENTS, SHOWN, FEWEST_BEFORE, NEAR, chips
    series = confirm_evaluate.truth_sha256(SERIES, Purpose.VALIDATION)
    return hashlib.sha256((repr(settings) + series).encode()).hexdigest()


BENCHMARK = Benchmark(NAME, VERSION, 3, "places of land", VERSIONS, evaluate, truth_sha256, WEIGHTS)
