"""The workbench is open to everybody: it costs little, refuses nonsense, and keeps to the site's policy."""

import json
import re
import tracemalloc
from base64 import b64decode
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ingest.models import MeasurementPoint, Product
from ingest.products.services import product_points_delete
from lab.speed.simulated import load_towns
from monitor.pages.desk import drawings, parts, samples, views
from monitor.pages.desk.query import View
from monitor.web import request_limits

pytestmark = pytest.mark.django_db
MANY = 60_000


def theme_input(theme: str) -> dict:
    return {"id": "theme", "property": "data", "value": theme}


def sheet_body(search: str = "", theme: str = "light", **changes) -> dict:
    inputs = [{"id": "address", "property": "search", "value": search}, theme_input(theme)]
    return {"output": "sheet.children", "inputs": inputs, "changedPropIds": ["address.search"]} | changes


def chosen_body(search: str = "", pids=None, **more) -> dict:
    choice = {"pids": pids, "n": len(pids)} | more if pids else None
    return {
        "output": "chosen.children",
        "inputs": [{"id": "choice", "property": "data", "value": choice}, theme_input("light")],
        "state": [{"id": "address", "property": "search", "value": search}],
        "changedPropIds": ["choice.data"],
    }


def post(body: object, content_type: str = "application/json"):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    visitor = Client(raise_request_exception=False)
    return visitor.generic("POST", "/workbench/_dash-update-component", text, content_type=content_type)


def drawn(body: dict) -> list:
    answer = post(body)
    assert answer.status_code == 200
    (properties,) = answer.json()["response"].values()
    return properties["children"]


def nodes(tree: object):
    """Every component of an answer."""
    if isinstance(tree, list):
        for one in tree:
            yield from nodes(one)
    elif isinstance(tree, dict) and "props" in tree:
        yield tree
        yield from nodes(tree["props"].get("children"))


def texts(tree: object) -> str:
    if isinstance(tree, list):
        return " ".join(map(texts, tree))
    if isinstance(tree, dict) and "props" in tree:
        return texts(tree["props"].get("children"))
    return "" if tree is None else str(tree)


def figure(tree: object, name: str) -> dict:
    return next(node["props"]["figure"] for node in nodes(tree) if node["props"].get("id") == name)


def held(tree: object) -> dict:
    """Return the data of the maps, as the page's script gets them."""
    return next(node["props"]["data"] for node in nodes(tree) if node["props"].get("id") == "ground")


def unpacked(packed: dict) -> np.ndarray:
    codes = np.frombuffer(b64decode(packed["codes"]), dtype="<u2")
    return np.where(codes == parts.UNKNOWN, np.nan, packed["low"] + packed["step"] * codes)


def links(tree: object) -> dict[str, str]:
    return {texts(node): node["props"]["href"] for node in nodes(tree) if node["type"] == "A"}


