"""Client libraries that others use read what we serve, over HTTP."""

import pytest
from owslib.ogcapi.features import Features
from pystac_client import Client
from pystac_client.stac_api_io import StacApiIO


@pytest.mark.django_db(transaction=True)
def test_owslib_and_pystac_client_read_the_catalogues(request, live_server, product, alert):
    features = Features(f"{live_server.url}/ogc/")
    assert features.feature_collections() == ["alerts", "points", "products", "glaciers"]
    described = features.api()
    assert described["openapi"] == "3.0.3"
    assert described["components"]["parameters"]["limit"]["schema"]["maximum"] == 1000  # QGIS looks there
    points = features.collection_items("points", bbox=[12, 37, 15, 40], limit=5)
    assert (points["numberReturned"], points["features"][0]["properties"]["product"]) == (5, product.pk)
    assert features.collection_item("alerts", alert.code)["properties"]["kind"] == "subsidence"

    reader = StacApiIO()
    request.addfinalizer(reader.session.close)  # a connection kept alive keeps one of the database open
    catalogue = Client.open(f"{live_server.url}/stac/", stac_io=reader)
    collections = {one.id: one for one in catalogue.get_collections()}
    assert set(collections) == {"velocity-fields", "radar-images", "predictions"}
    assert [one.id for one in catalogue.search(method="GET", bbox=[12, 37, 15, 40]).items()] == [str(product.pk)]
    (item,) = collections["velocity-fields"].get_items()
    assert item.properties["file_sha256"] == product.file_sha256
