"""Buildings in words."""

from datetime import date

from detection.rules.motion import Figure, sigma_of
from monitor.wording.exposure import building_sentences, town_sentences

SINCE, UNTIL = date(2020, 1, 3), date(2024, 1, 3)


def sentences(rate=(-6.0, -8.0, -4.0), deviation=(-5.0, -7.0, -3.0), tilt=None, damage=(2, 2, 2)):
    figures = [
        Figure(value, sigma_of(*ends), SINCE, UNTIL, along="los", ends=(*ends,)) for value, *ends in (rate, deviation)
    ]
    return building_sentences(*figures, tilt, damage)


def test_what_moves_is_told_with_its_interval_and_its_way():
    first, second, third, last = sentences()
    assert first == (
        "The building here moves by 6.0 mm a year (away from the satellite), in 90 of 100 cases by 4.0 to 8.0."
    )
    assert second == "Compared with the ground around it: 5.0 mm a year (away from the satellite)."
    assert third == "Too few points are on it to tell a tilt."
    assert last == "By published limits of settlement and tilt, damage since 2020 would be slight."


def test_an_interval_that_holds_zero_is_no_motion():
    first, second, *_ = sentences(rate=(-0.5, -1.4, 0.6), deviation=(-0.2, -1.0, 0.7))
    assert first.startswith("Whether the building here moves is not clear: −1.4 to +0.6 mm a year")
    assert second.startswith("It moves as the ground around it does")


def test_tilt_and_a_range_of_damage():
    *_, third, last = sentences(tilt=(0.5, 0.21, 0.83), damage=(2, 1, 3))
    assert third == "It tilts by 0.21 to 0.83 mm per metre a year, in 90 of 100 cases."
    assert last.endswith("damage since 2020 would be negligible to moderate.")


def test_an_area_counts_those_that_points_cannot_tell_of():
    told, damage = town_sentences(330, {1: 120, 3: 2})
    assert told == "There are enough measurement points on 122 of 330 buildings to say how they move."
    assert damage == "By published limits of settlement and tilt, damage would be moderate at 2 and negligible at 120."
    assert town_sentences(5, {}) == ["There are enough measurement points on 0 of 5 buildings to say how they move."]
