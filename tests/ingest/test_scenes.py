"""Scenes are loaded whole, once, and paired by track, burst, polarisation and days."""

from collections import Counter

import numpy as np
import pytest
from affine import Affine
from django.core.management import call_command

from ingest import scene_services
from ingest.errors import AlreadyLoaded, InputError
from ingest.models import Scene, ScenePair
from ingest.scene_services import pairs_make, scene_load
from ml.stored import read_scene

pytestmark = pytest.mark.django_db


def test_a_scene_is_stored_as_it_was_and_where_it_was(make_rtc):
    power = np.linspace(0.01, 1, 40 * 48).reshape(40, 48).astype(np.float32)
    scene = scene_load(path=make_rtc(power=power))
    np.testing.assert_array_equal(read_scene(scene), power)
    west, south, east, north = scene.footprint.extent
    assert -120 < west < east < -119
    assert 34 < south < north < 35
    assert "track 137 ascending" in scene.name


def test_the_same_file_is_loaded_once_and_the_same_image_too(make_rtc):
    path = make_rtc()
    scene_load(path=path)
    with pytest.raises(AlreadyLoaded, match="already loaded as scene"):
        scene_load(path=path)
    with pytest.raises(InputError, match="same image is already loaded"):
        scene_load(path=make_rtc(made="20260101T000000"))
    assert Scene.objects.count() == 1


def test_a_fault_leaves_neither_row_nor_raster(make_rtc, monkeypatch, tmp_path):
    def fail(self, *args, **options):
        self.raster.storage.save(self.raster.name, self.raster.file)
        raise OSError("disk full")

    monkeypatch.setattr(Scene, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        scene_load(path=make_rtc())
    assert not Scene.objects.exists()
    assert list((tmp_path / "rasters").glob("*")) == []


def test_pairs_are_of_one_track_burst_polarisation_and_so_many_days(make_rtc):
    for date in ("20211119", "20211125", "20211201", "20211225"):
        scene_load(path=make_rtc(date))
    scene_load(path=make_rtc("20211201", burst="292322-IW2"))
    scene_load(path=make_rtc("20211207", layer="VH"))
    assert pairs_make(baselines_days=[6, 12]) == 3
    found = {
        (f"{p.reference.acquired_at:%m%d}", f"{p.secondary.acquired_at:%m%d}", p.temporal_baseline_days)
        for p in ScenePair.objects.all()
    }
    assert found == {("1119", "1125", 6), ("1125", "1201", 6), ("1119", "1201", 12)}
    assert pairs_make(baselines_days=[6, 12]) == 0
    assert pairs_make(baselines_days=[24]) == 1


def test_images_on_another_grid_or_simulated_are_no_pair(make_rtc):
    scene_load(path=make_rtc("20211119"))
    scene_load(path=make_rtc("20211125", transform=Affine(30, 0, 240_030, 0, -30, 3_810_000)))
    scene_load(path=make_rtc("20211201", tags={"SIMULATED": "yes"}))
    assert pairs_make(baselines_days=[6, 12]) == 0


def test_the_commands_load_a_folder_and_pair_it(make_rtc, capsys):
    folder = make_rtc("20211119").parent
    make_rtc("20211201")
    call_command("ingest", str(folder))
    said = capsys.readouterr().out
    assert said.count("loaded as scene") == 2
    assert "1 new pairs of images" in said
    call_command("pairscenes")
    assert "0 new pairs, 1 in all" in capsys.readouterr().out


def test_an_empty_folder_is_named_and_the_others_are_loaded(make_rtc, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit) as ended:
        call_command("ingest", str(tmp_path / "empty"), str(make_rtc()))
    assert ended.value.code == 2
    assert "holds no file of a known format" in capsys.readouterr().err
    assert Scene.objects.count() == 1


def test_a_bad_image_among_good_ones_ends_with_2_and_one_line(make_rtc, capsys):
    good, bad = make_rtc("20211119"), make_rtc("20211201", power=np.full((4, 4), np.nan))
    with pytest.raises(SystemExit) as ended:
        call_command("ingest", str(bad), str(good))
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("no pixel has a value") == 1
    assert Scene.objects.count() == 1


def test_the_scheduled_task_pairs(make_rtc):
    from ingest.tasks import pair_new_scenes

    for date in ("20211119", "20211201"):
        scene_load(path=make_rtc(date))
    pair_new_scenes()
    assert ScenePair.objects.get().temporal_baseline_days == 12


@pytest.mark.realdata
def test_the_real_dates_make_the_expected_pairs(real_data):
    for path in sorted((real_data / "opera_rtc_10sgd").glob("*-292320-IW[12]_*_VV.tif")):
        scene_services.scene_load(path=path)
    assert Scene.objects.count() == 44
    pairs_make(baselines_days=[6, 12])
    counted = Counter(ScenePair.objects.values_list("reference__burst", "temporal_baseline_days"))
    assert counted == {(burst, days): n for burst in ("292320-IW1", "292320-IW2") for days, n in ((6, 5), (12, 17))}
    six = ScenePair.objects.filter(temporal_baseline_days=6, reference__burst="292320-IW2")
    starts = sorted(f"{pair.reference.acquired_at:%Y-%m-%d}" for pair in six)
    assert starts == ["2021-11-19", "2021-11-25", "2021-12-01", "2021-12-07", "2021-12-13"]
