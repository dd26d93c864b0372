"""What stands on the ground, in words: nothing is said of what is not known."""

import pytest

from monitor.wording.exposure import building_tilt_sentence, exposure_sentence


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
    assert building_tilt_sentence(steep, 12, None) == (
        "Where it tilts most, one end of a house ten metres long moves by about 6 mm a year (probably 4 to 9) more "
        "than the other. A rule of thumb allows walls 20 mm in all (1 in 500)."
    )
    assert "Whether houses stand there is not known" in building_tilt_sentence(steep, None, None)
    assert building_tilt_sentence(steep, 0, 3.0) != ""
    for figures in ((steep, 0, None), (steep, 0, 0.0), (slight, 12, None), (None, 12, None)):
        assert building_tilt_sentence(*figures) == ""
