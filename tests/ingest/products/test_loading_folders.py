"""Folders and files of several components on their way into the database: wholly, once, or not at all."""

import pytest
from django.core.management import call_command

from ingest.jobs.arrivals import arrivals_in
from ingest.models import DisplacementSeries, MeasurementPoint, Product
from tests.makers import geotiff as made_geotiff
from tests.makers import hyp3 as made_hyp3
from tests.makers import interferograms as ground
from tests.makers import its_live as made_its_live
from tests.makers import licsar as made_licsar
from tests.makers import pyrate as made_pyrate

pytestmark = pytest.mark.django_db
N = (ground.ROWS - 1) * ground.COLS  # the first row was not unwrapped


def counts():
    return Product.objects.count(), MeasurementPoint.objects.count(), DisplacementSeries.objects.count()


@pytest.mark.parametrize(
    ("make", "products", "points", "series"),
    [
        (made_licsar.make, 1, N, N),
        (made_pyrate.make, 1, N, N),
        (made_its_live.make, 2, 2 * 29, 0),
        (made_hyp3.make, 1, N // 2, N // 2),  # a displacement of exactly 0 is HyP3's nodata
        (lambda folder: made_hyp3.make(folder, kind="zip"), 1, N // 2, N // 2),
        (lambda folder: made_hyp3.make(folder, pairs=ground.PAIRS, kind="folders"), 1, N, N),
    ],
)
def test_it_is_loaded_by_the_command_and_only_once(tmp_path, capsys, make, products, points, series):
    path = make(tmp_path)
    call_command("ingest", str(path))
    assert counts() == (products, points, series)
    with pytest.raises(SystemExit) as left:
        call_command("ingest", str(path))
    assert left.value.code == 2
    assert "already loaded" in capsys.readouterr().err
    assert counts()[0] == products


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


@pytest.mark.parametrize("damage", [cut, no_number])
def test_a_damaged_folder_leaves_the_database_as_it_was(tmp_path, capsys, damage):
    path = made_licsar.make(tmp_path)
    damage(path)
    with pytest.raises(SystemExit) as left:
        call_command("ingest", str(path))
    assert left.value.code == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    assert ".tif" in error
    assert counts() == (0, 0, 0)


def test_a_folder_of_unrelated_images_is_loaded_file_by_file(tmp_path):
    for name in ("velocity_a.tif", "velocity_b.tif", "20200101-20200701_unw.tif"):
        made_geotiff.make(tmp_path, name=name)
    assert [path.name for path in arrivals_in(tmp_path)] == sorted(path.name for path in tmp_path.iterdir())
    assert arrivals_in(made_licsar.make(tmp_path / "stack"))[0].name == made_licsar.FRAME
