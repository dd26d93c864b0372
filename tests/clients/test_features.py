"""GDAL's driver for OGC API Features reads the collections, with filters and boxes."""

import pytest

pytestmark = pytest.mark.django_db(transaction=True)


def test_gdal_reads_and_filters_features(gdal, live_server, make_alert, product):
    sinking, rising = make_alert(), make_alert(longitude=5.0, kind="uplift", rate_mm_yr=9.0)
    address = f"{live_server.url}/ogc/"
    alerts = gdal("features", address, "alerts", "", None)
    assert alerts["layers"] == ["alerts", "points", "products", "glaciers", "stations"]
    assert set(alerts["values"]["code"]) == {sinking.code, rising.code}
    assert gdal("features", address, "alerts", "kind = 'uplift' AND rate_mm_yr > 0", None)["values"]["code"] == [
        rising.code
    ]
    by_component = gdal("features", address, "alerts", "component = 'up' AND kind <> 'uplift'", None)
    assert by_component["values"]["code"] == [sinking.code]
    assert gdal("features", address, "alerts", "", [4, 46, 6, 48])["values"]["code"] == [rising.code]
    assert gdal("features", address, "points", "", None)["n"] == product.n_points
