"""The interface for programs keeps what its own description promises, and nothing makes it fall over."""

import os
import re
from datetime import date

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from detection.models import Alert
from ingest.models import MeasurementPoint, Product, ScenePair
from ingest.products.services import product_load
from tests.makers.buildings import make_building
from tests.makers.stations import make_station

pytestmark = pytest.mark.django_db
PATHS = [
    "alerts",
    "alerts/{code}",
    "alerts/{code}/detections",
    "alerts/{code}/series",
    "products",
    "products/{product_id}",
]
PATHS += ["products/{product_id}/points/{pid}/series", "stations", "buildings", "here", "pairs", "pairs/{pair_id}"]
OPERATIONS = [f"/api/v1/{path}" for path in (*PATHS, "rasters")]
HOSTILE = ["%00", "'; DROP TABLE", "-1", "0", "99999999999999999999999", "1e5", "nan", "../../etc", "é€😀", "x" * 5000]


@pytest.fixture
def schema(client) -> dict:
    return client.get("/api/v1/openapi.json").json()


def samples() -> dict[str, str]:
    point = MeasurementPoint.objects.first()
    alert = Alert.objects.filter(kind="subsidence").first()
    pair = ScenePair.objects.first()
    made = {"code": alert.code, "product_id": str(point.product_id), "pid": point.pid, "pair_id": str(pair.pk)}
    made |= {"kind": "subsidence", "state": "provisional", "severity": alert.severity, "track": "901"}
    made |= {"updated_since": "2001-01-01", "since": "2001-01-01T00:00:00Z"}
    made |= {"lat": str(point.position.y), "lon": str(point.position.x)}
    return made | {"bbox": "-13,46,-11,48", "limit": "2", "offset": "0", "sort": "changed"}


