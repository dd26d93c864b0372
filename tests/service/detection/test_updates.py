"""Changes of a known alert that are reported: limits of the rules. Histories (`test_histories`) hold the others."""

from datetime import date, timedelta

import numpy as np
import pytest

from detection.rules.lifecycle import (
    MIN_REST,
    Observation,
    Proof,
    ViewLife,
    as_json,
    event_proof,
    life_after_observation,
    moves_again,
    required_rest,
    rest_proof,
    rest_proved_since,
    series_rest,
)
from detection.rules.updates import (
    MUTED_FOR,
    Figures,
    SeriesMotion,
    ViewFigures,
    changes,
    from_json,
    may_report,
)

REPORTED, NOW = date(2024, 1, 1), date(2025, 1, 1)
LOS = "los/15/ascending"


def figures(rate=-8.0, sigma=0.5, area_m2=2e5, until=NOW, view=LOS, by="egms, network", **more) -> Figures:
    fields = {"kind": "subsidence", "severity": "minor", "unit": "mm/yr", "main": view, "shares": {}} | more
    return Figures(views={view: ViewFigures(rate, sigma, area_m2, until, by)}, **fields)


def reported(**more) -> Figures:
    return figures(until=REPORTED, **more)


def causes(before: Figures, after: Figures) -> list[str]:
    return [one.cause for one in changes(before, after)]


@pytest.mark.parametrize(
    ("rate", "sigma", "reported_again"),
    [
        (-14.0, 0.5, True),
        (-4.0, 0.5, True),
        (-9.9, 0.5, False),  # beyond the noise, but by less than a quarter
        (-12.0, 2.0, False),  # by a half, but within the noise
        (+8.0, 0.5, True),
    ],
)
def test_a_rate_is_news_beyond_two_sigma_and_a_quarter(rate, sigma, reported_again):
    assert causes(reported(sigma=sigma), figures(rate, sigma)) == ["rate"] * reported_again


@pytest.mark.parametrize(("area_m2", "reported_again"), [(3.1e5, True), (1.3e5, True), (2.8e5, False), (1.5e5, False)])
def test_an_area_is_news_from_half_as_large_again(area_m2, reported_again):
    assert causes(reported(), figures(area_m2=area_m2)) == ["area"] * reported_again


@pytest.mark.parametrize(
    "after",
    [
        figures(-14.0, until=REPORTED),  # the same data, examined by another method
        figures(-14.0, view="los/88/descending"),  # another direction sees another share of the same motion
        figures(area_m2=6e5, by="egms, another network"),
    ],
)
def test_what_cannot_be_compared_is_no_news(after):
    assert causes(reported(), after) == []


def test_the_fastest_part_is_news_where_the_outline_grew_with_it():
    def seen(peak: float, until: date, rate: float) -> Figures:
        view = ViewFigures(rate, 1.5, 2e5, until, "egms, network", peak, 1.5)
        return figures()._replace(views={LOS: view})

    assert causes(seen(-20.0, REPORTED, -6.0), seen(-40.0, NOW, -8.2)) == ["peak"]
    assert causes(seen(-20.0, REPORTED, -6.0), seen(-24.0, NOW, -6.0)) == []  # by less than two sigma
    assert causes(seen(-20.0, REPORTED, -6.0), seen(-40.0, NOW, -16.0)) == ["rate"]  # one cause, reported once
    assert causes(reported(rate=-6.0), seen(-40.0, NOW, -6.0)) == []  # the peak of then is not known


def test_several_causes_are_one_update():
    after = figures(
        -14.0, area_m2=9e5, severity="moderate", series=SeriesMotion(date(2024, 6, 1)), shares={"landslide": 1}
    )
    assert from_json(as_json(after)) == after  # as it is kept
    assert causes(reported(), after) == ["rate", "area", "severity", "acceleration"]


@pytest.mark.parametrize(("share", "reported_again"), [(0.55, False), (0.3, True)])
def test_a_named_cause_is_taken_back_only_where_it_is_much_less_sure(share, reported_again):
    before = reported(kind="mining-subsidence", shares={"mining_subsidence": 0.62})
    assert causes(before, figures(shares={"mining_subsidence": share})) == ["kind"] * reported_again


def test_a_grade_is_news_where_the_ground_explains_it():
    assert causes(reported(rate=-8.0), figures(-8.2, severity="moderate")) == []  # the same motion, on the other side
    assert causes(reported(rate=-8.0), figures(-9.9, severity="moderate")) == ["severity"]


