"""Two directions of view become up and east, where these are not published."""

from datetime import date, timedelta

import numpy as np
import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.utils import timezone

from ground_motion.statistics.decomposition import Cells, DirectionPoints, decompose_cells, interpolate_dates
from ingest.models import DerivedTile, MeasurementPoint, Product
from ingest.products import derived
from ingest.products.derived import derived_make
from ingest.products.selectors import point_series
from ingest.products.services import product_delete, product_load
from ml.runs.services import runs_queue

ASCENDING, DESCENDING = (-0.62, -0.10, 0.78), (0.59, -0.12, 0.80)
GRID = Cells(0.0, 1000.0, 100.0, 10, 10)
DAYS = tuple(date(2020, 1, 1) + timedelta(days=12 * n) for n in range(20))


def seen(los, up_mm_yr: float, east_mm_yr: float, days=DAYS, n: int = 400) -> DirectionPoints:
    rng = np.random.default_rng(len(days))
    x, y = rng.uniform(0, 1000, (2, n))
    rate = np.float32(los[0] * east_mm_yr + los[2] * up_mm_yr)
    years = np.array([(day - DAYS[0]).days / 365.25 for day in days], dtype=np.float32)
    ones = np.ones(n, dtype=np.float32)
    return DirectionPoints(
        x, y, rate * ones, 0.3 * ones, 5 * ones, np.tile(np.float32(los), (n, 1)), np.outer(ones, rate * years)
    )


def test_ground_that_sinks_and_goes_east_is_resolved_from_two_directions():
    motion = decompose_cells(GRID, seen(ASCENDING, -20, 7), seen(DESCENDING, -20, 7), (DAYS, DAYS))
    np.testing.assert_allclose(motion.up_mm_yr, -20, atol=1e-3)
    np.testing.assert_allclose(motion.east_mm_yr, 7, atol=1e-3)
    years = (DAYS[-1] - DAYS[0]).days / 365.25
    np.testing.assert_allclose(motion.up_mm[:, -1], -20 * years, rtol=1e-3)
    np.testing.assert_allclose(motion.up_std_mm_yr, 0.3 * np.hypot(0.59, 0.62) / (0.62 * 0.80 + 0.59 * 0.78), rtol=0.01)


def test_views_of_other_dates_meet_where_both_reach_and_a_series_reaches_no_further_than_its_dates():
    late = tuple(day + timedelta(days=6) for day in DAYS[:-3])
    motion = decompose_cells(GRID, seen(ASCENDING, -20, 0), seen(DESCENDING, -20, 0, late), (DAYS, late))
    assert motion.up_mm.shape[1] == len(late)
    elapsed = np.array([(day - DAYS[0]).days / 365.25 for day in late])
    np.testing.assert_allclose(motion.up_mm[0], -20 * elapsed, atol=0.01)
    series = np.arange(4, dtype=np.float32)[None]
    outside = interpolate_dates(series, DAYS[2:6], [DAYS[1], DAYS[2], DAYS[3] + timedelta(days=6), DAYS[6]])
    np.testing.assert_array_equal(outside, [[np.nan, 0.0, 1.5, np.nan]])


@pytest.fixture
def two_tracks(make_egms, db) -> list[Product]:
    products = []
    for name, los in (("117_0227", ASCENDING), ("022_0845", DESCENDING)):
        path = make_egms(
            name=f"EGMS_L2b_{name}_IW2_VV_2020_2024_1.zip", xml=None, los=los, velocity_mm_yr=-8.0 * los[2]
        )
        products.append(product_load(path=path))
    return products


def test_two_tracks_over_one_place_make_an_up_and_an_east_product(two_tracks):
    up, east = derived_make()
    assert (up.component, east.component, up.level, up.posting_m) == ("up", "east", "derived", 100.0)
    assert set(up.derived_from.all()) == set(two_tracks)
    assert "Copernicus" in up.attribution
    rates = MeasurementPoint.objects.filter(product=up).values_list("velocity_mm_yr", flat=True)
    np.testing.assert_allclose(rates, -8.0, atol=0.01)
    point = MeasurementPoint.objects.filter(product=up).first()
    assert point_series(point=point)[-1] == pytest.approx(-16.0, abs=0.3)  # two years
    assert derived_make() == []
    assert {run.product for run in runs_queue(method="matched-filter")} == set(two_tracks)  # ours is not searched again
    product_delete(product=two_tracks[0])
    assert derived_make() == []  # one direction alone makes nothing, and without its sources ours goes
    assert not Product.objects.filter(level="derived").exists()


