"""What people read: plain, with units, never more certain than the data."""

import pytest
from django.template import Context, Template
from django.utils import translation

from monitor.wording.exposure import building_tilt_sentence, exposure_sentence
from monitor.wording.figures import likely_words, speed_words, with_uncertainty
from monitor.wording.glossary import GLOSSARY
from monitor.wording.images import data_set_name
from monitor.wording.places import country_near
from monitor.wording.points import reason_sentences


@pytest.mark.parametrize(
    ("rate", "sigma", "words"),
    [
        (-112.0, 7.4, "112 ± 15"),
        (-112.0, 0.1, "112 ± 1"),
        (3.14, 0.02, "3.1 ± 0.1"),
        (3.14, None, "3.1"),
        (3.14, float("nan"), "3.1"),
    ],
)
def test_uncertainty_is_two_standard_deviations_and_never_nothing(rate, sigma, words):
    assert with_uncertainty(rate, sigma) == words


@pytest.mark.parametrize(
    ("language", "centimetre", "metre"),
    [
        ("en", "1 centimetre a day", "1 metre a day (probably at most 4)"),
        ("de", "1 Zentimeter pro Tag", "1 Meter pro Tag (wahrscheinlich höchstens 4)"),
        ("fr", "1 cm par jour", "1 m par jour (probablement au plus 4)"),
        ("es", "1 centímetro al día", "1 metro al día (probablemente como máximo 4)"),
    ],
)
def test_one_of_a_unit_is_singular_in_every_language(language, centimetre, metre):
    with translation.override(language):
        assert speed_words(0.011) == centimetre
        assert likely_words(1.2, 0.0, 4.0, "metres a day") == metre


@pytest.mark.parametrize(
    ("speed", "sigma", "expected"),
    [
        (0.02, None, "2 centimetres a day"),
        (0.01, 0.004, "1 ± 1 centimetres a day"),
        (3.06, 0.1, "3.1 ± 0.2 metres a day"),
        (12.4, 0.1, "12 ± 1 metres a day"),
        (0.42, 0.05, "42 ± 10 centimetres a day"),
        (3.0, 0.001, "3.0 ± 0.1 metres a day"),
    ],
)
def test_speeds_carry_their_unit_and_never_a_margin_of_zero(speed, sigma, expected):
    assert speed_words(speed, sigma) == expected


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


def test_the_reason_of_a_flag_compares_the_points_inside_with_those_around():
    reason = {"track": "ascending", "n_points": 1200, "rate_mm_yr": -6.1, "n_around": 800, "around_mm_yr": 0.3}
    reason |= {"scatter_mm_yr": 0.9, "beyond": 0.74}
    assert reason_sentences("los", reason) == [
        "1,200 points inside move by 6.1 mm a year (away from the satellite; median).",
        "The 800 points around it move by 0.3 mm a year (toward the satellite); two thirds of them lie within 0.9 mm a "
        "year of that.",
        "74 % of the points inside differ from those around by more than twice this spread.",
    ]
    alone = reason | {"n_points": 1, "around_mm_yr": None, "scatter_mm_yr": None, "beyond": None, "n_around": 2}
    assert reason_sentences("up", alone) == [
        "The only point inside moves by 6.1 mm a year (sinking).",
        "There are too few points around it to compare with.",
    ]


@pytest.mark.parametrize(
    ("name", "french"),
    [
        ("EGMS L2b, track 117 ascending, burst 0227", "EGMS L2b, trace 117 ascendante, burst 0227"),
        ("LiCSBAS, some folder/some file", "LiCSBAS, some folder/some file"),
    ],
)
def test_the_name_of_a_data_set_keeps_its_codes_and_speaks_the_readers_language(name, french):
    assert data_set_name(name) == name
    with translation.override("fr"):
        assert data_set_name(name) == french


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        ((None, None, None, None), ""),
        ((0, 0.0, 0.0, 0.0), "No building, railway or main road is known on this ground."),
        ((None, None, None, 0.0), "Nobody is known to live here."),
        ((None, 0.35, 12.3, None), "12 km of railway and 350 metres of main road cross this ground."),
        (
            (1234, None, 0.96, 5300.0),
            "About 1,200 buildings stand on this ground. 960 metres of railway crosses this ground. About 5,300 people "
            "live here.",
        ),
        ((None, None, None, 1.0), "One person lives here."),
        ((9, None, None, 30.4), "9 buildings stand on this ground. About 30 people live here."),
    ],
)
def test_the_sentence(figures, sentence):
    assert exposure_sentence(*figures) == sentence


def test_a_tilt_is_reported_where_it_reaches_what_walls_allow_and_something_is_built():
    steep, slight = (0.6, 0.4, 0.9), (0.25, 0.15, 0.4)  # mm a year per m; 0.2 reaches 1 in 500 in ten years
    for figures in ((steep, 12, None), (steep, None, None), (steep, 0, 3.0)):
        assert building_tilt_sentence(*figures) != ""
    for figures in ((steep, 0, None), (steep, 0, 0.0), (slight, 12, None), (None, 12, None)):
        assert building_tilt_sentence(*figures) == ""


def test_every_word_has_an_address_of_its_own_and_they_are_sorted():
    assert len({term.slug for term in GLOSSARY}) == len(GLOSSARY)
    assert [term.key for term in GLOSSARY] == sorted((term.key for term in GLOSSARY), key=str.lower)
    assert all(term.meaning.endswith(".") for term in GLOSSARY)


def test_a_word_on_a_page_says_what_it_means():
    page = Template('{% load words %}{% term "line of sight" as line %}<a {{ line }}>along the line</a>')
    shown = page.render(Context())
    assert 'href="/reading/#line-of-sight"' in shown
    assert "slanted line" in shown
    assert ">along the line</a>" in shown
