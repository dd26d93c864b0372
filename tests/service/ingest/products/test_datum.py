"""Every rate is stated against ground that stands still, whatever the zero of its file: the same ground, one answer."""

import json
import re
from contextlib import suppress
from copy import copy
from dataclasses import replace
from io import BytesIO

import mapbox_vector_tile
import numpy as np
import pytest
from django.contrib.gis.geos import Point
from django.core.cache import cache
from django.db import transaction
from django.db.models import Avg
from django.urls import reverse
from PIL import Image
from pyproj import Transformer

from detection.kinds import Extent
from detection.models import Alert
from detection.rules.motion import stated
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
from monitor.web.guards import OPERATORS
from monitor.wording.figures import round_figure
from tests.makers.basemaps import tile_at
from tests.makers.people import account, signed_in
from tests.makers.regions import make_region
from tests.makers.stations import days_of, enu_mm, gnss_table
from tests.makers.told import plain
from tests.makers.watching import watch

pytestmark = pytest.mark.django_db
EAST_M, NORTH_M = 4_300_000, 3_000_000
WMS = {"SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetMap", "STYLES": ""}
WMS |= {"CRS": "CRS:84", "WIDTH": 64, "HEIGHT": 64, "FORMAT": "image/png", "TRANSPARENT": "TRUE"}
TO_DEGREES = Transformer.from_crs(3035, 4326, always_xy=True)
DAYS = days_of(20, 90)
YEARS = 90 * np.arange(20) / 365.25
NUMBERS = re.compile(r"[-−]?\d+(?:,\d{3})*(?:\.\d+)?")
# Parts that differ between two loads of the same field, and the file's own zero, which its page and the API name.
OF_THE_LOAD = re.compile(
    r"\s*In the file, still ground has a .*? is subtracted\.|\"(?:mm_yr|id)\": [-.\d]+|/(?:products|points)/\d+"
    r"|[0-9a-f]{64}|urn:uuid:\S+|\d{4}-\d\d-\d\dT\S+|\d\d:\d\d|--repeat \d+"
)


class TakenBack(Exception):
    """Undo a load, so that the same file can be loaded again."""


def city(x, y):
    """A city that sinks by 5 mm/yr, with bowls of 40 to 78 in it."""
    bowls = ((9, 9, 40), (13, 16, 78), (19, 11, 47))
    return -5 - sum((peak - 5) * np.exp(-0.5 * ((x - a) ** 2 + (y - b) ** 2)) for a, b, peak in bowls)


def delta(x, y):
    """A delta that sinks by 10 mm/yr, with cores of 20 and 30."""
    return -10 - sum(
        peak * np.exp(-0.5 * ((x - a) ** 2 + (y - b) ** 2) / 2) for a, b, peak in ((9, 9, 10), (17, 15, 20))
    )


def load(folder, ground, zero=0.0, half=1.0, **facts):
    """Load vertical motion of 28 km on cells of 400 m, which counts from a zero of its own."""
    path, declared = written(folder, ground, zero, half, **facts)
    return product_load(path=path, submission=Submission(declared=declared))


def written(folder, ground, zero=0.0, half=1.0, **facts):
    """Write a velocity field over this ground; return its file and its declaration."""
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
    return path, Declaration(mapping=mapping)


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


def settle():
    for product in datums_due():
        datum_settle(product=product)


@pytest.mark.parametrize(("ground", "cores"), [(city, ((9, 9), (13, 16), (19, 11))), (delta, ((9, 9), (17, 15)))])
def test_stations_beside_a_field_give_ground_that_sinks_as_a_whole_its_motion(tmp_path, client, ground, cores):
    zero, places = 10.0, ((4.0, 22.0), (25.0, 3.0))
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
    for core in cores:
        place = places.get(area__contains=Point(*position(*core), srid=4326))
        figures = stated(place)
        fastest = figures.fastest or figures.whole
        assert fastest.value == pytest.approx(ground(*core), rel=0.15)
        said = plain(read(client, place.get_absolute_url()))
        assert re.search(rf"sank by about {round_figure(fastest.value)} mm a year", said)
        assert not figures.at_rest
    assert f"{places.count()} places in it have alerts of their own; the fastest: sinking" in page
    for place in places:
        assert f'href="{place.get_absolute_url()}"' in page
        assert region.get_absolute_url() in client.get(place.get_absolute_url()).content.decode()


def load_with_zero(path, submission, zero):
    """Load the one field of a file, whose rates and series count from another zero, mm/yr."""
    (field,) = fields_open(path=path, submission=submission)
    years = np.array([(day - field.header.dates[0]).days / 365.25 for day in field.header.dates])

    def batches():
        for batch in field.batches():
            rates, series = batch.velocity_mm_yr + np.float32(zero), batch.displacement_mm
            series = series + np.float32(zero * years) if series.size else series
            yield replace(batch, velocity_mm_yr=rates, displacement_mm=series)

    (product,) = products_load(path=path, submission=submission, fields=(replace(field, batches=batches),))
    return product


