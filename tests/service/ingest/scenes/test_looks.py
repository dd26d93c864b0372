"""The next look at a place, from images in the catalogue, loaded images, or else the dates of velocity fields."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.gis.geos import Point

from ground_motion.core.areas import box_of
from ingest.foundation.geos import geos
from ingest.models import Interferogram, Product
from ingest.scenes.looks import looks_at
from ingest.scenes.next_pass import CYCLE, PUBLISHED_WITHIN
from tests.makers.looks import HERE as AROUND
from tests.makers.looks import catalogued

pytestmark = pytest.mark.django_db

LAST = datetime(2026, 2, 19, 17, 5, 40, tzinfo=UTC)
NOW = LAST + timedelta(days=1)
HERE = Point(-12, 47, srid=4326)
DAYS = timedelta(days=1)


def test_a_place_says_when_it_is_seen_next_and_by_what_and_images_of_one_pass_are_one_look(django_assert_num_queries):
    catalogued(LAST)
    catalogued(LAST + timedelta(seconds=25), box=(-12.5, 46.9, -11.5, 48))
    with django_assert_num_queries(1):
        (look,) = looks_at(area=HERE, after=NOW)
    assert (look.track, look.direction, look.platform, look.has_time) == (37, "ascending", "S1A", True)
    assert abs(look.at - (LAST + CYCLE)) < timedelta(minutes=1)
    assert abs(look.last_at - LAST) < timedelta(minutes=1)
    assert look.is_likely
    assert looks_at(area=Point(70, -20, srid=4326), after=NOW) == []  # It is never imaged.


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (  # two tracks and two satellites, in the order of time
            [(6, "S1C", 37), (2.5, "S1A", 110), (8.5, "S1C", 110), (0, "S1A", 37)],
            [(110, "S1C"), (37, "S1C"), (110, "S1A"), (37, "S1A")],
        ),
        ([(84, "S1B", 37), (6, "S1A", 37)], [(37, "S1A")]),  # a satellite that ended
        ([(0, "S1A", 37), (0.02, "NISAR", 37)], [(37, "NISAR"), (37, "S1A")]),  # the same number, of another mission
    ],
)
def test_each_satellite_and_track_in_use_is_a_look(images, expected):
    for days_ago, platform, track in images:
        catalogued(LAST - days_ago * DAYS, platform=platform, track=track)
    looks = looks_at(area=HERE, after=NOW)
    assert [(look.track, look.platform) for look in looks] == expected
    assert all(NOW < look.at <= NOW + CYCLE for look in looks)


def test_a_pass_without_an_image_is_doubted_only_when_its_image_could_be_there():
    catalogued(LAST)
    missed = LAST + CYCLE
    (soon,), (later,) = (looks_at(area=HERE, after=missed + wait) for wait in (DAYS, PUBLISHED_WITHIN + DAYS))
    assert soon.is_likely
    assert not later.is_likely


def test_without_images_the_dates_of_velocity_fields_say_the_day(django_assert_num_queries):
    Product.objects.create(
        name="made",
        component="los",
        track=15,
        direction="descending",
        dates=[(LAST - number * CYCLE).date() for number in reversed(range(60))],
        n_points=1,
        footprint=geos(box_of(AROUND)),
    )
    with django_assert_num_queries(3):
        (look,) = looks_at(area=HERE, after=NOW)
    assert (look.track, look.at.date(), look.has_time) == (15, (LAST + CYCLE).date(), False)
    catalogued(LAST)
    assert [look.track for look in looks_at(area=HERE, after=NOW)] == [37]


def test_interferograms_of_a_living_series_say_the_day_too():
    day = LAST.date()
    for number in range(7):
        days = {"reference_day": day - (number + 1) * CYCLE, "secondary_day": day - number * CYCLE}
        Interferogram.objects.create(
            name="made",
            track=44,
            direction="ascending",
            wavelength_m=0.055,
            file_sha256=f"{number:064d}",
            footprint=geos(box_of(AROUND)),
            **days,
        )
    (look,) = looks_at(area=HERE, after=NOW)
    assert (look.track, look.at.date(), look.has_time) == (44, (LAST + CYCLE).date(), False)
