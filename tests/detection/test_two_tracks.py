"""Tracks that see the same ground are looked at together."""

from datetime import date

import pytest
from django.contrib.gis.geos import Polygon

from detection import selectors
from detection.models import Alert
from detection.rules.lifecycle import State
from ingest.models import Product
from ml.models import Run
from ml.repetition import run_repeat
from ml.selectors import companions_of
from monitor.wording.points import agreement_sentences
from tests.makers.watching import watch

pytestmark = pytest.mark.django_db


def test_a_second_track_is_looked_at_with_the_first_its_word_counts_and_it_is_repeated_so(simulated_tracks):
    alone, together = (watch(path)[0].prediction.run for path in simulated_tracks)
    assert list(alone.companions.all()) == []
    assert list(together.companions.all()) == [alone.product]
    assert together.input_sha256 not in {alone.product.file_sha256, together.product.file_sha256}
    alert = Alert.objects.filter(state=State.PROVISIONAL).first()
    (current,) = selectors.detections_current(alert=alert)
    assert current.scan.prediction.run == together
    assert {one["orbit"] for one in current.reasons} == {901, 902}
    assert all(one["seen"] for one in current.reasons)
    assert "Each of them shows the motion by itself." in agreement_sentences(current.reasons)
    assert current.n_points > max(one["n_points"] for one in current.reasons)
    assert run_repeat(run=alone).same  # as it saw the ground then: the other track has come since
    assert run_repeat(run=together).same


@pytest.fixture
def make_product(db):
    def make(number: int, east: float = 0.0, **values) -> Product:
        figures = {"component": "los", "direction": "ascending", "dates": [date(2020, 1, 1), date(2024, 1, 1)]}
        figures |= {"n_points": 10, "file_sha256": f"{number:064}", "simulated": False}
        figures |= {"footprint": Polygon.from_bbox((12 + east, 47, 13 + east, 48))}
        return Product.objects.create(name=f"product {number}", track=number, **figures | values)

    return make


def companions(product: Product) -> list[int]:
    return [one.track for one in companions_of(run=Run(product=product))]


def test_the_other_direction_goes_before_a_larger_share(make_product):
    product = make_product(1)
    make_product(2)  # the same direction and all of the ground
    make_product(3, east=0.5, direction="descending")
    make_product(4, east=0.2, direction="descending")
    assert companions(product) == [4]


def test_neighbouring_files_of_the_best_track_come_together(make_product):
    product = make_product(1)
    make_product(2, east=0.6, burst="a")
    Product.objects.filter(pk=make_product(9, east=-0.6, burst="b").pk).update(track=2)
    assert sorted(companions(product)) == [2, 2]


@pytest.mark.parametrize(
    "other",
    [
        {"component": "up", "direction": ""},
        {"direction": ""},
        {"simulated": True},
        {"east": 2.0},
        {"dates": [date(2010, 1, 1), date(2020, 6, 1)]},
        {"technique": "tracking"},
    ],
)
def test_what_is_no_other_view_of_the_same_motion_is_left_out(make_product, other):
    product = make_product(1)
    make_product(2, **other)
    assert companions(product) == []


def test_an_older_release_of_another_track_is_left_out(make_product):
    product, newer = make_product(1), make_product(3)
    make_product(2, superseded_by=newer, direction="descending")
    assert companions(product) == [3]
