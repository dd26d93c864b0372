"""What regions are called in addresses."""

import pytest

from ingest.context.regions import Named, region_by_name, region_by_slug, regions_around, regions_within, slugs
from ingest.context.services import context_load
from ingest.readers.context.records import ContextKind
from tests.ingest.context.conftest import square


def test_a_name_that_is_taken_gets_its_country_then_its_code_then_a_number():
    given = slugs(
        [
            Named("Saint-Étienne", "France", ""),
            Named("Georgia", "Georgia", "GE"),
            Named("Georgia", "United States", "US-GA"),
            Named("Georgia", "United States", "US-XX"),
            Named("Georgia", "United States", "US-XX"),
            Named("🏔", "", ""),
        ],
        taken=["saint-etienne"],
    )
    assert given == [
        "saint-etienne-france",
        "georgia",
        "georgia-united-states",
        "georgia-us-xx",
        "georgia-2",
        "region",
    ]


@pytest.mark.django_db
def test_a_newer_edition_of_a_file_keeps_the_addresses(make_geojson):
    features = [
        ({"name": "Atlantis", "level": 0}, square(0, 0, 4)),
        ({"name": "North Shore", "country": "Atlantis", "code": "AT-N", "level": 1}, square(1, 1)),
        ({"name": "North Shore", "country": "Atlantis", "code": "AT-X", "level": 2}, square(9, 9)),
    ]
    for edition in (features, [*features[::-1], ({"name": "New"}, square(20, 20))]):
        context_load(path=make_geojson(*edition), kind=ContextKind.REGIONS, replace=True)
        shore = region_by_slug(slug="north-shore")
        assert (shore.code, shore.level) == ("AT-N", 1)
        assert region_by_slug(slug="north-shore-atlantis").code == "AT-X"
        assert region_by_name(text=" NORTH shore") == shore
        assert [one.name for one in regions_around(region=shore)] == ["Atlantis"]
        assert regions_within(region=region_by_slug(slug="atlantis")) == [shore]
    assert region_by_slug(slug="nowhere\0") is None
