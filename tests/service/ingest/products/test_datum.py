"""Every rate is stated against ground that stands still, whatever the zero of its file: the same ground, one answer."""

import json
from copy import copy
from dataclasses import replace
from io import BytesIO

import mapbox_vector_tile
import numpy as np
import pytest
from django.db.models import Avg
from django.urls import reverse
from PIL import Image
from pyproj import Transformer

from detection.kinds import Extent
from detection.models import Alert
from ground_motion.core.areas import disc
from ground_motion.core.errors import AlreadyLoaded, InputError
from ground_motion.readers.records import Declaration, Submission
from ground_motion.statistics.datum import Source
from ingest.models import MeasurementPoint, Product, PyramidCell
from ingest.models.products import DERIVED
from ingest.products import datum
from ingest.products.datum import datum_settle, datums_due
from ingest.products.life import product_withdraw
from ingest.products.selectors import product_points
from ingest.products.services import fields_open, product_load, products_load
from ingest.stations.services import stations_load
from tests.makers.basemaps import tile_at
from tests.makers.stations import days_of, enu_mm, gnss_table
from tests.makers.watching import watch

pytestmark = pytest.mark.django_db
EAST_M, NORTH_M = 4_300_000, 3_000_000
STEPS_OF_LIFE = {"code", "url", "first_seen", "updated"}
WMS = {"SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetMap", "LAYERS": "velocity-vertical", "STYLES": ""}
WMS |= {"CRS": "CRS:84", "WIDTH": 64, "HEIGHT": 64, "FORMAT": "image/png", "TRANSPARENT": "TRUE"}
TO_DEGREES = Transformer.from_crs(3035, 4326, always_xy=True)
DAYS = days_of(20, 90)
YEARS = 90 * np.arange(20) / 365.25


def city(x, y):
    """A city that sinks by 5 mm/yr, with bowls of 40 to 78 in it."""
    bowls = ((9, 9, 40), (13, 16, 78), (19, 11, 47))
    return -5 - sum((peak - 5) * np.exp(-0.5 * ((x - a) ** 2 + (y - b) ** 2)) for a, b, peak in bowls)


def delta(x, y):
    """A delta that sinks by 10 mm/yr, with cores of 20 and 30."""
    return -10 - sum(
        peak * np.exp(-0.5 * ((x - a) ** 2 + (y - b) ** 2) / 2) for a, b, peak in ((9, 9, 10), (17, 15, 20))
    )


def load(folder, ground, zero=0.0, still="", half=1.0, **facts):
    """Load vertical motion of 28 km on cells of 400 m, which counts from a zero of its own."""
    y, x = np.mgrid[0:70, 0 : int(70 * half)] * 0.4 + 0.2 / half  # Fields of the same points would be versions of one.
    rate = (ground(x, y) + zero + np.random.default_rng(2).normal(0, 0.3, x.shape)).ravel()
    series = (rate[:, None] * YEARS).round(2)
    rows = np.column_stack([EAST_M + 1000 * x.ravel(), NORTH_M + 1000 * y.ravel(), rate.round(3), series])
    folder.mkdir(exist_ok=True)
    path, mapping = folder / f"field{zero:+g}{half:g}.csv", folder / "field.toml"
    head = ",".join(["easting", "northing", "velocity", *(f"{day:%Y%m%d}" for day in DAYS)])
    np.savetxt(path, rows, "%.3f", ",", header=head, comments="")
    stated = {"reference": "local", "positive": "up"} | facts
    lines = [f'{name} = "{value}"' for name, value in stated.items()]
    columns = [f'{name} = "{name}"' for name in ("easting", "northing", "velocity")]
    lines = ['unit = "mm/yr"', "epsg = 3035", 'dates = "%Y%m%d"', *lines, "[columns]", *columns]
    mapping.write_text("\n".join([*lines, ""]))
    return product_load(path=path, submission=Submission(declared=Declaration(mapping=mapping), still=still))


def stations(folder, ground, places=((9.0, 9.0), (24.0, 4.0))):
    """Write a file of stations at places, km."""
    rows = {
        f"S{at}": (enu_mm((0, 0, float(ground(*place))), 365, 5, at), position(*place))
        for at, place in enumerate(places)
    }
    folder.mkdir(exist_ok=True)
    return gnss_table(folder, rows)


def position(x, y):
    return TO_DEGREES.transform(EAST_M + 1000 * x, NORTH_M + 1000 * y)


