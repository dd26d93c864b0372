"""A product, a folder or a file of several components is in the database wholly, once, or not at all."""

from datetime import date

import numpy as np
import pytest
from django.core.management import call_command
from django.db import connection

from ground_motion.core.errors import AlreadyLoaded, InputError
from ground_motion.readers.formats.walk import walk
from ground_motion.readers.tables import columns
from ingest.models import DisplacementSeries, MeasurementPoint, Product
from ingest.products import selectors, services
from tests.makers import generic as made_generic
from tests.makers import geotiff as made_geotiff
from tests.makers import hyp3 as made_hyp3
from tests.makers import insar_norway as made_insar_norway
from tests.makers import interferograms as ground
from tests.makers import its_live as made_its_live
from tests.makers import licsar as made_licsar
from tests.makers import mintpy as made_mintpy
from tests.makers import opera_disp as made_opera_disp
from tests.makers import pyrate as made_pyrate
from tests.makers.licsbas import make_maps
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
    columns = selectors.product_points(product=product)
    assert columns.velocity_mm_yr == pytest.approx([5] * 40)
    assert (columns.longitude[1:] > columns.longitude[:-1]).all()  # in order of id, from west to east
    stated = MeasurementPoint.objects.filter(product=product).values_list("velocity_std_mm_yr", flat=True)
    assert selectors.usual_velocity_std(product=product) == pytest.approx(float(np.median(stated)))
    MeasurementPoint.objects.filter(product=product).update(velocity_std_mm_yr=float("nan"))
    assert selectors.usual_velocity_std(product=product) is None
    area = product.footprint.buffer(0.001)
    series = selectors.area_series(product=product, area=area, most=10)
    assert (series.n_points, series.n_sampled) == (40, 10)
    assert series.mean_mm[-1] == pytest.approx(10.0)
    assert selectors.points_count_within(product=product, area=area) == 40
    services.product_delete(product=product)
    assert contents() == before


def test_large_motion_is_stored_without_clipping(make_licsbas):
    product = services.product_load(path=make_licsbas(velocity_mm_yr=-9000.0))
    point = selectors.point_get(product_id=product.pk, pid="0_0")
    assert selectors.point_series(point=point)[-1] == pytest.approx(-9000.0)


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
        (lambda table: None, "division by zero"),  # a fault in the middle
    ],
)
def test_a_bad_file_leaves_the_database_as_it_was(make_egms, monkeypatch, change, message):
    before = contents()
    if message == "division by zero":
        monkeypatch.setattr(services, "product_create", lambda *args: 1 / 0)
    with pytest.raises((InputError, ZeroDivisionError), match=message):
        services.product_load(path=make_egms(change=change))
    assert contents() == before


@pytest.mark.django_db(transaction=True)
def test_the_same_file_eight_times_at_once_or_under_another_name_gives_one_product(make_egms):
    path = make_egms(n=300, xml=None)

    def load() -> str:
        try:
            services.product_load(path=path)
        except AlreadyLoaded:
            return "known"
        return "loaded"

    workers = [Elsewhere(load) for _ in range(8)]
    assert sorted(worker.returned() for worker in workers) == ["known"] * 7 + ["loaded"]
    product = Product.objects.get()
    for name in ("EGMS_L2b_117_0227_IW2_VV_copy.zip", "again.zip"):  # The latter states no track or polarisation.
        path = path.rename(path.with_name(name))
        with pytest.raises(AlreadyLoaded, match=f"already loaded as product {product.pk}"):
            services.product_load(path=path)
    assert MeasurementPoint.objects.count() == 300
    services.product_delete(product=product)


def run_command(*arguments) -> int:
    try:
        call_command("ingest", *arguments)
    except SystemExit as end:
        return end.code
    return 0


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("a.zip", lambda path: path.write_bytes(path.read_bytes()[:-60])),
        ("empty.csv", lambda path: path.write_bytes(b"")),
        ("EGMS.h5", lambda path: None),
        ("same again.zip", lambda path: run_command(str(path))),
    ],
)
def test_the_command_says_one_clear_line_exits_with_2_and_loads_a_good_file_beside_it(
    make_egms, tmp_path, capsys, name, spoil
):
    path = make_egms(n=14).rename(tmp_path / name)
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
    assert run_command(str(path), str(make_egms(n=12))) == 2
    assert Product.objects.count() == before[1] + 1
    assert "12 points" in capsys.readouterr().out


