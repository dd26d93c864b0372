"""Whatever the order of loading, the same product answers at each place, with the same alerts and figures."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue

import pytest
from django.contrib.gis.geos import MultiPolygon, Point
from django.db import transaction
from django.utils import timezone

from detection.alerts import services as alerts
from detection.models import Alert, Detection
from ground_motion.readers.records import Submission
from ingest.foundation.locks import rows_of
from ingest.jobs.child import arrival_load
from ingest.models import Interferogram, Product
from ingest.products.life import product_restore, product_withdraw
from ingest.products.services import product_delete, product_load, products_load, rests_delete
from ml.models import ModelVersion, Prediction, Run
from ml.runs.selectors import inputs_due
from monitor.maps.charts.here import look
from monitor.maps.charts.selectors import points_within, products_over
from monitor.maps.charts.traces import by_direction
from tests.fixtures.servers import OWN_LOCKS
from tests.makers import hyp3 as made_hyp3
from tests.makers import interferograms as ground
from tests.makers.generic import TOWARD, make
from tests.waiting import Elsewhere, reread

LOCKED = f"""
    SELECT FROM {OWN_LOCKS} AS own WHERE relation = 'ingest_measurementpoint'::regclass AND mode LIKE 'ShareUpdate%'"""
LEFT, RIGHT = (11.02, 47.5), (11.08, 47.5)
NO_POINTS, FIRST_HALF = slice(0), slice(50)
# name: (points left out, last date, velocity of all points, mm/yr)
FILES = {
    "whole": (NO_POINTS, "20220103", -20.0),
    "half": (FIRST_HALF, "20230103", -22.0),
    "older": (NO_POINTS, "20211203", -30.0),
    "again": (FIRST_HALF, "20230104", -17.0),
}


# All files loaded: name, number of points, and of newer releases; the last is the rest of a release.
ALL = {("older.csv", 100, 3), ("whole.csv", 100, 2), ("half.csv", 50, 1), ("again.csv", 50, 0), ("whole.csv", 50, 0)}
ANSWERING = [[[("whole.csv", 13, -20.0)]], [[("again.csv", 13, -17.0)]]]


def load(folder: Path, name: str, track: int = 22) -> Product:
    """Load a file of FILES: 100 points in a row, or some of them."""
    skip, last, velocity = FILES[name]

    def change(table):
        table[f"D{last}"] = table.pop("D20220103")
        for column in table.values():
            del column[skip]

    path = make(folder, name=f"{name}.csv", n=100, velocity=velocity, change=change)
    return product_load(path=path, submission=Submission(declared=replace(TOWARD, track=track)))


def search_due(monkeypatch) -> None:
    """Search what is due, as if each of the two places were found wherever a product has points."""
    version, _ = ModelVersion.objects.get_or_create(task="deformation", method="made", version="1")
    for product in inputs_due(task="deformation", method="made"):
        run = Run.objects.create(model_version=version, product=product, state="succeeded", finished_at=timezone.now())
        prediction = Prediction.objects.create(run=run, statistics={})
        rate = FILES[product.file_name.removesuffix(".csv")][2]
        figures = {"rate_mm_yr": rate, "peak_rate_mm_yr": rate, "peak_low_mm_yr": rate, "peak_high_mm_yr": rate}
        figures |= {"rate_sigma_mm_yr": 1.0, "area_m2": 1e5, "kind": "subsidence", "score": 0.9, "n_points": 9}
        found = [
            Detection(area=MultiPolygon(Point(place, srid=4326).buffer(0.002), srid=4326), **figures)
            for place in (LEFT, RIGHT)
            if product.footprint.intersects(Point(place, srid=4326))
        ]
        monkeypatch.setattr(alerts, "search", lambda _, found=found: found)
        alerts.prediction_scan(prediction=Prediction.objects.get(pk=prediction.pk))


def outcome() -> tuple:
    """Return products, those that answer at each place, and alerts, without numbers that depend on the order."""
    rests_delete()
    products = {(one.file_name, one.n_points, one.newer_releases) for one in Product.objects.all()}
    places = []
    for longitude, latitude in (LEFT, RIGHT):
        area = Point(longitude, latitude, srid=4326).buffer(0.01)
        near = list(products_over(area=area))
        found = points_within(products=near, longitude=longitude, latitude=latitude, radius_m=500)
        places.append(
            [
                [(part.product.file_name, part.n_points, float(part.velocity_mm_yr.mean())) for part in parts]
                for parts in by_direction(found)
            ]
        )
    figures = ("rate_mm_yr", "peak_rate_mm_yr", "first_motion", "last_motion", "state", "n_views")
    return products, places, sorted(Alert.objects.values_list(*figures))


@pytest.mark.django_db
def test_in_any_order_the_same_product_answers_at_each_place_and_alerts_have_its_figures(tmp_path, monkeypatch):
    names, outcomes = [*FILES], {}
    turned = [names[start:] + names[:start] for start in range(len(names))]
    for order in {*map(tuple, turned), *(tuple(reversed(one)) for one in turned)}:  # Each goes before each other one.
        with transaction.atomic():
            for name in order:
                load(tmp_path, name)
                search_due(monkeypatch)
            outcomes[order] = outcome()
            transaction.set_rollback(True)
    first = next(iter(outcomes.values()))
    assert [order for order, other in outcomes.items() if other != first] == []
    products, places, found = first
    assert (products, places) == (ALL, ANSWERING)
    assert [(rate, last) for rate, _, _, last, *_ in found] == [(-20.0, date(2022, 1, 3)), (-17.0, date(2023, 1, 4))]


@pytest.mark.django_db
def test_what_is_deleted_leaves_no_trace_and_of_equal_dates_the_last_given_counts(tmp_path, monkeypatch):
    whole, half = load(tmp_path, "whole"), load(tmp_path, "half")
    before = outcome()
    assert look(*LEFT).tracks[0].rate.value == pytest.approx(-20.0)  # Here the newer release has no points.
    monkeypatch.setitem(FILES, "newest", (NO_POINTS, "20240103", -21.0))
    newest = load(tmp_path, "newest")
    assert list(Product.objects.current()) == [newest]
    product_delete(product=newest)
    assert outcome() == before
    monkeypatch.setitem(FILES, "zero", (NO_POINTS, "20230103", -15.0))
    again, other = load(tmp_path, "zero"), load(tmp_path, "older", track=23)
    assert (reread(half).superseded_by, again.superseded_by, other.superseded_by) == (again, None, None)
    assert len(look(*RIGHT).tracks) == 2
    for product in (half, again):
        product_delete(product=product)
    assert (reread(whole).tile, whole.superseded_by) == ("", None)
    assert outcome()[0] == {("whole.csv", 100, 0), ("older.csv", 100, 0)}


@pytest.mark.django_db
def test_files_that_a_third_one_joined_are_apart_while_it_is_taken_back(tmp_path, monkeypatch):
    monkeypatch.setitem(FILES, "other half", (slice(50, None), "20230102", -25.0))
    apart = {("other half.csv", 50, 0), ("half.csv", 50, 0)}
    load(tmp_path, "other half"), load(tmp_path, "half")
    assert outcome()[0] == apart
    whole = load(tmp_path, "whole")
    joined = outcome()
    assert joined[0] == {("whole.csv", 100, 2), ("other half.csv", 50, 1), *apart}
    product_withdraw(product=whole, why="its sign was turned", by="operator")
    assert outcome()[0] == apart
    assert set(Product.objects.values_list("tile", "superseded_by")) == {("", None)}
    product_restore(product=whole, by="operator")
    assert outcome() == joined


@pytest.mark.django_db(transaction=True)
def test_two_workers_end_in_the_same_tables(tmp_path):
    """Files of one track, and HyP3's zips, each of which is a pair; their folder is a stack."""
    folder = made_hyp3.make(tmp_path, pairs=ground.PAIRS, kind="folders")
    zips = [Path(shutil.make_archive(str(pair), "zip", folder, pair.name)) for pair in sorted(folder.iterdir())]
    for name in zips:
        shutil.rmtree(name.with_suffix(""))
    work: SimpleQueue[Callable[[], object]] = SimpleQueue()
    for number, name in enumerate(("again", "older", "half", "whole")):
        work.put(partial(load, tmp_path, name))
        if number < len(zips):
            work.put(partial(arrival_load, path=zips[number]))

    def take() -> None:
        with suppress(Empty):
            while True:
                work.get_nowait()()

    for worker in [Elsewhere(take), Elsewhere(take)]:
        worker.returned()
    assert outcome()[:2] == (ALL, ANSWERING)
    assert {*Interferogram.objects.values_list("reference_day", "secondary_day")} == {*ground.PAIRS}
    locks = list[bool]()  # Other loads go on while a correction copies its points.
    turned = Submission(declared=replace(TOWARD, track=22, positive="away"))
    products_load(
        path=tmp_path / "older.csv",
        submission=turned,
        why="its sign was turned",
        progress=lambda points: locks.append(bool(rows_of(LOCKED))),
    )
    assert (locks, rows_of(LOCKED)) == ([False], [])
    (stack,) = arrival_load(path=folder).products
    assert (stack.level, stack.n_dates, stack.direction) == ("interferograms", 3, "ascending")
    for product in Product.objects.order_by("-pk"):
        product_delete(product=product)