def test_tiles_wait_are_tried_once_and_give_way_to_a_published_product(two_tracks, make_egms, monkeypatch):
    before = timezone.now() - timedelta(hours=1)
    assert derived_make(settled_before=before) == []  # The products came just now.
    Product.objects.update(loaded_at=before - timedelta(hours=1), has_series=False)
    first, last = two_tracks[0].dates[0], two_tracks[0].dates[-1]
    made = derived_make(settled_before=before)
    assert [(product.has_series, product.dates) for product in made] == [(False, [first, last])] * 2
    tile = made[0].burst
    product_load(path=make_egms(name=f"EGMS_L3_{tile}_100km_U_2020_2024_1.zip"))
    derived_make()
    assert not Product.objects.filter(level="derived", burst=tile).exists()
    DerivedTile.objects.all().delete()
    Product.objects.filter(component="up").delete()
    Product.objects.update(derived_at=None)
    with monkeypatch.context() as patch:
        patch.setattr(derived, "_solve", lambda tile, folder: [])  # no cell in common
        assert derived_make() == []
    Product.objects.update(derived_at=None)
    assert derived_make() == []


def test_a_round_touches_what_is_new_however_many_products_there_are(
    two_tracks, monkeypatch, django_assert_num_queries
):
    Product.objects.bulk_create(elsewhere(200))
    looked, places = [], derived._places
    monkeypatch.setattr(derived, "_places", lambda product: looked.append(product.pk) or places(product))
    assert [product.component for product in derived_make()] == ["up", "east"]
    assert len(looked) <= 4
    with django_assert_num_queries(1):
        assert derived_make() == []


def elsewhere(n: int) -> list[Product]:
    """Products of both directions, long since looked at, each pair in a place of its own."""
    now = timezone.now()
    figures = {"source_format": "egms", "level": "L2b", "component": "los", "dates": DAYS, "n_points": 1}
    return [
        Product(
            name=f"product {index}",
            file_name=f"{index}.csv",
            file_sha256=f"{index}",
            direction=("ascending", "descending")[index % 2],
            footprint=MultiPolygon(Polygon.from_bbox((west, 60.0, west + 0.01, 60.01))),
            derived_at=now,
            **figures,
        )
        for index in range(n)
        for west in [-20.0 + 0.03 * (index // 2)]
    ]


def test_a_release_that_is_superseded_takes_what_was_derived_from_it_along(two_tracks):
    (up, east), (ascending, _) = derived_make(), two_tracks
    newer = Product.objects.get(pk=ascending.pk)
    newer.pk, newer.file_sha256, newer.derived_at = None, "newer", timezone.now()
    newer.footprint = MultiPolygon(Polygon.from_bbox((50.0, 60.0, 50.1, 60.1)))
    newer.save()
    Product.objects.filter(pk=ascending.pk).update(superseded_by=newer)
    assert derived_make() == []
    assert not Product.objects.filter(pk__in=[up.pk, east.pk]).exists()
    Product.objects.filter(pk=ascending.pk).update(superseded_by=None)
    assert [product.component for product in derived_make()] == ["up", "east"]


@pytest.mark.realdata
def test_ustica_agrees_with_what_egms_published(real_data, db):
    """Facts of the data folder: up +0.03 ± 0.08 and east +0.01 ± 0.09 mm/yr in all 522 cells."""
    for path in sorted((real_data / "egms_ustica").glob("EGMS_L2b_*.zip")):
        product_load(path=path)
    ours = {product.component: product for product in derived_make() if product.burst == "E45N17"}
    for path in sorted((real_data / "egms_ustica").glob("EGMS_L3_*.zip")):
        theirs = product_load(path=path)
        there = {_place(point): point.velocity_mm_yr for point in MeasurementPoint.objects.filter(product=theirs)}
        apart = [
            point.velocity_mm_yr - there[_place(point)]
            for point in MeasurementPoint.objects.filter(product=ours[theirs.component])
        ]
        assert len(apart) == 522
        assert abs(np.mean(apart)) < 0.04
        assert np.std(apart) < 0.1


def _place(point: MeasurementPoint) -> tuple[float, float]:
    return round(point.position.x, 4), round(point.position.y, 4)
