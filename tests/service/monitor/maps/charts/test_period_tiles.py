"""Tiles of a period: the rates on the map are those that a chart of the same points fits to it."""

from datetime import date

import mapbox_vector_tile
import numpy as np
import pytest

from ground_motion.statistics.series import fit_rates, fit_series
from ingest.models import MeasurementPoint
from ingest.products.services import product_load
from lab.speed.simulated import load_towns
from monitor.maps.charts.frames import MAX_FITTED
from tests.makers.basemaps import tile_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def product(make_egms):
    """Points that stood still until the end of 2020 and sink by 20 mm a year from then on."""

    def bent(table):
        for i in range(12):
            for day in [name for name in table if name.isdigit()]:
                years = int(day[:4]) + (int(day[4:6]) - 1) / 12 + (int(day[6:]) - 1) / 365.25
                table[day][i] = round(-20.0 * max(0.0, years - 2021), 1)

    return product_load(path=make_egms(change=bent))


def tile_of(product, z: int = 14) -> str:
    at = MeasurementPoint.objects.filter(product=product).order_by("pid")[0].position
    x, y = tile_at(at.x, at.y, z)
    return f"/tiles/periods/los/{z}/{x}/{y}.mvt"


def layers(content: bytes) -> dict[str, list[dict]]:
    decoded = mapbox_vector_tile.decode(content)
    return {name: [one["properties"] for one in layer["features"]] for name, layer in decoded.items()}


def test_the_map_has_the_rate_of_the_chart_in_the_same_period(client, product):
    for asked in ("until=2021-02-01", "from=2020-06-01&until=2021-09-30", "from=2020-12-31"):
        drawn = {one["pid"]: one["v"] for one in layers(client.get(f"{tile_of(product)}?{asked}").content)["points"]}
        chart = client.get(f"/charts/series.json?point={product.pk}/pt00000003&{asked}").json()["traces"][0]
        assert chart["fitted"]
        assert drawn["pt00000003"] == pytest.approx(chart["rate_mm_yr"], abs=0.11)
        assert len(drawn) >= 12
    assert drawn["pt00000003"] == pytest.approx(-20, abs=0.5)
    # Where the dates do not suffice, points are left out and counted.
    found = layers(client.get(f"{tile_of(product)}?from=2021-06-01&until=2021-06-08").content)
    assert "points" not in found
    assert found["unfitted"][0]["n"] >= 12


def test_a_tile_is_kept_under_its_period_and_further_out_has_the_rates_that_are_stated(client, product):
    far = tile_of(product, 11)
    stated = client.get(far.replace("periods", "points")).content
    assert client.get(f"{far}?from=2021-01-15").content == stated
    address = tile_of(product)
    first = client.get(f"{address}?from=2021-01-15")
    assert client.get(f"{address}?from=2021-01-15", HTTP_IF_NONE_MATCH=first["ETag"]).status_code == 304
    assert client.get(f"{address}?from=2021-01-16")["ETag"] != first["ETag"]
    for asked in ("", "from=yesterday", "from=2021-02-01&until=2021-01-01"):
        assert client.get(f"{address}?{asked}").status_code == 400
    assert client.get(address.replace("los", "nothing") + "?from=2021-01-15").status_code == 404


def test_a_dense_tile_is_an_even_sample_that_says_so(client):
    product = load_towns(points=24_000, n_dates=40)
    dense = layers(client.get(f"{tile_of(product, 12)}?from=2019-03-01").content)
    assert 0 < len(dense["points"]) <= 2 * MAX_FITTED
    assert "unfitted" not in dense


def test_rates_of_many_series_are_those_of_each_also_where_dates_are_missing():
    rng = np.random.default_rng(3)
    dates = [date.fromordinal(737000 + 12 * n) for n in range(80)]
    series = rng.normal(0, 3, (30, 80)).cumsum(axis=1)
    for gaps in (0.0, 0.3):
        series[rng.uniform(size=series.shape) < gaps] = np.nan
        expected = [fit_series(dates, one).rate_mm_yr for one in series]
        np.testing.assert_allclose(fit_rates(dates, series), expected, rtol=1e-6)
    series[0, 3:] = np.nan
    assert np.isnan(fit_rates(dates, series)[0])
    assert np.isnan(fit_rates([], np.empty((2, 0)))).all()