class Fetched:
    """Counts the rows that come out of the database."""

    def __init__(self) -> None:
        self.rows = 0

    def __call__(self, execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        self.rows += max(0, context["cursor"].rowcount)
        return result


def test_many_points_cost_no_more_than_an_even_sample():
    product = load_towns(points=MANY)
    post(chosen_body(f"?on={product.pk}", ["bench000000001"]))  # what is imported and made once
    fetched = Fetched()
    tracemalloc.start()
    with connection.execute_wrapper(fetched):
        answer = drawn(sheet_body(f"?on={product.pk}"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert fetched.rows < samples.MAX_MARKS + 20
    assert peak < 30e6
    shown = len(held(answer)["linked"]["pids"])
    assert samples.MAX_MARKS / 4 < shown <= samples.MAX_MARKS
    assert f"An even sample of {shown:,} of about 60,000 points" in texts(answer)
    first, second = (samples.marks_of(product=product, ground=None) for _ in range(2))
    assert first.pid == second.pid
    velocities = np.array(MeasurementPoint.objects.filter(product=product).values_list("velocity_mm_yr", flat=True))
    assert first.velocity_mm_yr.std() == pytest.approx(velocities.std(), rel=0.07)

    west, south, east, north = product.footprint.extent
    half = View(area=f"{west},{south},{(west + east) / 2},{north}").ground
    points = MeasurementPoint.objects.filter(product=product, position__intersects=half).count()
    assert samples.points_about(product=product, ground=half) == pytest.approx(points, rel=0.05), "by the pyramid"


def test_many_points_become_a_density_and_a_second_answer_reads_none_of_them():
    product = load_towns(points=3000)
    first = post(sheet_body(f"?on={product.pk}&x=longitude&y=velocity"))
    with CaptureQueriesContext(connection) as queries:
        second = post(sheet_body(f"?on={product.pk}&x=longitude&y=velocity"))
    assert first.content == second.content
    assert not any("ingest_measurementpoint" in query["sql"] for query in queries)
    answer = drawn(sheet_body(f"?on={product.pk}&x=longitude&y=velocity"))
    assert [trace["type"] for trace in figure(answer, "cross")["data"]] == ["heatmap", "scatter", "scatter"]
    assert "The two hardly go together" in texts(answer)


def test_while_other_sheets_are_computed_a_visitor_is_told_and_nothing_piles_up(product, monkeypatch):
    monkeypatch.setattr(request_limits.PLACES, "wait_seconds", 0.01)
    taken = [request_limits.place_take(request_limits.WORKBENCH, "198.51.100.1")]
    with CaptureQueriesContext(connection) as queries:
        answer = drawn(sheet_body(f"?on={product.pk}"))
    for give_back in taken:
        give_back()
    assert "Reload the page in a few seconds" in texts(answer)
    assert not any("ingest_measurementpoint" in query["sql"] for query in queries)
    assert "All 12 points." in texts(drawn(sheet_body(f"?on={product.pk}")))


def test_the_linked_charts_hold_the_same_points_and_count_the_rest_at_the_edges(product):
    towns = load_towns(points=2000)
    MeasurementPoint.objects.filter(product=towns, pid__in=["bench000000001", "bench000000002"]).update(
        velocity_mm_yr=-300
    )
    answer = drawn(sheet_body(f"?on={towns.pk}&x=height&y=velocity"))
    data = held(answer)
    speed, pids = unpacked(data["maps"]["points"]["value"]), data["linked"]["pids"]
    assert {pids[row] for row in np.flatnonzero(speed == -300)} == {"bench000000001", "bench000000002"}
    low, high, bars = data["linked"]["bars"]
    assert [low, high] == pytest.approx(np.percentile(speed, [1, 99]), abs=data["maps"]["points"]["value"]["step"])
    drawn_bars = figure(answer, "histogram")["data"][0]["y"]
    assert len(drawn_bars) == bars
    assert sum(drawn_bars) == pytest.approx(100, abs=0.1), "no point is left out"
    assert drawn_bars[0] >= 100 * np.mean(speed < low) > 0
    assert "The outer bars hold the 2.0 % beyond, from −300.0 to" in texts(answer)
    assert unpacked(data["linked"]["x"]) == pytest.approx(100)
    assert len(json.dumps(data)) < 32 * len(pids)
    assert "y" not in data["linked"], "velocities are sent once"


def test_many_chosen_points_are_a_median_with_a_band(product):
    towns = load_towns(points=500, n_dates=20)
    pids = [f"bench{number:09d}" for number in range(50)]
    answer = drawn(chosen_body(f"?on={towns.pk}", pids, n=480))
    band, median = figure(answer, "series")["data"]
    assert (band["fill"], median["name"]) == ("toself", "Median of 50 points")
    assert len(median["y"]) == 20
    assert "50 of the 480 points chosen." in texts(answer)


def test_a_dark_page_gets_dark_colours_and_the_same_figures(product):
    light, dark = (figure(drawn(sheet_body(f"?on={product.pk}", theme)), "histogram") for theme in ("light", "dark"))
    assert light["data"][0]["y"] == dark["data"][0]["y"]
    colours = [one["layout"]["template"]["layout"]["font"]["color"] for one in (light, dark)]
    assert colours == [drawings.LIGHT["text-soft"], drawings.DARK["text-soft"]]
    pairs = {code: drawings.DARK[name] for name, code in drawings.LIGHT.items()}
    assert all(pairs[code] == drawings.DARK[name] for name, code in drawings.LIGHT.items()), (
        "one colour, two in the dark"
    )


def test_packed_values_keep_their_figures_in_two_bytes_each():
    degrees = np.array([6.0, 6.123456, np.nan, 8.0])
    assert unpacked(parts.packed(degrees)) == pytest.approx(degrees, abs=2e-5, nan_ok=True)  # 2 m
    assert unpacked(parts.packed(np.array([0, 7, 3]))).tolist() == [0, 7, 3]
    assert unpacked(parts.packed(np.full(3, 4.5))).tolist() == [4.5] * 3
    assert unpacked(parts.packed(np.array([np.nan]))) == pytest.approx([np.nan], nan_ok=True)
    assert unpacked(parts.packed(np.array([]))).size == 0


def test_the_charts_library_is_of_the_version_that_dash_comes_with_and_holds_every_kind_drawn():
    head = Path(find_spec("plotly").origin).with_name("package_data").joinpath("plotly.min.js").read_text()[:100]
    ours = Path(finders.find(views.CHARTS)).read_text()
    assert f'version="{re.search(r"v([0-9.]+)", head)[1]}"' in ours
    drawn = set(re.findall(r'"type": "(\w+)"', Path(drawings.__file__).read_text())) - {"line", "data", "category"}
    assert drawn == {"bar", "heatmap", "scatter"}
    assert all(f'name:"{kind}"' in ours for kind in drawn)


def test_a_chart_on_a_touched_screen_leaves_swipes_to_the_page(product):
    for theme, modes in (("light", {"select", "zoom"}), ("light-touch", {False}), ("dark-touch", {False})):
        answer = drawn(sheet_body(f"?on={product.pk}", theme))
        assert {figure(answer, name)["layout"]["dragmode"] for name in ("histogram", "cross")} <= modes


def test_chosen_points_become_series_and_their_ground_goes_to_the_map(client, product):
    box = "7.10000,51.50000,7.20000,51.60000"
    answer = drawn(chosen_body(f"?on={product.pk}", ["pt00000003", "pt00000001", "nonsense"], area=box))
    assert [line["name"] for line in figure(answer, "series")["data"]] == ["pt00000003", "pt00000001"]
    ground = links(answer)["Look at this ground only"]
    assert parse_qs(urlsplit(ground).query) == {"on": [str(product.pk)], "area": ["7.10000,51.50000,7.20000,51.60000"]}
    shown = urlsplit(links(answer)["Show on the map"])
    assert parse_qs(shown.query)["area"] == ["7.10000,51.50000,7.20000,51.60000"]
    assert shown.fragment.endswith("/51.5500/7.1500")
    west, south, east, north = product.footprint.extent  # a shape becomes an area that the page opens with
    turn = np.linspace(0, 2 * np.pi, 30, endpoint=False)
    x = (west + east) / 2 + (east - west) * np.cos(turn)
    y = (south + north) / 2 + (north - south) * np.sin(turn)
    outline = ";".join(f"{one:.5f},{other:.5f}" for one, other in zip(x, y, strict=True))
    ground = links(drawn(chosen_body(f"?on={product.pk}", ["pt00000003"], area=outline)))["Look at this ground only"]
    assert client.get(ground).status_code == 200
    assert "All 12 points." in texts(drawn(sheet_body(f"?{urlsplit(ground).query}")))


def test_every_chart_has_sentences_and_a_table_with_its_figures(product):
    towns, drawn_charts = load_towns(points=500, n_dates=150), 0
    for body in (sheet_body(f"?on={towns.pk}"), chosen_body(f"?on={towns.pk}")):
        answer = drawn(body)
        for part in (node for node in nodes(answer) if node["type"] == "Section"):
            kinds = [node["type"] for node in nodes(part)]
            is_map = any(node["props"].get("className") == "desk-map" for node in nodes(part))
            if "Graph" not in kinds and not is_map:
                continue
            drawn_charts += 1
            said = next(texts(node) for node in nodes(part) if node["type"] == "P")
            assert said.count(".") >= 1, said
            assert "Table" in kinds, said
    assert drawn_charts == 4


def test_without_a_mouse_points_are_chosen_from_a_list_and_ground_from_a_table(product):
    answer = drawn(sheet_body(f"?on={product.pk}"))
    options = next(node["props"]["options"] for node in nodes(answer) if node["props"].get("id") == "listed")
    assert len(options) == 12
    picked = [options[0]["value"], options[-1]["value"]]
    series = drawn(chosen_body(f"?on={product.pk}", picked))
    assert [line["name"] for line in figure(series, "series")["data"]] == picked
    rows = [texts(node).split() for node in nodes(series) if node["type"] == "Tr"]
    assert sum(len(row) == 2 + 3 for row in rows) >= len(product.dates) / 2, "a row for each date"
    parts = {name: url for name, url in links(answer).items() if "area=" in url}
    counts = []
    for url in parts.values():
        inside = texts(drawn(sheet_body(f"?{urlsplit(url).query}")))
        counts.append(int(inside.split("All ")[1].split()[0]))
    assert 12 <= sum(counts) <= 14, "one on an edge is in two parts"


def test_data_sets_are_chosen_by_area_layer_and_address(client):
    first, second = load_towns(points=500), load_towns(points=600, track=998)
    Product.objects.filter(pk=first.pk).update(direction="ascending")
    Product.objects.filter(pk=second.pk).update(direction="descending")
    west, south, east, north = first.footprint.extent
    for layer, product in (("ascending", first), ("descending", second), ("los", second)):
        page = client.get(f"/workbench/?layer={layer}&bbox={west},{south},{east},{north}")
        assert page.context["product"] == product, layer
    page = client.get(f"/workbench/?tab=cross&on={first.pk}&x=height&y=noise&area=7,51,8,52").content.decode()
    for shown in ('value="height" selected', 'value="noise" selected', 'value="7,51,8,52"'):
        assert shown in page  # An address of a sheet that is gone shows the one that stays.

    assert client.get("/workbench/?bbox=100,10,101,11").status_code == 200
    assert "No data set is loaded for this ground" in texts(drawn(sheet_body("?bbox=100,10,101,11")))
    said = texts(drawn(sheet_body(f"?on={first.pk}&area=7.0,52.4,7.001,52.401")))
    assert "does not mean that the ground is stable" in said, "there are no points"


NONSENSE = [b"", b"{", b"\xff\xfe", b"[]", b"null", b"{}", b"7", b"[" * 100_000, b'{"output": ' + b"[" * 50_000]
NONSENSE += [b" " * 3_000_000]
BODIES = [
    sheet_body(output="nothing.children"),
    sheet_body(output=["sheet.children"]),
    sheet_body(inputs=None),
    sheet_body(inputs=[]),
    sheet_body(inputs=[[{"id": "address"}]]),
    sheet_body({"a": 1}),
    sheet_body("?x=\0"),
    sheet_body("?" + "x" * 5000),
    chosen_body() | {"state": []},
    *(chosen_body("", pids) for pids in (["a\0b"], ["x" * 500], ["x"] * 300)),
    chosen_body("", ["x"], n=-1),
    chosen_body("", ["x"], area="1,2,<b>,4"),
    sheet_body("", theme="pink"),
    chosen_body("?x=nothing", ["x"]),
]


def test_a_malformed_body_is_refused():
    for body in (*NONSENSE, *BODIES):
        answer = post(body)
        assert (answer.status_code, b"Traceback" in answer.content) == (400, False), repr(body)[:40]
    assert post(b"output=1", "application/x-www-form-urlencoded").status_code == 400


BAD_ADDRESSES = ["on=x", "on=99999999999999999999", "x=pid", "area=1,2"]
BAD_ADDRESSES += ["area=1,2,-3", "area=nan,1,2,3", "bbox=7,52,8,51", "area=" + ";".join(["7.0,51.0"] * 100)]
BAD_ADDRESSES += ["layer=nothing"]


def test_a_wrong_address_is_explained_by_page_and_sheet(client):
    for query in BAD_ADDRESSES:
        answer = client.get(f"/workbench/?{query}")
        assert answer.status_code == 400, query
        refusal, said = answer.context["refusal"], texts(drawn(sheet_body(f"?{query}")))
        assert refusal.error in said
        assert refusal.remedy in said


def test_the_page_has_the_policy_of_the_site(client, product):
    answer = client.get("/workbench/")
    policy, page = answer["Content-Security-Policy"], answer.content.decode()
    nonce = policy.split("'nonce-")[1].split("'")[0]
    for directive in ("script-src 'self'", "connect-src 'self'", "object-src 'none'", "base-uri 'none'"):
        assert directive in policy
    assert "unsafe-eval" not in policy
    inline = re.findall(r"<script(?![^>]* src=)[^>]*>", page)
    assert all(f'nonce="{nonce}"' in tag or 'type="application/json"' in tag for tag in inline), inline
    assert len(answer.context["scripts"]) == 9, "Plotly, a polyfill, React in two parts, its checks, four of Dash"


def test_old_addresses_lead_to_the_desk_of_their_data_set(client, product):
    page = client.get(f"/workbench/{product.pk}/", follow=True)
    assert page.redirect_chain[-1][0] == f"/workbench/?on={product.pk}"
    assert page.context["product"] == product
    assert client.get("/workbench/99999/").status_code == 404
    product_points_delete(product=product)
    assert client.get(f"/workbench/{product.pk}/").status_code == 404
    assert client.get(f"/workbench/?on={product.pk}").status_code == 404
    assert "No data set is loaded" in texts(drawn(sheet_body(f"?on={product.pk}")))
