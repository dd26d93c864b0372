"""Folders and files of several components on their way into the database: wholly, once, or not at all."""

from datetime import date

import pytest
from django.core.management import call_command

from ingest.formats.walk import walk
from ingest.models import DisplacementSeries, MeasurementPoint, Product
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
from tests.makers.opera_disp import PAIRS

pytestmark = pytest.mark.django_db
N = (ground.ROWS - 1) * ground.COLS  # the first row was not unwrapped


def counts():
    return Product.objects.count(), MeasurementPoint.objects.count(), DisplacementSeries.objects.count()


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
        (made_hyp3.make, {}, 1, N // 2, N // 2),  # a displacement of exactly 0 is HyP3's nodata
        (lambda folder: made_hyp3.make(folder, kind="zip"), {}, 1, N // 2, N // 2),
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
    assert counts() == (products, points, series)
    with pytest.raises(SystemExit) as left:
        call_command("ingest", str(path), **options)
    assert left.value.code == 2
    assert "already loaded" in capsys.readouterr().err
    assert counts()[0] == products


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


def test_the_same_interferograms_and_one_more_are_another_product(tmp_path):
    path = made_licsar.make(tmp_path, pairs=ground.PAIRS[:2])
    call_command("ingest", str(path))
    made_licsar.make(tmp_path, pairs=ground.PAIRS)
    call_command("ingest", str(path))
    assert Product.objects.count() == 2
    assert set(Product.objects.values_list("tile", flat=True)) == {"LiCSAR/021D_04972_131213"}


def cut(path):
    file = sorted(path.rglob("*.tif"))[-1]
    file.write_bytes(file.read_bytes()[:700])


def no_number(path):
    """Only seen when its pixels are read, long after the header."""
    for file in path.rglob("*unw.tif"):
        made_geotiff.write(file, ground.coherence() * -9e9)


def several_tracks(table):
    table["Track"][11] = "117"


def doubled(table):
    table["CODE"][4] = table["CODE"][5]


def spoilt(spoil):
    def make(folder):
        path = made_licsar.make(folder)
        spoil(path)
        return path

    return make


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (spoilt(cut), {}, ".tif"),
        (spoilt(no_number), {}, ".tif"),
        (lambda folder: made_mintpy.make(folder, UNIT="radian"), {}, "radians' by UNIT"),
        (lambda folder: made_opera_disp.make_frame(folder, PAIRS[:2] + PAIRS[3:]), {}, "builds on"),
        (lambda folder: made_insar_norway.make(folder, change=several_tracks), {}, "column 'Track' holds several"),
        (lambda folder: made_generic.make(folder, "gpkg", change=doubled), TABLE, "stands on two different rows"),
        (make_maps, {}, "period"),
    ],
)
def test_a_bad_product_leaves_the_database_as_it_was(tmp_path, capsys, make, options, message):
    before = counts()
    with pytest.raises(SystemExit) as left:
        call_command("ingest", str(make(tmp_path)), **options)
    assert left.value.code == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    assert message in error
    assert counts() == before == (0, 0, 0)


def test_a_folder_of_unrelated_images_is_loaded_file_by_file(tmp_path):
    for name in ("velocity_a.tif", "velocity_b.tif", "rate_c.tif"):
        made_geotiff.make(tmp_path, name=name)
    assert [path.name for path in walk(tmp_path).arrivals] == sorted(path.name for path in tmp_path.iterdir())
    assert walk(made_licsar.make(tmp_path / "stack")).arrivals[0].name == made_licsar.FRAME
