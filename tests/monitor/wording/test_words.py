"""What people read: plain, with units, never more certain than the data."""

from datetime import date

import pytest

from detection.kinds import Kind
from detection.rules.lifecycle import State
from detection.rules.severity import Severity
from monitor.wording import sentences
from monitor.wording.places import coordinates, country_near, place_name

PERIOD = (date(2020, 1, 3), date(2024, 12, 25))


def test_every_kind_state_and_severity_has_words():
    assert set(sentences.KIND_LABELS) == set(Kind)
    assert set(sentences.STATE_LABELS) == set(State)
    assert set(sentences.SEVERITY_LABELS) == set(Severity)


def test_an_area_is_told_in_one_sentence():
    said = sentences.alert_sentence("subsidence", "up", -8.04, -9.0, 0.9, *PERIOD)
    assert said == (
        "The ground here sank by about 8.0 ± 1.8 mm a year, between 2020 and 2024, compared with the ground around it."
    )


def test_the_fastest_part_is_told_where_it_differs():
    said = sentences.alert_sentence("uplift", "los", 12.0, 30.0, 1.0, date(2018, 1, 6), date(2018, 7, 17))
    assert said == (
        "The ground here rose by about 12 ± 2 mm a year, and by up to 30 mm a year at its fastest, between January and "
        "July 2018, as seen from the satellite and compared with the ground around it."
    )


def test_a_card_tells_the_fastest_part_where_it_differs():
    assert sentences.rate_label("subsidence", "los", -6.3, -17.2) == "sinking up to 17 mm/year"
    assert sentences.rate_label("uplift", "up", 5.0, 5.5) == "rising 5.0 mm/year"
    assert sentences.rate_label("unknown", "east", -5.0, -5.5) == "moving west 5.0 mm/year"


def test_motion_of_unknown_kind_is_told_as_it_was_measured():
    assert "moved away from the satellite" in sentences.alert_sentence("unknown", "los", -5.0, -6.0, 0.5, *PERIOD)
    assert "moved east" in sentences.alert_sentence("unknown", "east", 5.0, 6.0, 0.5, *PERIOD)


@pytest.mark.parametrize(
    ("rate", "sigma", "said"),
    [
        (-112.0, 7.4, "112 ± 15"),
        (-112.0, 0.1, "112 ± 1"),
        (3.14, 0.02, "3.1 ± 0.1"),
        (3.14, None, "3.1"),
        (3.14, float("nan"), "3.1"),
    ],
)
def test_uncertainty_is_two_standard_deviations_and_never_nothing(rate, sigma, said):
    assert sentences.with_uncertainty(rate, sigma) == said


def test_one_direction_is_named_as_a_limit():
    one = " ".join(sentences.limits("los", 1, None, 200))
    two = " ".join(sentences.limits("los", 2, None, 200))
    assert "one direction only" in one
    assert "one direction only" not in two
    assert "Only 13 images" in " ".join(sentences.limits("los", 1, 155.0, 13))


def test_unreviewed_alerts_are_called_hints():
    assert "Nobody has checked" in sentences.advice("subsidence", "first")[0]
    assert "Nobody has checked" not in " ".join(sentences.advice("subsidence", "confirmed"))


def test_areas_are_told_in_sizes_people_know():
    assert sentences.area_label(116_300_000) == "116.3 km²"
    assert sentences.area_label(350_000) == "35 hectares"


@pytest.mark.parametrize(
    ("longitude", "latitude", "country"),
    [
        (-99.1, 19.4, "Mexico"),
        (13.18, 38.71, "Italy"),  # Ustica, an island that the map is too coarse for
        (7.0, 51.5, "Germany"),
        (-40.0, 30.0, ""),  # the open Atlantic
    ],
)
def test_places_are_named_by_their_country(longitude, latitude, country):
    assert country_near(longitude, latitude) == country


def test_a_simulated_place_is_never_given_a_country():
    assert place_name(-99.1, 19.4, simulated=True) == "simulated region, 19.40° N 99.10° W"
    assert coordinates(151.2, -33.9) == "33.90° S 151.20° E"


def test_a_likely_cause_is_told_with_how_likely_it_is_and_what_that_rests_on():
    shares = {"mining_subsidence": 0.71, "groundwater_subsidence": 0.22, "landslide": 0.07}
    meaning, figures, ground = sentences.cause_sentences("mining-subsidence", shares)
    assert "mines" in meaning
    assert figures.endswith("expect, by shape and speed: mining in 7, pumped groundwater in 2.")
    assert "hint" in ground
    assert "not sure enough" in sentences.cause_sentences("subsidence", {"uplift": 0.5, "landslide": 0.5})[0]
    assert sentences.cause_sentences("subsidence", {}) == []


def test_the_reason_of_a_flag_compares_the_points_inside_with_those_around():
    reason = {
        "track": "ascending",
        "n_points": 1200,
        "rate_mm_yr": -6.1,
        "n_around": 800,
        "around_mm_yr": 0.3,
        "scatter_mm_yr": 0.9,
        "beyond": 0.74,
    }
    assert sentences.reason_sentences("los", reason) == [
        "1,200 points inside move by 6.1 mm a year (median), away from the satellite; the 800 around it by 0.3 mm, "
        "toward the satellite, two thirds of those within 0.9 mm of that.",
        "Of the points inside, 74 % are more than twice that far off.",
    ]
    alone = reason | {"n_points": 1, "around_mm_yr": None, "scatter_mm_yr": None, "beyond": None, "n_around": 2}
    assert sentences.reason_sentences("up", alone) == [
        "The only point inside moves by 6.1 mm a year (median), sinking.",
        "There are too few points around it to compare with.",
    ]


def test_a_likely_landslide_is_told_as_it_was_measured_and_where_to_look():
    said = sentences.alert_sentence("landslide", "los", 5.0, 6.0, 0.5, *PERIOD)
    assert "moved toward the satellite" in said
    assert "as seen from" not in said
    assert any("leaning trees" in line for line in sentences.advice("landslide", "first"))
