"""Scenes are loaded whole, once, and paired by track, burst, polarisation and days; Sentinel-1 products as scenes."""

import re
from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations

import numpy as np
import pytest
import rasterio
from affine import Affine
from django.core.management import CommandError, call_command
from pyproj import Transformer

from ground_motion.core.errors import AlreadyLoaded, InputError
from ingest import tasks
from ingest.models import Scene, ScenePair
from ingest.scenes import pairs
from ingest.scenes.images import read_pair, read_scene
from ingest.scenes.pairs import pairs_make
from ingest.scenes.services import scene_refuse, scenes_load
from tests.makers import simulated_safe as made_safe

pytestmark = pytest.mark.django_db

RTC_GRID = Affine(30, 0, 240_000, 0, -30, 3_810_000)  # of make_rtc


def test_a_scene_is_stored_once_as_it_was_and_where_it_was(make_rtc):
    power = np.linspace(0.01, 1, 40 * 48).reshape(40, 48).astype(np.float32)
    path = make_rtc(power=power)
    (scene,) = scenes_load(path=path)
    np.testing.assert_array_equal(read_scene(scene), power)
    west, south, east, north = scene.footprint.extent
    assert -120 < west < east < -119
    assert 34 < south < north < 35
    assert "track 137 ascending" in scene.name
    with pytest.raises(AlreadyLoaded, match="already loaded as scene") as fault:
        scenes_load(path=path)
    assert scene_refuse(path=path, fault=fault.value) is None
    with pytest.raises(InputError, match="same image is already loaded"):
        scenes_load(path=make_rtc(made="20260101T000000"))
    assert Scene.objects.get().state == "ready"