N = (ground.ROWS - 1) * ground.COLS  # the first row was not unwrapped


TABLE = {"unit": "mm/yr", "positive": "toward"}
YEARS = {"period": (date(2016, 1, 1), date(2021, 12, 31))}


def two_tables(folder):
    for name, velocity in (("north", -20.0), ("south", -10.0)):
        made_generic.make(folder, "shp", name=f"{name}.shp", velocity=velocity)
    return folder


@pytest.mark.parametrize(
    ("make", "options", "products", "points", "series"),
    [
        (made_licsar.make, {}, 1, N, N),
        (made_pyrate.make, {}, 1, N, N),
        (made_its_live.make, {}, 2, 2 * 29, 0),
        (lambda folder: made_hyp3.make(folder, kind="zip"), {}, 0, 0, 0),  # One pair is no velocity field.
        (lambda folder: made_hyp3.make(folder, pairs=ground.PAIRS, kind="folders"), {}, 1, N, N),
        (made_mintpy.make_folder, {}, 1, 15, 15),
        (made_opera_disp.make_frame, {}, 1, 30, 30),
        (made_insar_norway.make, {}, 1, 12, 12),
        (make_maps, YEARS, 1, 15, 0),
        (two_tables, TABLE, 2, 24, 24),
    ],
)
def test_it_is_loaded_by_the_command_and_only_once(tmp_path, capsys, make, options, products, points, series):
    path = make(tmp_path)
    call_command("ingest", str(path), **options)
    loaded = (products, points, series)
    assert contents()[1:] == loaded
    with pytest.raises(SystemExit) as left:
        call_command("ingest", str(path), **options)
    assert left.value.code == 2
    assert "already loaded" in capsys.readouterr().err
    assert contents()[1:] == loaded


def test_products_are_named_by_their_track_or_their_mapping(tmp_path):
    stated = 'unit = "mm/yr"\npositive = "toward"\ntrack = 95\nattribution = "A. Surveyor"\n'
    call_command("ingest", str(made_insar_norway.make(tmp_path)))
    call_command("ingest", str(made_opera_disp.make_frame(tmp_path)))
    mapping = str(made_generic.mapping(tmp_path, stated).mapping)
    call_command("ingest", str(made_generic.make(tmp_path, "gpkg")), "--mapping", mapping)
    assert list(Product.objects.order_by("pk").values_list("name", flat=True)) == [
        "InSAR Norway export, track 044 ascending",
        "OPERA DISP-S1 frame 11116, track 042 ascending",
        "Table GeoPackage, track 095",
    ]
    assert Product.objects.latest("pk").attribution == "A. Surveyor"


def test_the_same_interferograms_and_one_more_are_another_product_and_unrelated_images_are_files(tmp_path):
    path = made_licsar.make(tmp_path / "stack", pairs=ground.PAIRS[:2])
    assert walk(path).arrivals[0].name == made_licsar.FRAME
    call_command("ingest", str(path))
    made_licsar.make(tmp_path / "stack", pairs=ground.PAIRS)
    call_command("ingest", str(path))
    assert Product.objects.count() == 2
    assert set(Product.objects.values_list("tile", flat=True)) == {"LiCSAR/021D_04972_131213"}
    names = ["rate_c.tif", "velocity_a.tif", "velocity_b.tif"]
    for name in names:
        made_geotiff.make(tmp_path / "images", name=name)
    assert [found.name for found in walk(tmp_path / "images").arrivals] == names


def no_number(folder):
    """Only seen when its pixels are read, long after the header."""
    path = made_licsar.make(folder)
    for file in path.rglob("*unw.tif"):
        made_geotiff.write(file, ground.coherence() * -9e9)
    return path


def doubled(table):
    table["CODE"][4] = table["CODE"][5]


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (no_number, {}, ".tif"),
        (lambda folder: made_generic.make(folder, "gpkg", change=doubled), TABLE, "stands on two different rows"),
        (make_maps, {}, "period"),
    ],
)
def test_a_bad_product_leaves_the_database_as_it_was(tmp_path, capsys, make, options, message):
    before = contents()
    with pytest.raises(SystemExit) as left:
        call_command("ingest", str(make(tmp_path)), **options)
    assert left.value.code == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    assert message in error
    assert contents() == before
