"""A product is in the database wholly or not at all."""

from datetime import date

import numpy as np
import pytest
from django.core.management import call_command
from django.db import connection

from core.errors import AlreadyLoaded, InputError
from ingest.models import DisplacementSeries, MeasurementPoint, Product
from ingest.products import selectors, services
from ingest.readers.tables import columns
from tests.waiting import Elsewhere

pytestmark = pytest.mark.django_db


def tables() -> set[str]:
    with connection.cursor() as cursor:
        return {name for name in connection.introspection.table_names(cursor) if name.startswith("ingest_")}


def contents() -> tuple:
    return tables(), Product.objects.count(), MeasurementPoint.objects.count(), DisplacementSeries.objects.count()


def test_a_product_arrives_with_points_series_and_provenance(make_egms):
    before = contents()
    path = make_egms(n=40, velocity_mm_yr=5.0)
    product = services.product_load(path=path)
    assert product.n_points == MeasurementPoint.objects.count() == DisplacementSeries.objects.count() == 40
    assert product.name == "EGMS L2b, track 117 ascending, burst 0227"
    assert product.dates[0] == date(2020, 1, 3)
    assert len(product.file_sha256) == 64
    assert "Copernicus" in product.attribution
    assert product.footprint.extent[0] == pytest.approx(13.19, abs=0.02)
    point = selectors.point_get(product_id=product.pk, pid="pt00000007")
    assert point.velocity_mm_yr == pytest.approx(5)
    assert point.position.y == pytest.approx(38.69, abs=0.02)
    assert selectors.point_series(point=point)[-1] == pytest.approx(10.0)
    services.product_delete(product=product)
    assert contents() == before


def test_large_motion_is_stored_without_clipping(make_licsbas):
    product = services.product_load(path=make_licsbas(velocity_mm_yr=-9000.0))
    point = selectors.point_get(product_id=product.pk, pid="0_0")
    assert selectors.point_series(point=point)[-1] == pytest.approx(-9000.0)


def test_the_usual_standard_deviation_of_rates_is_what_the_points_state(make_egms):
    product = services.product_load(path=make_egms(n=7))
    columns = selectors.product_points(product=product)
    assert columns.velocity_mm_yr == pytest.approx([5] * 7)
    assert (columns.longitude[1:] > columns.longitude[:-1]).all()  # in order of id, from west to east
    stated = MeasurementPoint.objects.filter(product=product).values_list("velocity_std_mm_yr", flat=True)
    assert selectors.usual_velocity_std(product=product) == pytest.approx(float(np.median(stated)))
    MeasurementPoint.objects.filter(product=product).update(velocity_std_mm_yr=float("nan"))
    assert selectors.usual_velocity_std(product=product) is None


def test_the_same_file_twice_loads_once_also_under_another_name(make_egms):
    path = make_egms()
    product = services.product_load(path=path)
    before = contents()
    with pytest.raises(AlreadyLoaded, match=f"already loaded as product {product.pk}"):
        services.product_load(path=path.rename(path.with_name("EGMS_L2b_117_0227_IW2_VV_copy.zip")))
    assert contents() == before


def test_a_point_whose_id_is_no_text_is_left_out_and_named(monkeypatch, make_egms):
    path = make_egms()

    def spoilt(*args, **options):
        (batch,) = batches(*args, **options)
        batch.pid[2], batch.pid[4] = b"a\0b", b"\xff\xfe"
        yield batch

    batches = columns.points
    monkeypatch.setattr(columns, "points", spoilt)
    product = services.product_load(path=path)
    assert (product.n_points, product.n_refused) == (10, 2)
    assert product.refused_reasons == {"its id is not valid text": 2}
    assert [pid for pid, _ in product.refused_rows] == ["a\ufffdb", "\ufffd\ufffd"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table["pid"].__setitem__(4, table["pid"][5]), "appears twice"),
        (lambda table: table["los_east"].__setitem__(3, 0.6), "one file per track"),
        (lambda table: table.update(mean_velocity=["nan"] * 12), "none of its 12 rows"),
        (lambda table: table.pop("mean_velocity"), "'mean_velocity' is missing"),
    ],
)
def test_a_bad_file_leaves_the_database_as_it_was(make_egms, change, message):
    before = contents()
    with pytest.raises(InputError, match=message):
        services.product_load(path=make_egms(change=change))
    assert contents() == before


def test_a_fault_in_the_middle_leaves_the_database_as_it_was(make_egms, monkeypatch):
    before = contents()
    monkeypatch.setattr(services, "product_create", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        services.product_load(path=make_egms())
    assert contents() == before


@pytest.mark.django_db(transaction=True)
def test_the_same_file_eight_times_at_once_gives_one_product(make_egms):
    path = make_egms(n=300)

    def load() -> str:
        try:
            services.product_load(path=path)
        except AlreadyLoaded:
            return "known"
        return "loaded"

    workers = [Elsewhere(load) for _ in range(8)]
    assert sorted(worker.returned() for worker in workers) == ["known"] * 7 + ["loaded"]
    assert Product.objects.count() == 1
    assert MeasurementPoint.objects.count() == 300
    services.product_delete(product=Product.objects.get())


def test_the_area_mean_is_the_mean_of_its_points(make_egms):
    product = services.product_load(path=make_egms(n=30, velocity_mm_yr=5.0))
    area = product.footprint.buffer(0.001)
    series = selectors.area_series(product=product, area=area, most=10)
    assert (series.n_points, series.n_sampled) == (30, 10)
    assert series.mean_mm[-1] == pytest.approx(10.0)
    assert selectors.points_count_within(product=product, area=area) == 30


def run_command(*arguments) -> int:
    try:
        call_command("ingest", *arguments)
    except SystemExit as end:
        return end.code
    return 0


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("a.zip", lambda path: path.write_bytes(path.read_bytes()[:-60])),
        ("empty.csv", empty),
        ("EGMS.h5", lambda path: None),
        ("same again.zip", lambda path: run_command(str(path))),
    ],
)
def test_the_command_says_one_clear_line_and_exits_with_2(make_egms, tmp_path, capsys, name, spoil):
    path = make_egms().rename(tmp_path / name)
    spoil(path)
    capsys.readouterr()
    before = contents()
    assert run_command(str(path)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(str(path))
    assert captured.err.count("\n") == 1
    assert contents() == before
    if Product.objects.exists():
        assert run_command("--skip-loaded", str(path)) == 0


def test_a_good_file_beside_a_bad_one_is_loaded(make_egms, tmp_path, capsys):
    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"PK nonsense")
    assert run_command(str(bad), str(make_egms(n=12))) == 2
    assert Product.objects.count() == 1
    assert "12 points" in capsys.readouterr().out