def test_a_fault_leaves_neither_row_nor_raster(make_rtc, monkeypatch, own_rasters):
    def fail(self, *args, **options):
        assert self.raster.storage.exists(self.raster.name)
        raise OSError("disk full")

    monkeypatch.setattr(Scene, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        scenes_load(path=make_rtc())
    assert not Scene.objects.exists()
    assert own_rasters.exists()
    assert list(own_rasters.glob("*")) == []


def test_pairs_are_of_one_track_burst_polarisation_and_so_many_days(make_rtc):
    for day in ("20211119", "20211125", "20211201", "20211225"):
        scenes_load(path=make_rtc(day))
    scenes_load(path=make_rtc("20211201", burst="292322-IW2"))
    scenes_load(path=make_rtc("20211207", layer="VH"))
    assert pairs_make(baselines_days=[6, 12]) == 3
    pairs = {
        (f"{p.reference.acquired_at:%m%d}", f"{p.secondary.acquired_at:%m%d}", p.temporal_baseline_days)
        for p in ScenePair.objects.all()
    }
    assert pairs == {("1119", "1125", 6), ("1125", "1201", 6), ("1119", "1201", 12)}
    assert pairs_make(baselines_days=[6, 12]) == 0
    assert pairs_make(baselines_days=[24]) == 1


def test_images_of_other_ground_or_simulated_or_too_far_in_time_are_no_pair_and_say_so(make_rtc):
    scenes_load(path=make_rtc("20211119"))
    scenes_load(path=make_rtc("20211125", transform=Affine(30, 0, 340_030, 0, -30, 3_810_000)))
    scenes_load(path=make_rtc("20211201", tags={"SIMULATED": "yes"}))
    scenes_load(path=make_rtc("20211225"))
    assert pairs_make(baselines_days=[6, 12]) == 0
    first, elsewhere, simulated, late = Scene.objects.order_by("acquired_at").values_list("reason", flat=True)
    assert first == late == "In no pair: the nearest image of this ground is 36 days apart (pairs: 6, 12 days)."
    assert "none of the 2 other images of its track shows enough of the same ground, laid alike" in elsewhere
    assert "the only image of its track" in simulated
    scenes_load(path=make_rtc("20211213"))
    assert pairs_make(baselines_days=[6, 12]) == 1
    assert [bool(scene.reason) for scene in Scene.objects.order_by("acquired_at")] == [True, True, True, False, False]


@pytest.mark.parametrize(("east_m", "resampled"), [(90.0, False), (100.0, True)])
def test_a_pair_lies_on_the_ground_that_both_show_and_is_resampled_once_at_most(make_rtc, east_m, resampled):
    """A straight slope of amplitude, so that a cubic kernel must give the very values of the common grid."""
    x = np.arange(48)[None, :] + np.zeros((40, 1))
    scenes_load(path=make_rtc("20211119", power=((10 + x) ** 2 / 1e4).astype(np.float32)))
    moved = Affine(30, 0, RTC_GRID.c + east_m, 0, -30, RTC_GRID.f - 60)
    scenes_load(
        path=make_rtc("20211201", power=((10 + x + east_m / 30) ** 2 / 1e4).astype(np.float32), transform=moved)
    )
    assert pairs_make(baselines_days=[12]) == 1
    pair = ScenePair.objects.get()
    first_col = int(np.ceil(east_m / 30))
    assert (pair.rows, pair.cols, pair.resampled) == (38, 48 - first_col, resampled)
    assert pair.pixel_grid.transform == RTC_GRID @ Affine.translation(first_col, 2)
    images = read_pair(pair)
    np.testing.assert_allclose(images.reference, (10 + x[2:, first_col:]) ** 2 / 1e4, rtol=1e-6)
    known = images.secondary[4:-4, 4:-4]
    np.testing.assert_allclose(known, images.reference[4:-4, 4:-4], rtol=1e-6 if not resampled else 1e-3)
    west, south, east, north = pair.footprint.extent
    assert all(low < high for low, high in ((west, east), (south, north)))


def test_a_part_of_a_pair_is_read_without_the_rest(make_rtc):
    power = np.random.default_rng(1).gamma(4, 0.02, (40, 48)).astype(np.float32)
    scenes_load(path=make_rtc("20211119", power=power))
    scenes_load(path=make_rtc("20211201", power=power[::-1]))
    pairs_make(baselines_days=[12])
    pair = ScenePair.objects.get()
    images = read_pair(pair, pair.pixel_grid.part(10, 20, 8, 6))
    np.testing.assert_array_equal(images.reference, power[10:18, 20:26])
    np.testing.assert_array_equal(images.secondary, power[::-1][10:18, 20:26])


def test_an_image_that_cannot_be_used_leaves_a_row_that_says_why_until_it_is_usable(make_rtc, make_egms):
    path = make_rtc("20211119", power=np.full((40, 48), np.nan, dtype=np.float32))
    for _ in range(2):
        with pytest.raises(InputError, match="no pixel has a value") as fault:
            scenes_load(path=path)
        scene_refuse(path=path, fault=fault.value)
    row = Scene.objects.get()
    assert (row.state, row.track, row.polarisation, row.platform) == ("refused", 137, "VV", "S1A")
    assert "no pixel has a value" in row.reason
    assert not row.raster
    assert pairs_make(baselines_days=[12]) == 0
    row.delete()
    path, other = make_rtc(), make_egms()
    assert scene_refuse(path=other, fault=InputError(other, "it is cut off", "Download it again")) is None
    assert scene_refuse(path=path, fault=InputError(path, "the disk was full", "Try again")) is not None
    scenes_load(path=path)
    assert Scene.objects.get().state == "ready"


@pytest.mark.parametrize("content", [b"", b"II*\x00 and no more"])
def test_an_empty_or_broken_file_with_the_name_of_an_image_says_why_in_its_row_and_holds_up_no_good_one(
    make_rtc, tmp_path, content, capsys
):
    path, good, unknown = make_rtc(), make_rtc("20211213"), make_rtc("20211201", power=np.full((4, 4), np.nan))
    path.write_bytes(content)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit) as ended:
        call_command("ingest", *map(str, (tmp_path / "empty", path, unknown, good)))
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.count("no pixel has a value") == 1
    assert error.count("holds no file of a known format") == 1
    row = Scene.objects.get(file_name=path.name)
    assert (row.state, row.source_format, row.track, row.platform) == ("refused", "opera-rtc", 137, "S1A")
    assert row.reason
    assert sorted(Scene.objects.values_list("state", flat=True)) == ["ready", "refused", "refused"]


