"""Tracks that see the same ground are searched together; wide motion has alerts of its own, beside its places."""

from datetime import date

import numpy as np
import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.urls import reverse

from detection import selectors
from detection.kinds import Extent
from detection.models import Alert
from detection.rules.lifecycle import State
from ingest.models import Product
from ingest.products.services import product_load
from ingest.readers.records import Declaration, Submission
from ml.models import Run
from ml.runs.repetition import run_repeat
from ml.runs.selectors import companions_of
from monitor.web.roles import OPERATORS
from monitor.wording.points import agreement_sentences
from tests.makers.people import account, signed_in
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
        figures |= {"footprint": MultiPolygon(Polygon.from_bbox((12 + east, 47, 13 + east, 48)))}
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


EAST_M, NORTH_M = 4_300_000, 3_000_000


def sinking_plain(folder, reference: str, seed: int = 1, direction: str = "ascending"):
    """A track on cells of 500 m: a bowl of 40 km that sinks by 9 mm/yr, and in it one of 1.5 km that is fast."""
    rng = np.random.default_rng(seed)
    east, north = np.meshgrid(*[(np.arange(90) + 0.5) * 0.5] * 2)
    rate = -9 * np.exp(-(((east - 22) ** 2 + (north - 23) ** 2) / 15**2)) + rng.normal(0, 0.4, east.shape)
    rate += -60 * np.exp(-(((east - 25) ** 2 + (north - 20) ** 2) / 1.5**2))
    places = zip((EAST_M + 1000 * east).flat, (NORTH_M + 1000 * north).flat, rate.flat, strict=True)
    table, mapping = folder / f"{reference}{seed}{direction}.csv", folder / f"{reference}{seed}.toml"
    table.write_text("\n".join(["easting,northing,velocity", *(f"{x},{y},{v:.2f}" for x, y, v in places), ""]))
    mapping.write_text(
        f'unit = "mm/yr"\npositive = "toward"\nepsg = 3035\nreference = "{reference}"\ndirection = "{direction}"\n'
        "first_day = 2018-01-01\nlast_day = 2022-12-31\n"
        '[columns]\neasting = "easting"\nnorthing = "northing"\nvelocity = "velocity"\n'
    )
    return product_load(path=table, submission=Submission(declared=Declaration(mapping=mapping)))


@pytest.mark.parametrize("reference", ["gnss", "local"])
def test_sinking_plain_is_one_region_and_the_fast_place_in_it_its_own_alert(tmp_path, client, reference):
    sinking_plain(tmp_path, reference, 2, "descending")
    assert sinking_plain(tmp_path, reference).reference == reference
    watch()
    region = Alert.objects.get(extent=Extent.REGION)
    places = Alert.objects.filter(extent=Extent.LOCAL)
    fastest = max(places, key=lambda place: abs(place.peak_rate_mm_yr))
    assert abs(fastest.peak_rate_mm_yr) > 40
    assert fastest.n_fast_places == 1
    assert region.kind == "subsidence"
    assert region.reference == reference
    assert region.peak_rate_mm_yr == pytest.approx(-9, abs=2.5)
    assert abs(region.peak_low_mm_yr) < abs(region.peak_rate_mm_yr) < abs(region.peak_high_mm_yr)
    assert region.area_m2 > 2 * sum(place.area_m2 for place in places)
    page = client.get(region.get_absolute_url()).content.decode()
    assert "This is the motion of a wide region" in page
    assert {"gnss": "compared with permanent GPS", "local": "the stillest ground in these data"}[reference] in page
    assert "Assumed:" in page
    assert "motion of the whole region does not show" not in page


def test_places_and_regions_keep_their_alerts_when_the_plain_is_seen_again(tmp_path):
    for seed, direction in ((1, "ascending"), (2, "descending")):
        sinking_plain(tmp_path, "gnss", seed, direction)
    watch()
    before = {(alert.pk, alert.extent) for alert in Alert.objects.all()}
    sinking_plain(tmp_path, "gnss", seed=3)
    watch()
    assert {(alert.pk, alert.extent) for alert in Alert.objects.all()} >= before
    region = Alert.objects.get(extent=Extent.REGION)
    assert region.detections.count() == 3
    assert {detection.extent for detection in region.detections.all()} == {"region"}


def test_a_region_that_one_track_alone_shows_is_for_operators_and_not_for_the_public(tmp_path, client):
    sinking_plain(tmp_path, "gnss")
    watch()
    assert not Alert.objects.filter(extent=Extent.REGION).exists()
    said = "Not public, because no other track shows it: a region of"
    assert said not in client.get(reverse("product-list")).content.decode()
    operator = signed_in(account("olga", OPERATORS))
    assert said in operator.get(reverse("product-list")).content.decode()