def read(client, path):
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def said_and_drawn(client, operator, product):
    """Return what pages and answers say by address, and the values and colours of tiles and pictures (n, channels)."""
    alerts = list(Alert.objects.order_by("-importance", "-area_m2"))
    west, south, east, north = product.footprint.extent
    longitude, latitude = alerts[0].area.point_on_surface.coords
    here, region = f"?lat={latitude:.4f}&lon={longitude:.4f}", make_region(bounds=(west, south, east, north))
    own = [reverse("region-detail", args=[region.slug]), *(alert.get_absolute_url() for alert in alerts)]
    paths = ["/", "/alerts/", "/products/", "/record/", "/alerts.atom", f"/here/{here}", f"/here/report/{here}"]
    paths += [*own, *(f"{address}report/" for address in own), reverse("product-detail", args=[product.pk])]
    paths += ["/review/", "/review/?view=table", reverse("review-case", args=[alerts[0].code])]
    said = {path: plain(read(operator if "review" in path else client, path)) for path in paths}
    pid = MeasurementPoint.objects.filter(product=product).order_by("pid")[2000].pid
    answers = [f"/api/v1/here{here}", reverse("point-series", args=[product.pk, pid])]
    said |= {path: read(client, path) for path in (*answers, reverse("alert-card", args=[alerts[0].code]))}
    features = json.loads(read(client, "/alerts.geojson?limit=500"))["features"]
    said["/alerts.geojson"] = json.dumps([one["properties"] for one in features])
    said = {address: OF_THE_LOAD.sub("", text) for address, text in said.items()}
    for alert in alerts:
        said = {address: text.replace(alert.code, "CODE") for address, text in said.items()}
    layer = "vertical" if product.component == "up" else product.direction or "los"
    asked = WMS | {"LAYERS": f"velocity-{layer}", "BBOX": f"{west},{south},{east},{north}"}
    drawn = [np.asarray(Image.open(BytesIO(client.get("/ogc/wms", asked).content)).convert("RGBA"), dtype=int)]
    for z in (9, 12):  # Tiles show means of cells, then points.
        tile = client.get("/tiles/points/{}/{}/{}/{}.mvt".format(layer, z, *tile_at(longitude, latitude, z)))
        features = mapbox_vector_tile.decode(tile.content)["points"]["features"]
        rows = sorted((*one["geometry"]["coordinates"], one["properties"]["v"]) for one in features)
        drawn.append(np.array(rows))
    return said, drawn


rim = lambda ground: lambda x, y: np.where(np.hypot(x - 14, y - 14) < 11, ground(x, y), 0)  # noqa: E731


@pytest.mark.parametrize(
    ("source", "still"),
    [
        (rim(city), position(25, 25)),
        (rim(delta), position(25, 25)),
        pytest.param("campi_flegrei_licsbas", (14.21, 40.895), marks=pytest.mark.realdata),
        pytest.param("kirishima_alos2", (130.92, 31.97), marks=pytest.mark.realdata),
    ],
    ids=["city", "delta", "campi flegrei", "kirishima"],
)
def test_a_field_that_is_given_again_with_another_zero_is_shown_alike(tmp_path, client, request, source, still):
    if isinstance(source, str):
        path, declared = request.getfixturevalue("real_data") / "velocity_real" / source, Declaration()
    else:
        path, declared = written(tmp_path, source)
    submission = Submission(declared=declared, still=disc(*still, 1500).wkt)
    elsewhere = replace(submission, still=disc(still[0] + 3, still[1], 1500).wkt)
    with pytest.raises(InputError, match="none of its points lies on the ground"):
        product_load(path=path, submission=elsewhere)
    shown, operator = [], signed_in(account("anna", OPERATORS))
    for zero in (0.0, 10.0):
        with suppress(TakenBack), transaction.atomic():
            product = load_with_zero(path, submission, zero)
            assert product.datum_source == Source.DECLARED
            assert product.datum_sigma_mm_yr <= 2
            with pytest.raises(AlreadyLoaded, match="Nothing to do"):  # Its declarations are the same.
                load_with_zero(path, submission, zero)
            watch()
            shown.append((product.datum_mm_yr, rates_of(product), *said_and_drawn(client, operator, product)))
            raise TakenBack
        cache.clear()
    (datum, rates, said, drawn), (datum_again, rates_again, said_again, drawn_again) = shown
    assert datum_again - datum == pytest.approx(10, abs=0.01)
    assert np.abs(rates - rates_again).max() < 1e-3
    for values, others in zip(drawn, drawn_again, strict=True):
        assert values == pytest.approx(others, abs=0.11)  # Values of tiles are rounded to a tenth, colours to one.
    for (address, text), other in zip(said.items(), said_again.values(), strict=True):
        assert NUMBERS.split(text) == NUMBERS.split(other), address
        numbers = [
            [float(number.replace("−", "-").replace(",", "")) for number in NUMBERS.findall(one)]
            for one in (text, other)
        ]
        assert numbers[0] == pytest.approx(numbers[1], rel=0.01, abs=0.11), address


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
