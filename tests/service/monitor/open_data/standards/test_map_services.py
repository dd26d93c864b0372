"""WMS 1.3.0: the same pictures as those of the map's tiles, in every system and with its axes."""

import json
import re
from io import BytesIO
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image

from monitor.maps.imaging.drawing import LEGEND_PX, coloured, tile_bounds_deg, tile_bounds_m
from monitor.maps.rasters.layers import RASTER_LAYERS_BY_NAME
from tests.makers.basemaps import tile_at

pytestmark = pytest.mark.django_db
WMS = {"w": "http://www.opengis.net/wms", "x": "http://www.w3.org/1999/xlink"}
LAYER = "coherence:2021-12-13-12d"
DAY = "2021-12-13"
ASKED = {
    "SERVICE": "WMS",
    "VERSION": "1.3.0",
    "REQUEST": "GetMap",
    "LAYERS": LAYER,
    "STYLES": "",
    "FORMAT": "image/png",
}
ASKED |= {"CRS": "EPSG:3857", "WIDTH": 256, "HEIGHT": 256, "TRANSPARENT": "TRUE"}
TILE = (12, *tile_at(-12.0, 47.0, 12))


CLICK = {"REQUEST": "GetFeatureInfo", "QUERY_LAYERS": LAYER, "INFO_FORMAT": "application/json", "I": "128", "J": "128"}


def box(*edges: float) -> str:
    return ",".join(map(repr, edges))


def pixels(content: bytes) -> np.ndarray:
    """Return red, green, blue and opacity of a PNG; what is transparent has no colour."""
    image = np.array(Image.open(BytesIO(content)).convert("RGBA"))
    image[image[..., 3] == 0] = 0
    return image


def picture(client, **asked) -> np.ndarray:
    answer = client.get("/ogc/wms", ASKED | {"BBOX": box(*tile_bounds_m(*TILE))} | asked)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/png"), answer.content
    return pixels(answer.content)


def tile(client) -> np.ndarray:
    z, x, y = TILE
    content = client.get(f"/tiles/rasters/{LAYER.replace(':', '/')}/{z}/{x}/{y}.png").content
    return pixels(content)


def xml(answer) -> ElementTree.Element:
    assert answer["Content-Type"] == "text/xml"
    return ElementTree.fromstring(answer.content)


def test_a_map_of_the_place_of_a_tile_is_that_tile_in_every_system_with_its_axes(client, pair_predictions):
    drawn = tile(client)
    assert (drawn[..., 3] > 0).mean() > 0.2
    assert (picture(client) == drawn).all()
    west, south, east, north = tile_bounds_deg(*TILE)
    by_latitude = picture(client, CRS="EPSG:4326", BBOX=box(south, west, north, east))
    by_longitude = picture(client, CRS="CRS:84", BBOX=box(west, south, east, north))
    assert (by_latitude == by_longitude).all()
    assert ((by_latitude[..., 3] > 0) == (drawn[..., 3] > 0)).mean() > 0.98
    assert not picture(client, CRS="EPSG:4326", BBOX=box(west, south, east, north))[..., 3].any()
    assert picture(client, WIDTH=300, HEIGHT=100).shape == (100, 300, 4)
    plain = picture(client, TRANSPARENT="FALSE", BGCOLOR="0x102030")
    assert (plain[drawn[..., 3] == 0] == (16, 32, 48, 255)).all()
    both = picture(client, LAYERS=f"{LAYER},speed:2021-12-13-12d", STYLES=",")
    assert (both[..., 3] > 0).any()
    assert (both != drawn).any()
    wide = box(-2e7, -2e7, 2e7, 2e7)
    assert not picture(client, BBOX=wide)[..., 3].any()  # so wide, hundreds of rasters would be opened
    west, south, east, north = tile_bounds_m(*TILE)
    assert not picture(client, BBOX=box(west, -2e7, east, 2e7))[..., 3].any()  # as high, too


def test_capabilities_have_a_layer_for_each_kind_with_its_dates_and_what_they_name_can_be_asked_for(
    client, pair_predictions, product, django_assert_max_num_queries
):
    with django_assert_max_num_queries(15):
        capabilities = client.get("/ogc/wms?service=WMS&request=GetCapabilities")
    assert len(capabilities.content) < 14_000
    whole = xml(capabilities)
    assert (whole.tag, whole.get("version")) == (f"{{{WMS['w']}}}WMS_Capabilities", "1.3.0")
    layers = [one for one in whole.iter(f"{{{WMS['w']}}}Layer") if one.find("w:Name", WMS) is not None]
    names = {one.find("w:Name", WMS).text for one in layers}
    listed = client.get("/api/v1/rasters").json()
    assert names == {"velocity-ascending", *(one["name"] for one in client.get("/rasters.json").json()["layers"])}
    assert names == {one["name"] for one in listed}
    days = {one["name"]: [group["date"] for group in one["groups"]] for one in listed}
    for one in layers:
        name = one.find("w:Name", WMS).text
        time = one.find("w:Dimension", WMS)
        assert time.attrib == {"name": "time", "units": "ISO8601", "default": days[name][-1]} | dict.fromkeys(
            ("multipleValues", "nearestValue", "current"), "0"
        )
        assert time.text.split(",") == days[name]
        assert ("simulated" in one.find("w:Title", WMS).text) == (name != "velocity-ascending")
        for bounds in one.findall("w:BoundingBox", WMS):
            edges = ",".join(bounds.get(side) for side in ("minx", "miny", "maxx", "maxy"))
            assert picture(client, LAYERS=name, CRS=bounds.get("CRS"), BBOX=edges)[..., 3].any(), (name, edges)
        legend = one.find("w:Style/w:LegendURL/w:OnlineResource", WMS).get(f"{{{WMS['x']}}}href")
        answer = client.get("/ogc/wms", dict(parse_qsl(urlsplit(legend).query)))
        assert Image.open(BytesIO(answer.content)).size == LEGEND_PX


