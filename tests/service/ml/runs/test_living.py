"""Living series: interferograms of new passes prolong a release, and the next release replaces them."""

import numpy as np
import pytest
import shapely
from django.contrib.gis.geos import Point
from django.utils import timezone
from shapely.geometry import shape

from ingest.jobs.child import arrival_load, job_carry_out
from ingest.jobs.services import job_queue
from ingest.models import IngestJob, Interferogram, MeasurementPoint, Product
from ingest.products.life import product_withdraw
from ingest.products.services import product_load
from ml.models import LivingDate, LivingValues
from ml.runs import living
from ml.runs.provisional import provisional_days, provisional_of_point, provisional_within
from tests.makers import living as made
from tests.makers.hyp3 import zipped

KNOWN = made.KNOWN


@pytest.fixture
def ground():
    return made.made_ground()


@pytest.fixture
def moved(ground):
    return made.series(ground, onset_mm_yr=-150.0)


@pytest.fixture
def product(db, tmp_path, ground, moved) -> Product:
    return product_load(path=made.release(tmp_path, ground, moved[:, :KNOWN]), submission=made.DECLARED)


def arrive(folder, ground, moved, passes: int, reach: int = 3) -> None:
    for number in range(KNOWN, KNOWN + passes):
        for path in made.interferograms(folder, ground, moved, number, reach):
            assert arrival_load(path=path).interferograms


def test_interferograms_of_a_loaded_release_become_no_product(product, tmp_path, ground, moved):
    arrive(tmp_path, ground, moved, passes=1)
    assert Product.objects.count() == 1
    rows = Interferogram.objects.order_by("reference_day")
    assert [row.reference_day for row in rows] == made.DATES[KNOWN - 3 : KNOWN]
    assert {(row.track, row.direction, row.secondary_day) for row in rows} == {(64, "ascending", made.DATES[KNOWN])}


def test_a_zip_as_hyp3_delivers_it_is_taken_by_its_job(product, tmp_path, ground, moved):
    folder = made.interferograms(tmp_path, ground, moved, KNOWN, reach=1)[0]
    path = zipped(folder)
    job = job_queue(source=IngestJob.Source.FETCHED, path=path, original_name=path.name)
    IngestJob.objects.filter(pk=job.pk).update(state="running", attempts=1)
    job_carry_out(job_id=job.pk, attempt=1)
    job.refresh_from_db()
    assert (job.state, Interferogram.objects.count(), Product.objects.count()) == ("loaded", 1, 1)
    assert "interferograms that continue a release" in job.error
    again = job_queue(source=IngestJob.Source.FETCHED, path=path, original_name=path.name)
    IngestJob.objects.filter(pk=again.pk).update(state="running", attempts=1)
    job_carry_out(job_id=again.pk, attempt=1)
    again.refresh_from_db()
    assert (again.state, Interferogram.objects.count()) == ("loaded", 1)
    assert "already loaded" in again.error


def test_without_a_release_a_pair_is_no_product_either(db, tmp_path, ground, moved):
    path = made.interferograms(tmp_path, ground, moved, KNOWN, reach=1)[0]
    loaded = arrival_load(path=path)
    assert (loaded.products, len(loaded.interferograms)) == ([], 1)


def test_a_pass_prolongs_every_point_and_the_mean_of_an_area_follows(product, tmp_path, ground, moved):
    arrive(tmp_path, ground, moved, passes=4)
    assert list(living.living_due()) == [product]
    dates = living.living_extend(product=product)
    assert [row.day for row in dates] == made.DATES[KNOWN : KNOWN + 4]
    assert not living.living_due().exists()
    points = MeasurementPoint.objects.filter(product=product).order_by("pid")
    for number in (0, 4_111, 9_999):
        found = provisional_of_point(point=points[number])
        assert found.dates == made.DATES[KNOWN : KNOWN + 4]
        assert np.abs(found.values_mm[0] - moved[number, KNOWN : KNOWN + 4]).max() < 4
        assert (np.diff(found.sigma_mm[0]) >= 0).all()
    assert {row.n_known for row in dates} <= {made.N_POINTS - 1, made.N_POINTS}  # One lies between two whole cycles.
    x, y = made.GRID @ (made.SIDE_PX / 2, made.SIDE_PX / 2)
    area = Point(x, y, srid=made.EPSG).buffer(400).transform(4326, clone=True)
    east, north = made.GRID @ (ground.cols + 0.5, ground.rows + 0.5)
    inside = np.hypot(east - x, north - y) < 400
    mean = provisional_within(product=product, area=area).mean_mm
    assert mean == pytest.approx(moved[inside, KNOWN : KNOWN + 4].mean(axis=0), abs=2.0)