def test_a_round_reads_nothing_where_nothing_is_new_and_pairs_new_images_alone(
    make_rtc, django_assert_num_queries, monkeypatch
):
    for day in ("20211119", "20211201", "20211213"):
        scenes_load(path=make_rtc(day))
    assert pairs_make(baselines_days=[12], new_only=True) == 2
    with django_assert_num_queries(1):
        assert pairs_make(baselines_days=[12, 24], new_only=True) == 0
    made, make = [], pairs._make
    monkeypatch.setattr(pairs, "_make", lambda rows: made.extend(rows) or make(rows))
    (scene,) = scenes_load(path=make_rtc("20211225"))
    assert pairs_make(baselines_days=[12, 24], new_only=True) == 2
    assert {row[1] for row in made} == {scene.pk}  # the older two of 24 days are left to manage.py pairscenes
    assert pairs_make(baselines_days=[12, 24]) == 1
    ScenePair.objects.all().delete()
    Scene.objects.update(paired_at=None)
    tasks.pair_new_scenes()
    assert ScenePair.objects.exists()


def test_the_commands_load_a_folder_pair_it_and_write_pairs_as_files_that_the_methods_take(make_rtc, tmp_path, capsys):
    folder = make_rtc("20211119").parent
    make_rtc("20211201", transform=Affine(30, 0, RTC_GRID.c + 100, 0, -30, RTC_GRID.f))
    call_command("ingest", str(folder))
    output = capsys.readouterr().out
    assert output.count("loaded as scene") == 2
    assert "1 new pairs of images" in output
    out = tmp_path / "out"
    out.mkdir()
    call_command("pairscenes", "--out", str(out))
    assert "0 new pairs, 1 in all" in capsys.readouterr().out
    pair = ScenePair.objects.get()
    for name, power in read_pair(pair)._asdict().items():
        with rasterio.open(out / f"pair-{pair.pk}" / f"{name}.tif") as raster:
            assert (raster.shape, raster.transform) == ((40, 44), pair.pixel_grid.transform)
            assert raster.tags()["temporal_baseline_days"] == "12"
            np.testing.assert_array_equal(raster.read(1), power)
    for arguments, message in (((out, "--pair", "0"), "there is no pair 0"), ((tmp_path / "no",), "make it first")):
        with pytest.raises(CommandError, match=message):
            call_command("pairscenes", "--out", *map(str, arguments))


REAL_DAYS = """
    20211119 20211125 20211201 20211207 20211213 20211219 20221102 20221114 20221126 20221208 20221220 20230101
    20231004 20231016 20231028 20231109 20231121 20231203 20231215 20231227 20241221 20250102
"""


@pytest.mark.realdata
def test_the_real_chips_pair_at_six_twelve_and_twenty_four_days(real_data):
    """A burst, VV and VH; a chip keeps its own grid and is never resampled."""
    for path in sorted((real_data / "opera_rtc_10sgd").glob("*292320-IW2_*_V[VH].tif")):
        scenes_load(path=path)
    assert Scene.objects.count() == 22 * 2
    assert pairs_make(baselines_days=[6, 12, 24]) == (5 + 17 + 12) * 2
    days = [date.fromisoformat(day) for day in REAL_DAYS.split()]
    expected = {two for two in combinations(days, 2) if (two[1] - two[0]).days in (6, 12, 24)}
    pairs = ScenePair.objects.select_related("reference", "secondary")
    for polarisation in ("VV", "VH"):
        found = pairs.filter(reference__polarisation=polarisation)
        assert {(pair.reference.day, pair.secondary.day) for pair in found} == expected
        for pair in found:
            assert pair.temporal_baseline_days == (pair.secondary.day - pair.reference.day).days
            assert pair.secondary.polarisation == polarisation
            assert (pair.rows, pair.cols, pair.resampled) == (100, 100, False)
    assert not Scene.objects.exclude(reason="").exists()


def narrow_parts(area, width: float = 0.1) -> list[str]:
    """Return the sides of 180 degrees on which the parts of an area lie, each at its edge and narrow."""
    sides = []
    for west, _, east, _ in (part.extent for part in area):
        assert 0 < east - west < width
        sides.append("west" if east == 180 else "east" if west == -180 else "away")
    return sorted(sides)


