"""The headings of an alert's charts, which come with the page."""

import pytest
from django.template.loader import render_to_string


@pytest.mark.parametrize(("n_points", "words"), [(1, "LOS, 1 point"), (12_345, "LOS, 12,345 points")])
def test_a_heading_names_the_data_set_and_counts_its_points(n_points, words):
    row = {"product_id": 7, "product_name": "Track 901", "component_label": "LOS", "n_points": n_points}
    page = render_to_string("pages/alerts/_series.html", {"card": {"url": "/alerts/AAAA/"}, "series_summary": [row]})
    heading = page.partition("<h3>")[2].partition("</h3>")[0]
    assert heading.strip() == f"Track 901: {words}"
    assert 'data-product="7"' in page
