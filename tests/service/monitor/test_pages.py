"""What a client without a login, and without JavaScript, gets to see."""

import re

import mapbox_vector_tile
import pytest

from detection.models import Alert
from detection.reviews.audit import audit_write
from ground_motion.methods.deformation import DeformationMethod
from ingest.models import MeasurementPoint
from ingest.products.services import product_load
from tests.makers.people import words as text
from tests.service.monitor.maps.rasters.test_raster_tiles import tile_of

pytestmark = pytest.mark.django_db
PAGES = ["/", "/alerts/", "/products/", "/about/", "/reading/"]


def test_pages_open_while_nothing_is_loaded(client):
    assert {client.get(page).status_code for page in PAGES} == {200}


def test_an_alert_says_what_where_how_sure_and_what_now_and_leads_to_its_series_and_raster(client, watched_region):
    alert = Alert.objects.filter(kind="subsidence").order_by("peak_rate_mm_yr").first()
    assert {client.get(f"/alerts/{code}/").status_code for code in ("ZZZZ", "nonsense!", "AB")} == {404}
    page = client.get(f"/alerts/{alert.code.lower()}/")
    content = text(page)
    said = r"The (ground here|fastest part) sank by about [\d.]+ mm a year \(probably [\d.]+ to [\d.]+\)"
    assert re.search(said, content)
    assert "simulated region" in content
    assert "What you can do" in content
    assert "No specialist has confirmed it yet" in content
    assert "track 901 ascending" in content
    assert "track 902 descending" in content
    assert f"matched-filter {DeformationMethod.find('matched-filter').version}" in content
    assert "danger" not in content.lower()
    raster = b"".join(client.get(re.search(r'href="(/rasters/\d+\.tif)"', page.content.decode())[1]))
    assert raster[:4] in (b"II*\0", b"II+\0")
    body = client.get(f"/alerts/{alert.code}/series.json").json()
    assert len(body["series"]) == 2
    for series in body["series"]:
        assert len(series["dates"]) == len(series["mean_mm"]) == len(series["low_mm"]) == 120
        assert series["low_mm"][-1] <= series["mean_mm"][-1] <= series["high_mm"][-1]
        assert series["mean_mm"][-1] < -5


def test_simulated_data_carry_a_banner_on_every_page(client, watched_region):
    for page in PAGES:
        assert "simulated" in text(client.get(page)).lower(), page


def test_real_data_carry_no_banner_and_name_their_source(client, product):
    content = text(client.get("/"))
    assert "Simulated data" not in content
    assert "Copernicus" in content


def test_a_point_gives_its_series_its_fit_and_a_sentence(client, make_egms):
    product = product_load(path=make_egms(velocity_mm_yr=-12.0))
    body = client.get(f"/api/points/{product.pk}/pt00000003/series/").json()
    assert body["sentence"].startswith("This point moved away from the satellite (down or sideways) by about 12 mm a ")
    assert body["sentence"].endswith("year (probably 10 to 14) between 2020 and 2022.")
    assert body["displacement_mm"][-1] == pytest.approx(-24)
    assert body["fit_mm"][-1] == pytest.approx(-24, abs=0.2)
    assert body["band_mm"] is not None
    assert body["temporal_coherence"] == pytest.approx(0.9)
    rows = client.get(body["csv_url"]).content.decode().splitlines()
    assert rows[0] == "date,displacement_mm_los,status,datum_source,datum_sigma_mm_yr,zero"
    assert rows[-1].startswith("2022-01-03,-24.0,released,calibrated,1.0,")


def test_a_close_tile_holds_single_points_with_id_and_rate(client, make_egms):
    product = product_load(path=make_egms(n=5, velocity_mm_yr=-7.3))
    point = MeasurementPoint.objects.first()
    answer = client.get(f"/tiles/points/los/{tile_of(point.position.x, point.position.y, 12)}.mvt")
    features = mapbox_vector_tile.decode(answer.content)["points"]["features"]
    assert len(features) == 5
    assert features[0]["properties"]["product"] == product.pk
    assert features[0]["properties"]["v"] == pytest.approx(-7.3, abs=0.05)
    assert {feature["properties"]["pid"] for feature in features} == {f"pt{n:08d}" for n in range(5)}


def test_a_far_tile_holds_averages_stays_small_and_shows_the_direction_of_its_layer_only(client, watched_region):
    answer = client.get("/tiles/points/los/5/14/11.mvt")
    features = mapbox_vector_tile.decode(answer.content)["points"]["features"]
    assert sum(feature["properties"]["n"] for feature in features) == MeasurementPoint.objects.count()
    assert len(answer.content) < 500_000
    counts = {}
    for layer in ("los", "ascending", "descending", "vertical"):
        content = client.get(f"/tiles/points/{layer}/0/0/0.mvt").content
        features = mapbox_vector_tile.decode(content).get("points", {"features": []})["features"]
        counts[layer] = sum(feature["properties"]["n"] for feature in features)
    assert counts["los"] == counts["ascending"] + counts["descending"] == MeasurementPoint.objects.count()
    assert counts["vertical"] == 0


TILES = [f"rasters/{one}/1/0/0.png" for one in ("nonsense/2021-12-13-12d", "coherence/2021-12-13", "coherence/%00")]
TILES += [
    f"rasters/coherence/{one}.png"
    for one in ("2021-13-45-12d/1/0/0", "2021-12-13-12d/1/5/0", "２０２１-12-13-12d/1/0/0")
]
TILES += [f"rasters/{one}/9/1/1.png" for one in ("probability/0000", "probability/2021-12-13-12d", "radar/99")]
TILES += [f"rasters/coherence/2021-12-13-12d/{one}.png" for one in ("60/0/0", "1/5/0")] + ["ground/3/9/0.mvt"]
TILES += [f"points/{one}.mvt" for one in ("nonsense/1/0/0", "los/1/5/0", "los/60/0/0")]
TILES += [f"context/{one}.mvt" for one in ("houses/0/0/0", "mines/0/1/0", "mines/40/0/0")]
NOWHERE = [f"/tiles/{tile}" for tile in TILES]
NOWHERE += [
    "/rasters/99999.tif",
    "/api/points/1/none/series/",
    "/api/points/99999/pt00000003/series/",
    "/basemap.pmtiles",
]
NOWHERE += [f"/glaciers/{one}/{page}" for one in ("NOBODY", "999999999999", "-1") for page in ("", "series.csv")]


@pytest.mark.parametrize("address", NOWHERE)
def test_what_is_not_there_is_not_found(client, address):
    assert client.get(address).status_code == 404


def test_pages_take_few_queries_however_many_alerts(client, watched_region, django_assert_max_num_queries):
    # Two queries read the zeros of the data sets behind the cards, one whether the facts in the footer still hold.
    for page, first, later in (("/", 21, 12), ("/alerts/", 12, 12), ("/alerts.atom", 16, 16)):
        for most in (first, later):
            with django_assert_max_num_queries(most):
                client.get(page)


def test_an_administrator_sees_the_audit_and_changes_nothing_there(admin_client, admin_user):
    page = f"/admin/detection/auditentry/{audit_write(actor=admin_user, action='edit', subject='4F7K').pk}"
    assert admin_client.get("/admin/detection/auditentry/").status_code == 200
    assert admin_client.get("/admin/detection/auditentry/add/").status_code == 403
    assert admin_client.get(f"{page}/change/").status_code == 200
    assert admin_client.post(f"{page}/change/", {"action": "none"}).status_code == 403
    assert admin_client.post(f"{page}/delete/", {"post": "yes"}).status_code == 403