@pytest.mark.parametrize("epsg", [32760, 32701])
def test_an_image_across_180_has_a_part_on_each_side_and_pairs_with_the_next(make_rtc, epsg):
    x, y = Transformer.from_crs(4326, epsg, always_xy=True).transform(180.0, -16.8)
    grid = Affine(30, 0, round(x / 30) * 30 - 720, 0, -30, round(y / 30) * 30 + 600)
    for day in ("20240101", "20240113"):
        scenes_load(path=make_rtc(day, crs=f"EPSG:{epsg}", transform=grid))
    for scene in Scene.objects.all():
        assert narrow_parts(scene.footprint) == ["east", "west"]
    assert pairs_make(baselines_days=[12]) == 1
    pair = ScenePair.objects.get()
    assert narrow_parts(pair.footprint) == ["east", "west"]
    assert (pair.rows, pair.cols) == (40, 48)


def test_a_sentinel1_product_becomes_a_scene_per_polarisation_and_its_next_pass_lies_alike(tmp_path):
    """The second pass meets other heights at its grid's points, and takes those of the first."""
    for days, height_m in ((0, 300.0), (12, 700.0)):
        recipe = made_safe.Recipe(
            height_m=height_m,
            start=made_safe.FIRST_LINE + timedelta(days=days),
            absolute_orbit=36201 + 175 * days // 12,
        )
        scenes = scenes_load(path=made_safe.make(tmp_path / str(days), recipe, packed=bool(days)))
        assert [(scene.polarisation, scene.track, scene.backscatter) for scene in scenes] == [
            ("VV", 79, "sigma0"),
            ("VH", 79, "sigma0"),
        ]
        assert {scene.looks for scene in scenes} == {4.4}  # of GRDH, by its specification
    assert pairs_make(baselines_days=[12]) == 2
    for pair in ScenePair.objects.select_related("reference", "secondary"):
        assert not pair.resampled
        assert pair.reference.ground == pair.secondary.ground != ""
        assert (pair.rows, pair.cols) == (pair.reference.rows, pair.reference.cols)


@pytest.mark.parametrize("longitude", [179.995, -179.995])
def test_a_sentinel1_product_across_180_is_placed_whole(tmp_path, longitude):
    """The geolocation grid has longitudes on both sides; the map of the middle holds the whole image."""
    beside = made_safe.Flight(longitude=0.0, latitude=-17.0)
    seen = float(beside.place(beside.lines / 2, beside.pixels / 2)[0])  # the image lies some kilometres from there
    flight = replace(beside, longitude=longitude - seen)
    path = made_safe.make(tmp_path, made_safe.Recipe(flight=flight, polarisations=("VV",)))
    (scene,) = scenes_load(path=path)
    assert scene.epsg in (32760, 32701)
    assert max(scene.rows, scene.cols) < 500
    assert narrow_parts(scene.footprint) == ["east", "west"]
    assert np.isfinite(read_scene(scene)).mean() > 0.5


BAD_SCENES = {
    "the measurement for VV is missing": {"leave_out": ("measurement",)},
    "the image of VV is empty": {"digital": {"VV": np.zeros((200, 240), np.uint16)}, "polarisations": ("VV",)},
    "this is an SLC": {"kind": "SLC"},
}


@pytest.mark.parametrize("reason", BAD_SCENES)
def test_a_bad_sentinel1_product_says_why_in_its_row(tmp_path, capsys, reason):
    path = made_safe.make(tmp_path, made_safe.Recipe(**BAD_SCENES[reason]))
    with pytest.raises(SystemExit):
        call_command("ingest", str(path))
    row = Scene.objects.get()
    assert row.state == "refused"
    assert re.search(reason, row.reason), row.reason
    assert (row.platform, row.mode, row.acquired_at.year) == ("S1A", "IW", 2024)


def test_a_folder_of_products_loads_each_and_one_corrected_for_terrain_is_no_pair_of_one_that_is_not(tmp_path, capsys):
    for days in (0, 12):
        start = made_safe.FIRST_LINE + timedelta(days=days)
        made_safe.make(tmp_path, made_safe.Recipe(start=start, polarisations=("VV",)), packed=bool(days))
    call_command("ingest", str(tmp_path))
    assert capsys.readouterr().out.count("loaded as scene") == 2
    ScenePair.objects.get().delete()
    first, second = Scene.objects.order_by("acquired_at")
    second.header |= {"geolocation": "terrain"}
    second.save(update_fields=["header"])
    assert pairs_make(baselines_days=[12]) == 0
    assert "laid alike" in Scene.objects.get(pk=first.pk).reason
