"""pystac-client searches the STAC catalogue by geometry, order and filter, page after page."""

from collections.abc import Iterator

import pytest
from pystac_client import Client
from pystac_client.stac_api_io import StacApiIO

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def catalogue(live_server) -> Iterator[Client]:
    reader = StacApiIO()
    yield Client.open(f"{live_server.url}/stac/", stac_io=reader)
    reader.session.close()  # a connection kept alive keeps one of the database open


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_pystac_client_searches_by_geometry_order_filter_and_fields(catalogue, pair_predictions, product, method):
    around = {"type": "Polygon", "coordinates": [[[-13, 46], [-11, 46], [-11, 48], [-13, 48], [-13, 46]]]}
    search = catalogue.search(
        method=method, collections=["predictions"], intersects=around, limit=2, sortby="-datetime"
    )
    found = list(search.items())
    assert search.matched() == len(found) == len(pair_predictions)
    ends = [one.properties["end_datetime"] for one in found]
    assert ends == sorted(ends, reverse=True)
    assert len({one.id for one in found}) == len(found)
    offsets = catalogue.search(
        method=method, collections=["predictions"], filter="task = 'offsets' AND simulated = true"
    )
    assert {one.properties["task"] for one in offsets.items()} == {"offsets"}
    nowhere = {"type": "Point", "coordinates": [100, 0]}
    assert catalogue.search(method=method, intersects=nowhere).matched() == 0
    fields = {"include": ["properties.created"], "exclude": ["assets"]}
    page = next(iter(catalogue.search(method=method, collections=["velocity-fields"], fields=fields).pages_as_dicts()))
    (one,) = page["features"]
    assert "assets" not in one
    assert set(one["properties"]) == {"created", "datetime", "start_datetime", "end_datetime"}


def test_pystac_client_finds_the_queryables_and_filters_in_json(catalogue, pair_predictions):
    names = catalogue.get_queryables()["properties"]
    assert {"datetime", "simulated", "geometry"} <= set(names)
    assert "task" in catalogue.get_collection("predictions").get_queryables()["properties"]
    tree = {"op": "in", "args": [{"property": "task"}, ["coherence", "offsets"]]}
    found = catalogue.search(collections=["predictions"], filter=tree, filter_lang="cql2-json")
    assert {one.properties["task"] for one in found.items()} == {"coherence", "offsets"}