def rates_of(product):
    return product_points(product=product).velocity_mm_yr


def colours(answer):
    """Return a picture's colours, (rows, cols, 4)."""
    return np.asarray(Image.open(BytesIO(answer.content)).convert("RGBA"), dtype=int)


def settle():
    for product in datums_due():
        datum_settle(product=product)


@pytest.mark.parametrize("ground", [city, delta])
@pytest.mark.parametrize("zero", [0.0, 10.0])
def test_stations_beside_a_field_give_ground_that_sinks_as_a_whole_its_motion(tmp_path, client, ground, zero):
    places = ((4.0, 22.0), (25.0, 3.0))
    before = load(tmp_path / "a", ground, zero)
    assert before.datum_source == Source.STILL  # As long as nothing is known from outside, the edge counts as still.
    page = client.get(reverse("product-detail", args=[before.pk])).content.decode()
    assert "nothing outside confirms it" in page
    stations_load(path=stations(tmp_path / "b", ground, places))
    settle()
    product = Product.objects.get()
    assert (product.datum_source, product.datum_n) == (Source.STATIONS, 2)
    assert product.datum_mm_yr == pytest.approx(zero, abs=1)
    assert product.datum_sigma_mm_yr <= 2
    rates = rates_of(product)
    assert rates.min() == pytest.approx(ground(*np.mgrid[0:28:0.2, 0:28:0.2]).min(), rel=0.15)
    cell = PyramidCell.objects.filter(product=product, z=9).aggregate(mean=Avg("velocity_mm_yr"))
    assert cell["mean"] == pytest.approx(float(rates.mean()), abs=1.5)
    page = client.get(reverse("product-detail", args=[product.pk])).content.decode()
    assert "2 GNSS stations" in page
    assert "nothing outside confirms it" not in page
    watch(method="model")
    region = Alert.objects.get(extent=Extent.REGION)
    assert region.rate_mm_yr == pytest.approx(ground(4.0, 22.0), abs=1.5)
    assert region.area_m2 > 500e6
    page = client.get(region.get_absolute_url()).content.decode()
    assert "The ground here sank by about" in page
    assert f"over {region.area_m2 / 1e6:.0f} km²" in page
    places = Alert.objects.filter(extent=Extent.LOCAL)
    assert f"{places.count()} places in it have alerts of their own; the fastest: sinking" in page
    for place in places:
        assert f'href="{place.get_absolute_url()}"' in page
        assert region.get_absolute_url() in client.get(place.get_absolute_url()).content.decode()


