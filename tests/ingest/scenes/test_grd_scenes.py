"""Sentinel-1 products as scenes: one per polarisation, passes that lie alike, a reason for each that is unusable."""

import re
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from django.core.management import call_command

from ingest.models import Scene, ScenePair
from ingest.scenes.images import read_scene
from ingest.scenes.pairs import pairs_make
from ingest.scenes.services import scenes_load
from tests.makers import simulated_safe as made_safe

pytestmark = pytest.mark.django_db


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


@pytest.mark.parametrize("longitude", [180.0, 179.995, -179.995])
def test_a_sentinel1_product_across_180_is_placed_whole(tmp_path, longitude):
    """The geolocation grid has longitudes on both sides; the map of the middle holds the whole image."""
    beside = made_safe.Flight(longitude=0.0, latitude=-17.0)
    seen = float(beside.place(beside.lines / 2, beside.pixels / 2)[0])  # the image lies some kilometres from there
    flight = replace(beside, longitude=longitude - seen)
    path = made_safe.make(tmp_path, made_safe.Recipe(flight=flight, polarisations=("VV",)))
    (scene,) = scenes_load(path=path)
    assert scene.epsg in (32760, 32701)
    assert max(scene.rows, scene.cols) < 500
    west, east = sorted(scene.footprint, key=lambda part: -part.extent[0])
    assert west.extent[2] == 180
    assert east.extent[0] == -180
    assert max(180 - west.extent[0], east.extent[2] + 180) < 0.1
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


def test_a_folder_of_products_loads_each_of_them(tmp_path, capsys):
    for day in (0, 12):
        start = made_safe.FIRST_LINE + timedelta(days=day)
        made_safe.make(tmp_path, made_safe.Recipe(start=start, polarisations=("VV",)), packed=bool(day))
    call_command("ingest", str(tmp_path))
    assert capsys.readouterr().out.count("loaded as scene") == 2
    assert ScenePair.objects.count() == 1


def test_an_image_corrected_for_terrain_is_no_pair_of_one_that_is_not(tmp_path):
    for days in (0, 12):
        start = made_safe.FIRST_LINE + timedelta(days=days)
        scenes_load(path=made_safe.make(tmp_path / str(days), made_safe.Recipe(start=start, polarisations=("VV",))))
    first, second = Scene.objects.order_by("acquired_at")
    second.header |= {"geolocation": "terrain"}
    second.save(update_fields=["header"])
    assert pairs_make(baselines_days=[12]) == 0
    assert "laid alike" in Scene.objects.get(pk=first.pk).reason
