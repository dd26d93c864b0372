"""GDAL's driver for OGC API Features reads the collections, and lets the service filter by CQL2."""

import pytest

from monitor.open_data.standards import cql2

pytestmark = pytest.mark.django_db(transaction=True)


def test_gdal_reads_and_filters_features(gdal, live_server, make_alert, product, monkeypatch):
    filters, parse = [], cql2.parsed
    monkeypatch.setattr(cql2, "parsed", lambda text, language: filters.append(text) or parse(text, language))
    sinking, rising = make_alert(), make_alert(longitude=5.0, kind="uplift", rate_mm_yr=9.0)
    address = f"{live_server.url}/ogc/"
    alerts = gdal("features", address, "alerts", "", None)
    assert alerts["layers"] == ["alerts", "points", "products", "glaciers"]
    assert set(alerts["values"]["code"]) == {sinking.code, rising.code}
    assert gdal("features", address, "alerts", "kind = 'uplift' AND rate_mm_yr > 0", None)["values"]["code"] == [
        rising.code
    ]
    assert gdal("features", address, "alerts", "", [4, 46, 6, 48])["values"]["code"] == [rising.code]
    assert gdal("features", address, "points", "", None)["n"] == product.n_points
    assert filters  # the service filtered, not the client