def test_a_field_that_is_given_again_with_another_zero_says_the_same_everywhere(tmp_path, client):
    still = disc(*position(25, 25), 1500).wkt
    rim = lambda x, y: np.where(np.hypot(x - 14, y - 14) < 11, city(x, y), 0)  # noqa: E731
    with pytest.raises(InputError, match="none of its points lies on the ground"):
        load(tmp_path / "elsewhere", rim, still=disc(*position(250, 25), 1500).wkt)
    assert not Product.every.exists()
    answers = []
    for number, zero in enumerate((0.0, 10.0)):
        product = load(tmp_path / str(number), rim, zero, still)
        assert product.datum_source == Source.DECLARED
        assert product.datum_sigma_mm_yr <= 2
        with pytest.raises(AlreadyLoaded, match="Nothing to do"):  # Its declarations are the same, whatever its zero.
            load(tmp_path / str(number), rim, zero, still)
        longitude, latitude = position(13, 16)
        place = {"lat": round(latitude, 4), "lon": round(longitude, 4)}
        watch()
        drawn = []
        for z in (9, 12):  # Tiles show means of cells, then points.
            tile = client.get("/tiles/points/vertical/{}/{}/{}.mvt".format(z, *tile_at(longitude, latitude, z)))
            features = mapbox_vector_tile.decode(tile.content)["points"]["features"]
            drawn.append({tuple(one["geometry"]["coordinates"]): one["properties"]["v"] for one in features})
        alerts = [one["properties"] for one in json.loads(client.get("/alerts.geojson").content)["features"]]
        picture = client.get("/ogc/wms", WMS | {"BBOX": f"{longitude - 0.2},{latitude - 0.1},{longitude},{latitude}"})
        here = client.get("/api/v1/here", place).json()
        point = MeasurementPoint.objects.filter(product=product).order_by("pid")[2000]
        series = client.get(reverse("point-series", args=[product.pk, point.pid])).json()
        answers.append((rates_of(product), here, series, product.datum_mm_yr, drawn, alerts, colours(picture)))
        product_withdraw(product=product, why="its zero was another one", by="operator")
    (first, house, chart, datum, drawn, alerts, painted), (again, house_again, chart_again, *others) = answers
    datum_again, drawn_again, alerts_again, painted_again = others
    assert datum_again - datum == 10
    assert np.abs(first - again).max() < 1e-3
    assert chart["displacement_mm"] == pytest.approx(chart_again["displacement_mm"], abs=0.2)
    assert chart["sentence"] == chart_again["sentence"]
    assert house["sentence"] == house_again["sentence"]
    assert house["how_sure"] == house_again["how_sure"]
    assert "declared to stand still" in house["how_sure"][-1]
    for tile, other in zip(drawn, drawn_again, strict=True):
        assert tile.keys() == other.keys()
        assert max(abs(value - other[at]) for at, value in tile.items()) <= 0.11  # They are rounded to a tenth.
    assert np.abs(painted - painted_again).max() <= 3
    assert len(alerts) == len(alerts_again) > 0
    for alert, other in zip(alerts, alerts_again, strict=True):
        for name in alert.keys() - STEPS_OF_LIFE:
            assert other[name] == (
                pytest.approx(alert[name], abs=0.05) if isinstance(alert[name], float) else alert[name]
            )


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "still"), [("campi_flegrei_licsbas", (14.21, 40.895)), ("kirishima_alos2", (130.92, 31.97))]
)
def test_a_real_field_with_another_zero_has_the_same_rates(real_data, name, still):
    path, submission = real_data / "velocity_real" / name, Submission(still=disc(*still, 1500).wkt)
    rates, sigmas = [], []
    for zero in (0, 10):
        (field,) = fields_open(path=path, submission=submission)

        def shifted(read=field.batches, zero=zero):
            return (replace(batch, velocity_mm_yr=batch.velocity_mm_yr + np.float32(zero)) for batch in read())

        (product,) = products_load(path=path, submission=submission, fields=(replace(field, batches=shifted),))
        assert (product.datum_source, product.datum_sigma_mm_yr <= 2) == (Source.DECLARED, True)
        rates.append(rates_of(product))
        sigmas.append(product.datum_sigma_mm_yr)
        product_withdraw(product=product, why="its zero was another one", by="operator")
    assert np.abs(rates[1] - rates[0]).max() <= 2 * sigmas[0]


@pytest.mark.parametrize("order", [("gnss", "local"), ("local", "gnss")])
def test_a_field_beside_takes_the_datum_of_one_that_has_one_in_whatever_order_they_come(tmp_path, order, monkeypatch):
    for reference in order:
        zero, half = (6.0, 1.0) if reference == "local" else (0.0, 0.5)
        load(tmp_path / reference, lambda x, y: 0 * x, zero, half=half, reference=reference)
    calibrated, own = Product.objects.order_by("reference")
    made = copy(own)
    made.pk, made.level, made.file_sha256, made.datum_at = None, DERIVED, "made of it", None
    made.save()
    made.derived_from.add(own)
    settle()
    settle()  # What is made of a field follows it.
    for product in (own, made):
        product.refresh_from_db()
    assert (calibrated.datum_mm_yr, calibrated.datum_source) == (0.0, Source.CALIBRATED)
    assert (own.datum_mm_yr, own.datum_source) == (6.0, Source.OVERLAP)
    assert (made.datum_mm_yr, made.datum_source) == (0.0, Source.OVERLAP)
    assert not datums_due().exists()
    product_withdraw(product=calibrated, why="its track was wrong", by="operator")
    settle()
    settle()
    for product in (own, made):
        product.refresh_from_db()
    assert (own.datum_mm_yr, own.datum_source) == (6.0, Source.STILL)
    assert (made.datum_mm_yr, made.datum_source) == (0.0, Source.STILL)
    solve = datum._solve

    def overtaken(product):
        Product.objects.filter(pk=product.pk).update(datum_at=None)  # Another process found better ground next to it.
        return solve(product)._replace(mm_yr=1.0)

    monkeypatch.setattr(datum, "_solve", overtaken)
    before = rates_of(own)
    assert not datum_settle(product=own)
    assert (own.datum_mm_yr, own.datum_at) == (6.0, None)
    np.testing.assert_array_equal(rates_of(own), before)
