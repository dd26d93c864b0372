"""The evidence of an alert: how often a score like its own is right, and the headings of its charts."""

import re

from detection.kinds import Extent
from detection.models import Detection
from monitor.pages.alerts.evidence import how_likely

STATED = {"settings": {"reliability": {"1": {"offset": 1.0, "slope": 1.2}, "2": {"offset": 0.0, "slope": 1.0}}}}


def test_a_score_that_is_often_right_says_so_and_never_that_it_is_certain():
    lines = [how_likely(STATED, Detection(score=score, extent=Extent.LOCAL)) for score in (0.5, 0.99, 1.0)]
    shares = [int(re.search(r"about (\d+) move", line)[1]) for line in lines]
    assert shares[0] < 5 < shares[1] <= shares[2] == 99


def test_a_method_without_such_figures_and_a_wide_region_state_nothing():
    assert how_likely({}, Detection(score=1.0, extent=Extent.LOCAL)) == ""
    assert how_likely(STATED, Detection(score=1.0, extent=Extent.REGION)) == ""
