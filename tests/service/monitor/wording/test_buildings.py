"""Buildings in words."""

from datetime import date

import pytest

from detection.rules.motion import Figure, sigma_of
from monitor.wording.exposure import building_sentences, town_sentences

SINCE, UNTIL = date(2020, 1, 3), date(2024, 1, 3)


def sentences(rate=(-6.0, -8.0, -4.0), deviation=(-5.0, -7.0, -3.0), tilt=(None, None), damage=2):
    figures = [
        Figure(value, sigma_of(*ends), SINCE, UNTIL, along="los", ends=(*ends,)) for value, *ends in (rate, deviation)
    ]
    return building_sentences(figures[0], figures[1] if deviation[0] else None, tilt, damage)


def test_what_moves_is_told_with_its_interval_and_its_way():
    first, second, third, last = sentences()
    assert first == (
        "The building here moves by 6.0 mm a year (away from the satellite), in 90 of 100 cases by 4.0 to 8.0."
    )
    assert second.startswith("Compared with the ground around it: 5.0 mm a year (away from the satellite).")
    assert third == "Too few points are on it to tell a tilt."
    assert last == "By published limits of settlement and tilt, damage since 2020 would be slight."


def test_an_interval_that_holds_zero_is_no_motion():
    first, second, *_ = sentences(rate=(-0.5, -1.4, 0.6), deviation=(0.0, -1.0, 0.7))
    assert first.startswith("Whether the building here moves is not clear: −1.4 to +0.6 mm a year")
    assert second.startswith("It moves as the ground around it does")


@pytest.mark.parametrize(
    ("tilt", "damage", "third", "last"),
    [
        ((0.21, 0.83), 3, "It tilts by 0.21 to 0.83 mm per metre a year", "since 2020 would be moderate or worse."),
        ((None, 0.06), 0, "Its tilt is too small to measure here: at most 0.06 mm", "the points cannot tell."),
    ],
)
def test_a_tilt_below_its_noise_and_damage_that_points_cannot_tell_are_not_called_small(tilt, damage, third, last):
    *_, told, told_last = sentences(tilt=tilt, damage=damage)
    assert told.startswith(third)
    assert told_last.endswith(last)


def test_an_area_counts_those_that_points_cannot_tell_of():
    told, damage, untold = town_sentences(330, {1: 118, 0: 2, 3: 2})
    assert told == "There are enough measurement points on 122 of 330 buildings to say how they move."
    assert damage.endswith("damage would be moderate or worse at 2 and negligible at 118.")
    assert untold == "At 2, the points cannot tell."
    assert town_sentences(5, {}) == ["There are enough measurement points on 0 of 5 buildings to say how they move."]