def test_one_update_a_month_and_a_higher_grade_does_not_wait():
    faster, higher = changes(reported(), figures(-14.0)), changes(reported(), figures(-14.0, severity="moderate"))
    lower = changes(reported(severity="moderate"), figures(-4.0))
    assert may_report(faster, MUTED_FOR)
    assert not may_report(faster, MUTED_FOR - timedelta(days=1))
    assert may_report(higher, timedelta(0))
    assert not may_report(lower, timedelta(0))
    assert not may_report((), timedelta(days=1000))


def test_a_year_of_noise_is_reported_less_than_once_for_a_hundred_alerts():
    """Rates of a window of five years that moves on by six days a time, white noise of 3 to 8 mm, 1000 alerts."""
    rng, n_reported, days, steps = np.random.default_rng(7), 0, 6.0, 304
    at = np.arange(steps) * days / 365.25
    weights = (at - at.mean()) / ((at - at.mean()) ** 2).sum()
    for _ in range(1000):
        noise_mm, rate = rng.uniform(3, 8), -rng.uniform(3, 40)
        series = rate * np.arange(steps + 60) * days / 365.25 + noise_mm * rng.standard_normal(steps + 60)
        sigma = noise_mm * float(np.sqrt((weights**2).sum()))
        rates = [float(weights @ series[n : n + steps]) for n in range(61)]
        known, last = reported(rate=rates[0], sigma=sigma), 0
        for n, rate_now in enumerate(rates[1:], start=1):
            after = figures(rate_now, sigma, until=REPORTED + timedelta(days=6 * n))
            if may_report(changes(known, after), timedelta(days=6 * (n - last))):
                n_reported, known, last = n_reported + 1, after, n
    assert n_reported <= 10


@pytest.mark.parametrize(("z", "looks"), [(-9.0, 2), (-6.0, 2), (-5.0, 4), (-4.5, 7), (-3.0, 12)])
def test_an_event_that_stood_out_less_is_looked_for_more_often_before_it_is_over(z, looks):
    assert event_proof(z, found_from=4.5) == Proof(looks, MIN_REST)


def test_a_place_is_at_rest_after_two_looks_and_as_long_as_the_noise_asks_for():
    life = life_after_observation(None, Observation(date(2023, 1, 1), True))
    assert life == ViewLife(date(2023, 1, 1))
    once = life_after_observation(life, Observation(date(2024, 3, 1), False))
    assert rest_proved_since({LOS: once}, rest_proof(1.0)) is None
    assert life_after_observation(once, Observation(date(2024, 3, 1), False)) == once  # the same data
    twice = life_after_observation(once, Observation(date(2024, 6, 1), False))
    assert rest_proved_since({LOS: twice}, rest_proof(1.0)) == date(2023, 1, 1)
    assert rest_proved_since({LOS: twice}, rest_proof(3.0)) is None  # noisier data
    seen_elsewhere = {LOS: twice, "los/88/descending": ViewLife(date(2024, 5, 1))}
    assert rest_proved_since(seen_elsewhere, rest_proof(1.0)) is None
    assert required_rest(0.1) < required_rest(0.5) < required_rest(1.0) < required_rest(5.0)
    assert series_rest(date(2023, 3, 1), date(2024, 6, 1), 1.0) == date(2023, 3, 1)
    assert series_rest(date(2023, 3, 1), date(2023, 6, 1), 1.0) is None
    assert series_rest(None, date(2024, 6, 1), 1.0) is None


@pytest.mark.parametrize(
    ("life", "until", "moves", "wakes"),
    [
        (ViewLife(date(2023, 1, 1), 2, date(2024, 6, 1)), date(2024, 7, 1), True, True),
        (ViewLife(date(2023, 1, 1), 2, date(2024, 6, 1)), date(2024, 7, 1), False, False),
        (ViewLife(date(2023, 1, 1), 2, date(2024, 6, 1)), date(2024, 6, 1), True, False),  # older data
        (ViewLife(date(2023, 1, 1)), date(2024, 7, 1), True, False),  # has seen no rest
        (None, date(2024, 7, 1), True, False),
    ],
)
def test_only_motion_after_a_rest_wakes_a_place(life, until, moves, wakes):
    assert moves_again(life, Observation(until, moves)) == wakes