def fill(path: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def check(schema: dict, path: str, status: str, body: object) -> None:
    media_type = "application/json" if status == "200" else "application/problem+json"
    answer = schema["paths"][path]["get"]["responses"][status]["content"][media_type]["schema"]
    whole = {**answer, "components": schema["components"]}
    Draft202012Validator.check_schema(whole)
    Draft202012Validator(whole).validate(body)


def test_the_description_lists_these_operations_and_only_reading_for_any_page(client, schema):
    assert client.get("/api/v1/openapi.json")["Access-Control-Allow-Origin"] == "*"
    assert schema["info"]["version"] == "1"
    assert schema["openapi"].startswith("3.1")
    assert list(schema["paths"]) == OPERATIONS
    assert all(list(methods) == ["get"] for methods in schema["paths"].values())
    names = [methods["get"]["operationId"] for methods in schema["paths"].values()]
    assert names[:2] == ["monitor_api_operations_alerts", "monitor_api_operations_alert"]  # clients are made from them


def test_every_answer_is_what_the_description_says(client, watched_region, pair_predictions, schema):
    make_station(place=(-12.0, 47.0))
    make_building(Product.objects.earliest("pk"), (-12.0, 47.0))
    values = samples()
    for path in OPERATIONS:
        parameters = [one for one in schema["paths"][path]["get"]["parameters"] if one["in"] == "query"]
        needed = [one for one in parameters if one["required"]]
        for query in ({one["name"]: values[one["name"]] for one in some} for some in (needed, parameters)):
            answer = client.get(fill(path, values), query)
            assert answer.status_code == 200, answer.content
            assert answer["Access-Control-Allow-Origin"] == "*"
            body = answer.json()
            check(schema, path, "200", body)
            assert body
            assert "items" not in body or body["items"], body
        assert client.post(fill(path, values)).status_code == 405


@pytest.mark.parametrize("path", OPERATIONS)
def test_hostile_parameters_are_refused_in_words(client, schema, path):
    for parameter in schema["paths"][path]["get"]["parameters"]:
        for hostile in HOSTILE:
            name = parameter["name"]
            if parameter["in"] == "path":
                answer = client.get(fill(path, {name: hostile}))
                assert answer.status_code in (400, 404), (name, hostile)
            else:
                answer = client.get(fill(path, {"code": "AAAA", "pair_id": "1"}), {name: hostile.replace("%00", "\0")})
                assert answer.status_code < 500, (name, hostile)
            if answer.status_code == 400 or (answer.status_code == 404 and "Ask for a list" in answer.content.decode()):
                check(schema, path, str(answer.status_code), answer.json())


def test_a_bad_filter_names_itself(client):
    for query in ("limit=0", "limit=201", "offset=-1", "limit=many", "kind=x", "bbox=1", "severity=x"):
        answer = client.get(f"/api/v1/alerts?{query}")
        assert answer.status_code == 400
        assert query.partition("=")[0] in answer.json()["error"]
        assert answer.json()["remedy"]


def test_alerts_are_filtered_and_come_in_parts_and_detections_lead_to_their_data(client, watched_region):
    def codes(query: str) -> list[str]:
        return [one["code"] for one in client.get(f"/api/v1/alerts?{query}").json()["items"]]

    everything = codes("")
    assert client.get("/api/v1/alerts?limit=1").json()["count"] == len(everything) == Alert.objects.count()
    address, pages = "/api/v1/alerts?limit=2&severity=", []
    while address:
        page = client.get(address).json()
        address = page["next"]
        pages += [one["code"] for one in page["items"]]
    assert pages == everything
    assert codes("kind=uplift") == [alert.code for alert in Alert.objects.filter(kind="uplift")]
    assert codes("bbox=0,0,1,1") == []
    alert = Alert.objects.filter(kind="subsidence").first()
    detections = client.get(f"/api/v1/alerts/{alert.code}/detections").json()["items"]
    assert {one["product_id"] for one in detections} == set(Product.objects.values_list("id", flat=True))
    assert {one["pair_id"] for one in detections} == {None}
    raster = client.get(detections[0]["raster_url"])
    assert raster.status_code == 200
    raster.close()


def test_a_pair_lists_what_was_found_in_it_and_where_it_is_shown(client, pair_predictions):
    page = client.get("/api/v1/pairs").json()
    assert page["count"] == 2
    newest = page["items"][0]
    assert date.fromisoformat(newest["secondary_at"][:10]) == date(2021, 12, 25)
    assert newest["temporal_baseline_days"] == 12
    assert [one["task"] for one in newest["predictions"]] == ["coherence", "coherence-change", "offsets"]
    for one in newest["predictions"]:
        assert client.get(f"/tiles/rasters/{one['layer']}/{one['group']}/9/238/179.png").status_code == 200
    assert client.get("/api/v1/pairs?track=1").json()["count"] == 0
    assert client.get("/api/v1/pairs?since=2021-12-20").json()["count"] == 1
    assert client.get("/api/v1/pairs?bbox=0,0,1,1").json()["count"] == 0


def test_stations_are_listed_with_their_period_and_page(client):
    station = make_station(place=(13.19, 38.71))
    (one,) = client.get("/api/v1/stations", {"bbox": "13,38,14,39"}).json()["items"]
    assert (one["code"], one["technique"], one["simulated"]) == ("MADE", "gnss", False)
    assert (one["longitude"], one["latitude"], one["n_dates"]) == (13.19, 38.71, len(station.dates))
    assert client.get(one["url"]).status_code == 200
    assert client.get("/api/v1/stations", {"bbox": "0,0,1,1"}).json()["count"] == 0


def test_lists_take_few_queries(client, watched_region, pair_predictions, django_assert_max_num_queries):
    for path in ("alerts", "products", "pairs", "rasters"):
        # One asks who has taken alerts up, one for each layer of velocities finds its years.
        with django_assert_max_num_queries(12):
            client.get(f"/api/v1/{path}")


def test_a_point_s_series_is_the_one_that_the_map_draws(client, make_egms):
    product = product_load(path=make_egms(velocity_mm_yr=-12.0))
    body = client.get(f"/api/v1/products/{product.pk}/points/pt00000003/series").json()
    assert body["displacement_mm"][-1] == pytest.approx(-24)
    assert body["los_up"] == pytest.approx(0.78)
    drawn = client.get(f"/api/points/{product.pk}/pt00000003/series/").json()
    assert {key: body[key] for key in drawn} == drawn
    assert client.get(f"/api/points/{product.pk}/a%00b/series/").status_code == 404


def test_the_page_for_people_lists_every_operation_and_needs_no_other_host(client):
    page = client.get("/api/v1/")
    text = page.content.decode()
    assert all(path in text for path in OPERATIONS)
    scripts = re.findall(r"<script([^>]*)>", text)
    assert all('src="/static/' in script for script in scripts)
    assert "cdn" not in text
    assert "http" not in page["Content-Security-Policy"]
    assert client.post("/api/v1/").status_code == 405
    assert client.post("/api/v1/openapi.json").status_code == 405


GOOD = {"bbox": ["", "5.9,45.8,10.5,47.8", "-13,46,-11,48", "0,0,0,0"]}
GOOD["updated_since"] = ["", "2024-05-01", "2024-05-01T12:00Z", "2024-05-01T12:00:00.5+02:00"]
BAD = {"bbox": ["1,2,3", "a,b,c,d", "1,2,3,4,5", "nan,0,1,1"]}
BAD["updated_since"] = ["yesterday", "2024", "1.5.2024", "2024-05-01T"]


def test_the_description_says_how_a_text_is_written(client, schema):
    """What fits is taken and what does not is refused, so that a program may check first."""
    listed = {one["name"]: one["schema"] for one in schema["paths"]["/api/v1/alerts"]["get"]["parameters"]}
    for status, texts in ((200, GOOD), (400, BAD)):
        for name, text in ((name, text) for name, every in texts.items() for text in every):
            assert bool(re.fullmatch(listed[name]["pattern"], text)) == (status == 200), text
            assert client.get("/api/v1/alerts", {name: text}).status_code == status, text


EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "2"))  # of each operation; more of them ask longer
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


@pytest.mark.parametrize("description", ["/api/v1/openapi.json", "/ogc/api", "/stac/api"])
def test_no_request_gets_more_or_less_than_the_description_promises(
    description, pair_predictions, product, alert, open_connection
):
    described = schemathesis.openapi.from_wsgi(description, get_wsgi_application())
    n_operations = 0
    for found in described.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=QUIET,
        )
        @given(case=operation.as_strategy())
        def asked(case):
            case.call_and_validate(checks=CHECKS)

        asked()
        n_operations += 1
    assert n_operations >= 10


@pytest.fixture
def open_connection():
    """The connection that holds the test's rows stays open from request to request."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)
