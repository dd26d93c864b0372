"""The workbench is open to everybody: it costs little, refuses nonsense, and keeps to the site's policy."""

import json
import threading
import tracemalloc

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench.simulated import load_towns
from ingest.models import MeasurementPoint
from ingest.products.services import product_load, product_points_delete
from monitor.products.dash import data

pytestmark = pytest.mark.django_db
DRAW = "..histogram.figure...points.figure...histogram-words.children...series-words.children.."
MANY = 200_000


def draw_body(product: int, **changes) -> dict:
    return {"output": DRAW, "inputs": [{"id": "product-id", "property": "data", "value": product}]} | changes


def series_body(product: int, selected=None) -> dict:
    chosen = {"points": [{"customdata": pid, "x": 1.0} for pid in selected]} if selected else None
    return {
        "output": "series.figure",
        "inputs": [
            {"id": "points", "property": "clickData"},
            {"id": "points", "property": "selectedData", "value": chosen},
        ],
        "state": [{"id": "product-id", "property": "data", "value": product}],
        "changedPropIds": ["points.selectedData"],
    }


def post(product: int, body: object, content_type: str = "application/json"):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    visitor = Client(raise_request_exception=False)
    return visitor.generic("POST", f"/workbench/{product}/_dash-update-component", text, content_type=content_type)


class Fetched:
    """Counts the rows that come out of the database."""

    def __init__(self) -> None:
        self.rows = 0

    def __call__(self, execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        self.rows += max(0, context["cursor"].rowcount)
        return result


def test_many_points_cost_no_more_than_a_sample():
    product = load_towns(points=MANY)
    post(product.pk, series_body(product.pk, ["bench000000001"]))  # what is imported and made once
    fetched = Fetched()
    tracemalloc.start()
    with connection.execute_wrapper(fetched):
        answer = post(product.pk, draw_body(product.pk))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status_code == 200
    assert fetched.rows < data.MOST_POINTS + 20
    assert peak < 30e6
    drawn = answer.json()["response"]
    n_drawn = len(drawn["points"]["figure"]["data"][0]["customdata"])
    assert f"An even sample of {n_drawn:,} of 200,000 points" in drawn["histogram-words"]["children"]
    assert n_drawn == data.MOST_POINTS


def test_the_database_reads_a_sample_and_not_the_whole_product():
    product = load_towns(points=MANY)
    with CaptureQueriesContext(connection) as queries:
        data.points_sampled(product=product, most=1000)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL random_page_cost = 1.1")
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {_points_query(queries)}")
        plan = cursor.fetchone()[0]
    read = [int(node) for node in _values(plan, "Actual Rows")]
    assert max(read) <= 4000
    assert not any(_values(plan, "Rows Removed by Filter"))


def _points_query(queries) -> str:
    return next(query["sql"] for query in queries if "ingest_measurementpoint" in query["sql"])


def _values(node, name: str) -> list:
    if isinstance(node, list):
        return [value for one in node for value in _values(one, name)]
    if isinstance(node, dict):
        return [value for key, one in node.items() for value in ([one] if key == name else _values(one, name))]
    return []


def test_the_sample_is_even_and_the_same_every_time():
    product = load_towns(points=MANY)
    first, second = (data.points_sampled(product=product, most=5000) for _ in range(2))
    assert first == second
    velocities = np.array(MeasurementPoint.objects.filter(product=product).values_list("velocity_mm_yr", flat=True))
    spread = velocities.std() / np.sqrt(len(first[0]))
    assert abs(np.mean(first[3]) - velocities.mean()) < 4 * spread
    assert np.std(first[3]) == pytest.approx(velocities.std(), rel=0.05)
    positions = MeasurementPoint.objects.filter(product=product).values_list("position", flat=True)
    assert np.mean(first[1]) == pytest.approx(np.mean([one.x for one in positions]), abs=0.05)


def test_a_small_product_is_drawn_whole(make_egms):
    product = product_load(path=make_egms())
    words = post(product.pk, draw_body(product.pk)).json()["response"]["histogram-words"]["children"]
    assert words.startswith("All 12 points.")


def test_the_second_answer_reads_no_points():
    product = load_towns(points=30_000)
    first = post(product.pk, draw_body(product.pk))
    with CaptureQueriesContext(connection) as queries:
        second = post(product.pk, draw_body(product.pk))
    assert first.content == second.content
    assert not any("ingest_measurementpoint" in query["sql"] for query in queries)


def test_another_product_has_another_answer():
    one, other = load_towns(points=500), load_towns(points=700, track=998)
    assert "All 500" in post(one.pk, draw_body(one.pk)).json()["response"]["histogram-words"]["children"]
    assert "All 700" in post(other.pk, draw_body(other.pk)).json()["response"]["histogram-words"]["children"]


def test_while_another_sample_is_drawn_a_visitor_is_told_and_nothing_piles_up(make_egms, monkeypatch):
    product = product_load(path=make_egms())
    monkeypatch.setattr(data, "WAIT_SECONDS", 0.01)
    held = threading.Event(), threading.Event()

    def hold() -> None:
        with data._one_at_a_time:
            held[0].set()
            held[1].wait(60)

    other = threading.Thread(target=hold)
    other.start()
    held[0].wait(60)
    with CaptureQueriesContext(connection) as queries:
        answer = post(product.pk, draw_body(product.pk))
    held[1].set()
    other.join()
    assert "Reload the page in a few seconds" in answer.json()["response"]["histogram-words"]["children"]
    assert not any("ingest_measurementpoint" in query["sql"] for query in queries)
    again = post(product.pk, draw_body(product.pk)).json()
    assert again["response"]["histogram-words"]["children"].startswith("All 12 points.")


def test_chosen_points_become_series(make_egms):
    product = product_load(path=make_egms())
    figure = post(product.pk, series_body(product.pk, ["pt00000003", "pt00000001", "nonsense"])).json()
    assert [line["name"] for line in figure["response"]["series"]["figure"]["data"]] == ["pt00000003", "pt00000001"]


NONSENSE = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[]",
    b"null",
    b"{}",
    b"7",
    b"[" * 100_000,
    b'{"output": ' + b"[" * 50_000,
    json.dumps(draw_body(1, output="nothing.figure")).encode(),
    json.dumps(draw_body(1, output=["histogram.figure"])).encode(),
    json.dumps(draw_body(1, inputs=None)).encode(),
    json.dumps(draw_body(1, inputs=[])).encode(),
    json.dumps(draw_body(1, inputs=[[{"id": "product-id"}]])).encode(),
    json.dumps(draw_body("1; DROP TABLE")).encode(),
    json.dumps(draw_body(2**70)).encode(),
    json.dumps(draw_body(None)).encode(),
    json.dumps(draw_body({"a": 1})).encode(),
    json.dumps(series_body(1) | {"state": []}).encode(),
    json.dumps(series_body(1, ["a\0b"])).encode(),
    b'{"output": "series.figure", "inputs": [{"id": "points", "property": "clickData"}, {"id": "points", '
    b'"property": "selectedData", "value": {"points": [{"customdata": "\\ud800"}]}}], '
    b'"state": [{"id": "product-id", "property": "data", "value": 1}]}',
    json.dumps(series_body(1, ["x" * 500])).encode(),
    json.dumps(series_body(1, ["x"] * 30_000)).encode(),
    b" " * 3_000_000,
]


