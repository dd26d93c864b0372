"""The names that come with the software: loaded once, provinces made of towns, and behind what others have loaded."""

import pytest
from django.contrib.gis.geos import Point
from django.core.management import CommandError, call_command

from ingest.context.regions import region_by_name, region_by_slug, regions_within
from ingest.context.services import context_load
from ingest.context.world import CITIES, world_load
from ingest.models import AdministrativeRegion, ContextLayer, Place
from tests.makers.world import make_world
from tests.service.ingest.context.conftest import square

pytestmark = pytest.mark.django_db


def test_the_package_has_the_list_of_towns():
    assert CITIES.stat().st_size > 50e6


def test_the_world_is_loaded_once_and_gives_way_to_what_an_operator_loads(
    tmp_path, monkeypatch, make_csv, make_geojson
):
    make_world(tmp_path / "cities1000.json", monkeypatch)
    assert world_load() == []
    assert Place.objects.filter(kind="volcano", name="Etna", country="IT").count() == 1
    # Provinces share the country: each holds its towns, and together they are the whole.
    italy = region_by_slug(slug="italy")
    campania, lazio = regions_within(region=italy)
    assert (campania.name, lazio.name, campania.country, italy.code) == ("Campania", "Lazio", "IT", "IT")
    assert (italy.is_approximate, campania.is_approximate) == (False, True)
    assert campania.outline.contains(Point(14.0952, 40.84394))
    assert not campania.outline.intersects(Point(12.51133, 41.89193))
    assert campania.outline.area + lazio.outline.area == pytest.approx(italy.outline.area, rel=0.01)
    assert region_by_name(text="Guyane").outline.extent[2] < -51  # not a part of a province in Europe
    # A region of an operator stands for the same one, and takes over its address and what a person set there.
    AdministrativeRegion.objects.filter(pk=italy.pk).update(contact_name="Protezione civile", contact_by_hand=True)
    own = {"name": "Italy", "featurecla": "Admin-0 country", "admin": "Italy"}
    middle = italy.outline.point_on_surface
    context_load(path=make_geojson((own, square(middle.x - 0.5, middle.y - 0.5))))
    taken = region_by_slug(slug="italy")
    assert (taken.layer.shipped, taken.contact_name) == (False, "Protezione civile")
    assert AdministrativeRegion.objects.filter(level=0, search_name__contains="italy").count() == 1
    rows = ("POZZUOLI,40.85,14.1,7", "Napoli,40.85,14.27,9")
    context_load(path=make_csv("name,latitude,longitude,population", *rows))
    for name, people in (("pozzuoli", 7), ("napoli", 9)):
        assert Place.objects.get(search_name__contains=name).population == people
    # Removing the layers brings back the rows that they replaced.
    call_command("loadcontext", remove=ContextLayer.objects.filter(shipped=False).first().name)
    assert Place.objects.get(search_name__contains="pozzuoli").population == 81231
    back = region_by_slug(slug="italy")
    assert (back.layer.shipped, back.outline.area) == (True, italy.outline.area)
    with pytest.raises(CommandError, match="--list names them"):
        call_command("loadcontext", remove="towns of the world")
