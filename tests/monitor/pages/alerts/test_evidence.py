"""The evidence of an alert: how often a score like its own is right, and the headings of its charts."""

import re

import pytest
from django.template.loader import render_to_string

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


@pytest.mark.parametrize(("n_points", "words"), [(1, "LOS, 1 point"), (12_345, "LOS, 12,345 points")])
def test_a_heading_names_the_data_set_and_counts_its_points(n_points, words):
    row = {"product_id": 7, "product_name": "Track 901", "component_label": "LOS", "n_points": n_points}
    page = render_to_string("pages/alerts/_series.html", {"card": {"url": "/alerts/AAAA/"}, "series_summary": [row]})
    heading = page.partition("<h3>")[2].partition("</h3>")[0]
    assert heading.strip() == f"Track 901: {words}"
    assert 'data-product="7"' in page
