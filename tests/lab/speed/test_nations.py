"""How kinds are counted on nations: an alert that names no cause is a miss, never a wrong name."""

from types import SimpleNamespace

import pytest
from shapely import box

from lab.speed.nations import Seen, _matches, f1_of_kinds, macro_f1, named_share

MINE, SLIDE = "mining-subsidence", "landslide"


def test_not_sure_is_missed_but_wrongs_no_other_kind():
    sure = [(MINE, MINE), (MINE, MINE), (SLIDE, SLIDE)]
    assert macro_f1(sure) == 1
    assert f1_of_kinds([*sure, (MINE, "subsidence"), (MINE, "")]) == {MINE: pytest.approx(2 / 3), SLIDE: 1}
    assert f1_of_kinds([*sure, (MINE, SLIDE)]) == {MINE: pytest.approx(0.8), SLIDE: pytest.approx(2 / 3)}
    assert named_share([*sure, (MINE, "subsidence")]) == 0.75


def test_the_alert_that_shares_most_ground_with_an_object_stands_for_it():
    far, beside, over = (
        Seen(SimpleNamespace(code=name), outline, 901)
        for name, outline in (("far", box(5, 0, 6, 1)), ("beside", box(0.8, 0, 2, 1)), ("over", box(0, 0, 1, 1)))
    )
    found = _matches(box(0.1, 0, 1.1, 1), [far, beside, over])
    assert [one.alert.code for one in found] == ["over", "beside"]
