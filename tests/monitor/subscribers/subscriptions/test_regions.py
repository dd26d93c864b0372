"""Regions that people subscribe to: sizes, outlines, and what is refused."""

import json
import math

import pytest

from ingest.areas import area_of
from monitor.wording import regions
from monitor.wording.refusals import Refusal

pytestmark = pytest.mark.django_db


def test_lines_that_cross_are_refused_as_such():
    bow = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
    with pytest.raises(Refusal, match="cross each other"):
        regions.drawn(json.dumps(bow))


HOSTILE = ["[[[0, 0], [NaN, 1], [1, 1], [0, 0]]]", "[[[0, 0], [1e400, 1], [1, 1], [0, 0]]]"]
HOSTILE += ["[[[0, 0], [1, 1], [0, 0]]]", "[[[0, 0], [0, 0], [0, 0], [0, 0]]]", "[[[0, 0], [1, 0], [2, 0], [0, 0]]]"]
HOSTILE += ["[[[true, 0], [null, 0], [2, 0], [0, 0]]]", "[[0, 0], [1, 0], [2, 0]]", "[[], []]", '"x"', "null", "{}"]
HOSTILE += ["7", "[" * 5000 + "]" * 5000, "[[[0, 0], [5, 0], [5, 5], [0, 0]], [[9, 9], [9, 8], [8, 8], [9, 9]]]"]


@pytest.mark.parametrize("coordinates", HOSTILE)
@pytest.mark.parametrize("kind", ["Polygon", "MultiPolygon"])
def test_hostile_outlines_are_refused_in_words(kind, coordinates):
    with pytest.raises(Refusal):
        regions.drawn(f'{{"type": "{kind}", "coordinates": {coordinates}}}')


def test_heights_in_an_outline_are_left_out(make_subscription):
    ring = [[-12.1, 46.9, 5], [-11.9, 46.9, 5], [-11.9, 47.1, 5], [-12.1, 46.9, 5]]
    region = regions.drawn(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    assert make_subscription(region=region.geometry).region.hasz is False


def test_a_region_has_at_most_five_hundred_corners():
    ring = [[math.cos(n * math.tau / 600), math.sin(n * math.tau / 600)] for n in range(600)]
    with pytest.raises(Refusal, match="601 corners; 500 are allowed"):
        regions.drawn(json.dumps({"type": "Polygon", "coordinates": [[*ring, ring[0]]]}))


def test_a_circle_has_the_size_that_was_requested():
    outline, label = regions.circle(-12.0, 46.99, 2000)
    assert area_of(outline) == pytest.approx(math.pi * 2000**2, rel=0.01)
    assert label == "2 km around 46.99° N 12.00° W"
    assert regions.circle(0, 0, 200).label.startswith("200 m around")


def test_a_circle_across_the_date_line_lies_on_both_sides():
    outline, _ = regions.circle(179.99, -17.0, 20_000)
    assert len(outline.geoms) == 2
    assert outline.bounds[0] == -180
    assert outline.bounds[2] == 180
    assert area_of(outline) == pytest.approx(math.pi * 20_000**2, rel=0.01)


def test_an_area_drawn_on_the_next_copy_of_the_world_is_the_same_area():
    here, there = regions.rectangle(-12, 46, -11.9, 46.1), regions.rectangle(348, 46, 348.1, 46.1)
    assert regions.drawn(there).outline.equals_exact(regions.drawn(here).outline, 1e-9)