def test_time_chooses_a_date_of_a_layer_and_without_it_the_newest_is_drawn(client, pair_predictions):
    drawn = tile(client)
    for time in (DAY, f"{DAY}T00:00:00Z", f"{DAY}t23:59:59.9z", "2021-12-14T00:30:00+01:00"):
        assert (picture(client, LAYERS="coherence", TIME=time) == drawn).all()
    assert (pixels(client.get("/tiles/rasters/coherence/2021-12-13/{}/{}/{}.png".format(*TILE)).content) == drawn).all()
    asked = ASKED | {"BBOX": box(*tile_bounds_m(*TILE)), "LAYERS": "coherence,speed"}
    newest = client.get("/ogc/wms", asked)
    assert newest["Warning"].count("Default value used: time=2021-12-25 ISO8601") == 2
    chosen = client.get("/ogc/wms", asked | {"TIME": "2021-12-25"})
    assert "Warning" not in chosen
    assert (pixels(newest.content) == pixels(chosen.content)).all()


def test_a_copy_of_a_date_is_checked_without_a_look_at_other_dates(client, pair_predictions, product):
    for layer, named in (("coherence", 10), ("velocity-ascending", 4)):
        (day,) = {one["groups"][0]["date"] for one in client.get("/api/v1/rasters").json() if one["name"] == layer}
        asked = ASKED | {"BBOX": box(*tile_bounds_m(*TILE)), "LAYERS": layer, "TIME": day}
        held = client.get("/ogc/wms", asked)["ETag"]
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/ogc/wms", asked, HTTP_IF_NONE_MATCH=held).status_code == 304
        assert len(queries) == 2
        assert all(day[:named] in query["sql"] for query in queries), queries.captured_queries


def test_of_pairs_that_end_on_one_day_time_chooses_the_shortest(client, pair_predictions):
    prediction = pair_predictions[-1]
    run, pair = prediction.run, prediction.run.pair
    pair.reference, pair.temporal_baseline_days = pair_predictions[0].run.pair.reference, 24
    for row, parent in ((pair, {}), (run, {"pair": pair}), (prediction, {"run": run})):
        row.pk = None
        for name, value in parent.items():
            setattr(row, name, value)
        row.save()
    drawn = {days: picture(client, LAYERS=f"speed:2021-12-25-{days}d") for days in (12, 24)}
    assert (drawn[12] != drawn[24]).any()
    assert (picture(client, LAYERS="speed", TIME="2021-12-25") == drawn[12]).all()


def test_a_legend_of_classes_has_the_colour_of_each(client):
    colours = RASTER_LAYERS_BY_NAME["release-change"].stops
    asked = {"REQUEST": "GetLegendGraphic", "LAYER": "release-change:2022-2023"}
    shown = {tuple(one) for one in pixels(client.get("/ogc/wms", asked).content)[..., :3].reshape(-1, 3).tolist()}
    assert {tuple(bytes.fromhex(one[1:])) for one in colours} <= shown


def told(client, media_type: str, queries: int, **asked) -> str:
    """Return what a click is answered, by GetFeatureInfo."""
    with CaptureQueriesContext(connection) as made:
        answer = client.get("/ogc/wms", ASKED | CLICK | {"INFO_FORMAT": media_type} | asked)
    assert (answer.status_code, answer["Content-Type"].split(";")[0]) == (200, media_type), answer.content
    assert len(made) <= queries, made.captured_queries
    return answer.content.decode()