@pytest.mark.parametrize("body", NONSENSE, ids=lambda body: repr(body[:40]))
def test_a_malformed_body_is_refused(make_egms, body):
    product = product_load(path=make_egms())
    text = body.replace(b'"value": 1}', b'"value": %d}' % product.pk)
    answer = post(product.pk, text)
    assert answer.status_code == 400
    assert b"Traceback" not in answer.content


def test_a_form_and_another_products_request_are_refused(make_egms):
    product = product_load(path=make_egms())
    assert post(product.pk, b"output=1", "application/x-www-form-urlencoded").status_code == 400
    assert post(product.pk, draw_body(product.pk + 1)).status_code == 400
    assert post(product.pk + 1, draw_body(product.pk + 1)).status_code == 404


def test_the_frame_has_the_policy_of_the_site(client, make_egms):
    product = product_load(path=make_egms())
    answer = client.get(f"/workbench/{product.pk}/")
    policy, page = answer["Content-Security-Policy"], answer.content.decode()
    nonce = policy.split("'nonce-")[1].split("'")[0]
    for directive in ("script-src 'self'", "connect-src 'self'", "object-src 'none'", "base-uri 'none'"):
        assert directive in policy
    assert "frame-ancestors 'self'" in policy
    assert "unsafe-eval" not in policy
    assert page.count("<script") == page.count(f'<script nonce="{nonce}"')
    assert "/workbench/0/" not in page


def test_the_layout_names_the_product_of_its_address(client, make_egms):
    product = product_load(path=make_egms())
    layout = client.get(f"/workbench/{product.pk}/_dash-layout").content.decode()
    assert f'"id": "product-id", "data": {product.pk}' in layout
    assert client.get(f"/workbench/{product.pk + 1}/").status_code == 404


def test_a_product_whose_points_are_deleted_has_no_workbench(client, make_egms):
    product = product_load(path=make_egms())
    product_points_delete(product=product)
    assert client.get(f"/workbench/{product.pk}/").status_code == 404
    assert post(product.pk, draw_body(product.pk)).status_code == 404