def test_each_pass_is_taken_once(product, tmp_path, ground, moved):
    for passes in (1, 2):
        for path in made.interferograms(tmp_path, ground, moved, KNOWN + passes - 1):
            arrival_load(path=path)
        living.living_extend(product=product)
        assert living.living_extend(product=product) == []
    assert LivingDate.objects.count() == 2
    assert LivingValues.objects.count() == 2 * -(-made.N_POINTS // living.CHUNK)


def test_a_pass_waits_for_its_other_interferograms(product, tmp_path, ground, moved):
    arrive(tmp_path, ground, moved, passes=1, reach=2)
    assert not living.living_due().exists()
    Interferogram.objects.update(loaded_at=Interferogram.objects.first().loaded_at - 2 * living.AWAITED)
    assert living.living_due().exists()
    assert living.living_extend(product=product)[0].n_interferograms == 2


def test_a_failure_half_way_changes_nothing(product, tmp_path, ground, moved, monkeypatch):
    arrive(tmp_path, ground, moved, passes=2)
    taken = iter([living._take])

    def fail_at_the_second(*args):
        return next(taken, None)(*args)

    with monkeypatch.context() as patched:
        patched.setattr(living, "_take", fail_at_the_second)
        with pytest.raises(TypeError):
            living.living_extend(product=product)
    assert not LivingDate.objects.exists()
    assert len(living.living_extend(product=product)) == 2


def test_places_that_begin_to_move_are_found_and_still_ground_is_not(product, tmp_path, ground, moved):
    arrive(tmp_path, ground, moved, passes=12)
    dates = living.living_extend(product=product)
    assert not any(row.places for row in dates[:3])  # Bends are fitted from the fourth pass on.
    (place,) = dates[-1].places
    assert place["change_mm_yr"] == pytest.approx(-150, rel=0.4)
    assert abs(place["before_mm_yr"]) < 5
    centre = Point(*(made.GRID @ (made.SIDE_PX / 2, made.SIDE_PX / 2)), srid=made.EPSG).transform(4326, clone=True)
    assert shape(place["outline"]).contains(shapely.Point(centre.x, centre.y))


def test_the_next_release_replaces_them_and_tells_how_far_they_were_off(product, tmp_path, ground, moved):
    arrive(tmp_path, ground, moved, passes=5)
    living.living_extend(product=product)
    path = made.release(tmp_path, ground, moved[:, : KNOWN + 10], made.DATES[: KNOWN + 10], "next.csv")
    newer = product_load(path=path, submission=made.DECLARED)
    (series,) = living.living_to_replace()
    living.living_replace(series=series)
    series.refresh_from_db()
    assert series.replaced_by == newer
    assert 0 < series.difference["within_mm"] < 4
    assert series.difference["n"] == pytest.approx(5 * made.N_POINTS, rel=0.5)
    assert not LivingValues.objects.exists()
    assert not Interferogram.objects.exists()
    assert not living.living_to_replace().exists()
    assert provisional_of_point(point=MeasurementPoint.objects.filter(product=product)[0]) is None
    product_withdraw(product=newer, why="its sign was turned", by="operator")
    arrive(tmp_path, ground, moved, passes=2)
    assert list(living.living_due()) == [product]
    assert [row.day for row in living.living_extend(product=product)] == made.DATES[KNOWN : KNOWN + 2]
    assert provisional_days(product=product, known_at=timezone.now()) == made.DATES[KNOWN : KNOWN + 2]
    assert not living.living_to_replace().exists()


def test_where_the_next_release_has_no_points_the_series_go_on(product, tmp_path, ground, moved):
    arrive(tmp_path, ground, moved, passes=2)
    living.living_extend(product=product)
    north = made.northern(ground)
    path = made.release(tmp_path, north, moved[: len(north.rows), : KNOWN + 10], made.DATES[: KNOWN + 10], "north.csv")
    newer = product_load(path=path, submission=made.DECLARED)
    rest = Product.objects.rests().get()
    assert set(Product.objects.current()) == {newer, rest}
    assert not living.living_to_replace().exists()
    for path in made.interferograms(tmp_path, ground, moved, KNOWN + 2):
        arrival_load(path=path)
    assert list(living.living_due()) == [product]
    living.living_extend(product=product)
    found = provisional_of_point(point=MeasurementPoint.objects.filter(product=rest)[0])
    assert found.dates == made.DATES[KNOWN : KNOWN + 3] == provisional_days(product=rest, known_at=timezone.now())
    assert provisional_of_point(point=MeasurementPoint.objects.filter(product=newer)[0]) is None