def test_a_click_on_a_velocity_answers_the_nearest_points_and_alerts_with_the_figures_of_the_api(
    client, product, make_alert
):
    point = client.get("/ogc/collections/points/items?limit=1").json()["features"][0]
    longitude, latitude = point["geometry"]["coordinates"]
    half = 0.002
    edges = box(latitude - half, longitude - half, latitude + half, longitude + half)
    here = {"LAYERS": "velocity-ascending", "QUERY_LAYERS": "velocity-ascending", "CRS": "EPSG:4326", "BBOX": edges}
    named = here | dict.fromkeys(("LAYERS", "QUERY_LAYERS"), f"velocity-ascending:{product.dates[-1]:%Y}")
    assert json.loads(told(client, "application/json", 2, **named))["features"] == [point]
    several = json.loads(told(client, "application/geo+json", 4, **here, FEATURE_COUNT=3))["features"]
    assert several[0] == point
    moving = make_alert(longitude, latitude, around_mm_yr=-2.0)
    *_points, last = json.loads(told(client, "application/json", 20, **here, FEATURE_COUNT=3))["features"]
    assert (last["id"], last["properties"]["total_rate_mm_yr"]) == (moving.code, moving.rate_mm_yr - 2.0)
    moving.delete()
    figure = f"velocity_mm_yr = {point['properties']['velocity_mm_yr']}"
    assert figure in told(client, "text/plain", 3, **here)
    assert f"<td>{point['properties']['pid']}</td>" in told(client, "text/html", 3, **here)
    assert json.loads(told(client, "application/json", 3, **here | {"I": "3", "J": "3"}))["features"] == []
    assert told(client, "text/plain", 3, **here | {"I": "3", "J": "3"}).strip() == "There is nothing here."
    api = client.get(f"/api/v1/products/{product.pk}/points/{point['properties']['pid']}/series").json()
    assert api["velocity_mm_yr"] == point["properties"]["velocity_mm_yr"]


def test_a_click_on_an_image_answers_its_value_in_its_unit(client, pair_predictions):
    edges = {"BBOX": box(*tile_bounds_m(*TILE))}
    drawn = picture(client)
    (row, col), layer = np.argwhere(drawn[..., 3] > 0)[7000], RASTER_LAYERS_BY_NAME["coherence"]
    (one,) = json.loads(told(client, "application/json", 3, **edges, I=col, J=row))["features"]
    value = one["properties"]["value"]
    colour = coloured(np.array([[value]], np.float32), layer.stops, layer.low, layer.high)[0, 0]
    assert (abs(colour.astype(int) - drawn[row, col, :3]) <= 1).all()
    outside = np.argwhere(drawn[..., 3] == 0)[0]
    assert json.loads(told(client, "application/json", 3, **edges, I=outside[1], J=outside[0]))["features"] == []


FAULTS = {
    "LayerNotDefined": [{"LAYERS": name} for name in ("none:1", "coherence", "coherence:", "coherence:x")]
    + [CLICK | {"QUERY_LAYERS": "speed"}],
    "InvalidDimensionValue": [
        {"LAYERS": "coherence", "TIME": time}
        for time in ("2021-12-14", "2021", "current", "2021-12-13,2021-12-25", "2021-12-01/2021-12-31", "x" * 5000)
    ],
    "StyleNotDefined": [{"STYLES": "red"}],
    "InvalidFormat": [{"FORMAT": "image/jpeg"}, CLICK | {"INFO_FORMAT": "image/png"}],
    "InvalidPoint": [CLICK | {"I": "256"}, CLICK | {"J": "-1"}],
    "InvalidCRS": [{"CRS": "EPSG:31467"}],
    "OperationNotSupported": [{"REQUEST": "GetStyles"}],
    "MissingParameterValue": [{"REQUEST": ""}, {"WIDTH": ""}, {"VERSION": ""}, {"BBOX": ""}],
    "InvalidParameterValue": [{"BBOX": edges} for edges in ("1,2,3", "nan,0,1,1", "0,2,1,1", "0,0,1e300,1", "x,1,2,3")]
    + [{"WIDTH": size} for size in ("0", "-1", "2049", "9" * 5000, "x")]
    + [CLICK | {"FEATURE_COUNT": count} for count in ("0", "51", "x")]
    + [{"VERSION": "1.1.1"}, {"SERVICE": "WFS"}, {"BGCOLOR": "pink?"}, {"LAYERS": ",".join(["a", "b", "c", "d", "e"])}],
}
CASES = [(code, asked) for code, cases in FAULTS.items() for asked in cases]


def test_what_cannot_be_drawn_is_a_service_exception(client):
    for code, asked in CASES:
        opaque = {"TRANSPARENT": "FALSE"} if "BGCOLOR" in asked else {}
        answer = client.get("/ogc/wms", ASKED | {"BBOX": "0,0,1,1"} | opaque | asked)
        assert answer.status_code == 400, asked
        fault = xml(answer).find("{http://www.opengis.net/ogc}ServiceException")
        assert fault.get("code") == code, asked
        assert fault.text


def test_wmts_is_gone_and_names_the_tiles_that_replace_it(client, pair_predictions):
    answer = client.get("/ogc/wmts?SERVICE=WMTS&REQUEST=GetCapabilities")
    assert answer.status_code == 410
    template = re.search(r"http://testserver(\S+png)", answer.json()["remedy"])[1]
    z, x, y = TILE
    assert client.get(template.format(layer="coherence", date=DAY, z=z, x=x, y=y)).status_code == 200
