"""Filters in CQL2: they choose what they say, never more, and cost no more than they may."""

import json
import time
from datetime import date

import pytest

from ingest.models import Product
from ingest.products.services import product_load
from monitor.open_data.standards.cql2 import _pattern

pytestmark = pytest.mark.django_db
ALERTS, POINTS, SEARCH = "/ogc/collections/alerts/items", "/ogc/collections/points/items", "/stac/search"
AREA = "POLYGON((4 46,6 46,6 48,4 48,4 46))"


@pytest.fixture
def codes(client, make_alert):
    """Ask for alerts by a filter: one sinks at -12 degrees, one rises at 5 degrees and has no lowest peak."""
    sinking = make_alert(rate_mm_yr=-14.0, peak_low_mm_yr=-16.0)
    rising = make_alert(longitude=5.0, kind="uplift", rate_mm_yr=9.0, last_motion=date(2021, 1, 1))
    names = {sinking.code: "sinking", rising.code: "rising"}

    def ask(condition, **more) -> set[str]:
        asked = {"filter": condition} if isinstance(condition, str) else {"filter": json.dumps(condition)}
        asked |= {} if isinstance(condition, str) else {"filter-lang": "cql2-json"}
        answer = client.get(ALERTS, asked | more)
        assert answer.status_code == 200, answer.content
        found = answer.json()
        assert found["numberMatched"] == len(found["features"])
        return {names[one["id"]] for one in found["features"]}

    return ask


BOTH = {"sinking", "rising"}
FILTERS = {
    "kind = 'uplift'": {"rising"},
    "kind <> 'uplift'": {"sinking"},
    "rate_mm_yr < 0": {"sinking"},
    "0 > rate_mm_yr": {"sinking"},
    "rate_mm_yr >= -14 AND NOT kind = 'uplift'": {"sinking"},
    "kind = 'uplift' OR rate_mm_yr < -20 AND kind = 'none'": {"rising"},  # AND binds first
    "(kind = 'uplift' OR rate_mm_yr < -10) AND kind = 'none'": set(),
    "NOT (kind = 'uplift' AND rate_mm_yr > 0)": {"sinking"},
    "rate_mm_yr BETWEEN -15 AND -13": {"sinking"},
    "kind IN ('uplift', 'landslide')": {"rising"},
    "kind NOT IN ('uplift')": {"sinking"},
    "kind LIKE 'up%'": {"rising"},
    "kind LIKE 'u_lift'": {"rising"},
    "kind LIKE 'u%t' AND kind NOT LIKE 'up.*'": {"rising"},
    "kind = 'it''s'": set(),
    "peak_low_mm_yr IS NULL": {"rising"},
    "peak_low_mm_yr IS NOT NULL": {"sinking"},
    "peak_low_mm_yr <> 0": {"sinking"},  # what is unknown is neither equal nor unequal
    "NOT peak_low_mm_yr = 0": {"sinking"},
    "NOT (peak_low_mm_yr < -100)": {"sinking"},
    "simulated = false": BOTH,
    "simulated": set(),
    "NOT simulated": BOTH,
    "last_motion > DATE('2022-01-01')": {"sinking"},
    "last_motion > TIMESTAMP('2022-01-01T00:00:00Z')": {"sinking"},
    "last_motion > '2022-01-01'": {"sinking"},
    f"S_INTERSECTS(geometry, {AREA})": {"rising"},
    f"S_WITHIN(geometry, {AREA})": {"rising"},
    f"S_DISJOINT(geometry, {AREA})": {"sinking"},
    f"NOT S_INTERSECTS(geometry, {AREA})": {"sinking"},
    "S_CONTAINS(geometry, POINT(5 47))": {"rising"},
    "S_INTERSECTS(geometry, BBOX(-13, 46, -11, 48))": {"sinking"},
    "true": BOTH,
    "false OR kind = 'uplift'": {"rising"},
    "true AND NOT false": BOTH,
    "state = 'rejected'": set(),
}


def test_a_filter_in_text_chooses_what_it_says(codes):
    assert {condition: codes(condition) for condition in FILTERS} == FILTERS


def test_a_filter_in_json_does_the_same_and_fits_the_other_parameters(codes):
    rising = {"op": "=", "args": [{"property": "kind"}, "uplift"]}
    area = {"type": "Point", "coordinates": [5, 47]}
    inside = {"op": "s_intersects", "args": [{"property": "geometry"}, area]}
    assert codes(rising) == codes({"op": "and", "args": [rising, inside]}) == {"rising"}
    assert codes({"op": "not", "args": [rising]}) == {"sinking"}
    assert codes({"op": "between", "args": [{"property": "rate_mm_yr"}, 8, 10]}) == {"rising"}
    assert codes({"op": "in", "args": [{"property": "kind"}, ["uplift"]]}) == {"rising"}
    assert codes("rate_mm_yr > -100", bbox="4,46,6,48") == {"rising"}
    assert codes("rate_mm_yr > -100", **{"filter-crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}) == BOTH

    # PostgreSQL reads a regular expression of hundreds of wildcards in a row for seconds: a run of them is one.
    assert _pattern("%%%a%%_%b\\\\%%") == r"^.*a.*..*b\\.*$"
    assert _pattern(r"5\%%%") == "^5%.*$"
    assert codes({"op": "like", "args": [{"property": "kind"}, "%" * 499 + "t"]}) == {"rising"}


REFUSED = ["kind", "kind = 5", "rate_mm_yr = 'x'", "rate_mm_yr = true", "simulated = 'true'", "nothing = 1", "5"]
REFUSED += ["kind ==", "kind = state", "rate_mm_yr + 1 = 2", "CASEI(kind) = 'x'", "geometry = 'x'"]
REFUSED += ["last_motion > 'yesterday'", "T_AFTER(last_motion, DATE('2022-01-01'))", "S_INTERSECTS(kind, POINT(1 2))"]
REFUSED += ["rate_mm_yr = 1e999", "''", "S_INTERSECTS(geometry, POINT(500 2))"]
REFUSED += ["S_INTERSECTS(geometry, POLYGON((0 0,1 1,0 1,1 0,0 0)))", "S_INTERSECTS(geometry, POLYGON((0 0,1 1)))"]
REFUSED += ["kind IN (1)", "transitions__reason = 'x'", "area = 1", "\x00", "S_INTERSECTS(geometry, BBOX(1,2,3))"]
REFUSED += ["kind LIKE 5", "(" * 400, "-" * 8000, "NOT " * 3000, "S_INTERSECTS(geometry, GEOMETRYCOLLECTION EMPTY)"]
REFUSED += ["kind = 'uplift", "NULL", "kind = NULL", "rate_mm_yr IN ()"]


def test_what_is_no_filter_is_refused_at_once_with_a_remedy(client):
    for condition in REFUSED:
        began = time.process_time()
        answer = client.get(ALERTS, {"filter": condition})
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json"), condition[:40]
        assert answer.json()["remedy"]
        assert time.process_time() - began < 2, condition[:40]


TREES = [[], 5, "x", {}, {"op": "and"}, {"op": "and", "args": []}, {"op": [], "args": [1]}, {"op": "=", "args": [1, 2]}]
TREES += [{"op": "=", "args": [{"property": ["kind"]}, 1]}, {"op": "=", "args": [{"property": "kind"}, {"a": 1}]}]
TREES += [{"op": "in", "args": [{"property": "kind"}, "uplift"]}, {"property": "geometry"}, {"op": "not", "args": [1]}]
SHAPES = (1, {"type": "Point"}, {"bbox": 1}, {"type": "Point", "coordinates": [[1]]})
TREES += [{"op": "s_within", "args": [{"property": "geometry"}, shape]} for shape in SHAPES]
TREES += [{"op": ">", "args": [{"property": "rate_mm_yr"}, 10**400]}]


def test_json_that_is_no_filter_is_refused(client):
    deep = '{"op":"not","args":[' * 5000 + "true" + "]}" * 5000
    for condition in (*map(json.dumps, TREES), deep):
        answer = client.get(ALERTS, {"filter": condition, "filter-lang": "cql2-json"})
        assert answer.status_code == 400, condition[:60]


def test_every_queryable_of_every_collection_can_be_asked_for(client, product, pair_predictions, alert):
    values = {"boolean": "true", "integer": "1", "number": "1", "string": "'x'", "date": "'2024-01-01'"}
    values["date-time"] = "TIMESTAMP('2024-01-01T00:00:00Z')"
    n_asked = 0
    for catalogue in ("ogc", "stac"):
        for one in client.get(f"/{catalogue}/collections").json()["collections"]:
            listed = client.get(f"/{catalogue}/collections/{one['id']}/queryables")
            assert listed["Content-Type"] == "application/schema+json"
            for name, schema in listed.json()["properties"].items():
                condition = f'"{name}" = {values.get(schema.get("format", schema.get("type")))}'
                if schema.get("format") == "geometry-any":
                    condition = f"S_INTERSECTS({name}, {AREA}) OR S_WITHIN({name}, BBOX(-180,-90,180,90))"
                for wanted in (condition, f'"{name}" IS NOT NULL') if "type" in schema else (condition,):
                    address = f"/{catalogue}/collections/{one['id']}/items"
                    answer = client.get(address, {"filter": wanted})
                    assert answer.status_code == 200, (one["id"], wanted, answer.content)
                    n_asked += 1
    assert n_asked > 100
    assert "geometry" in client.get("/stac/queryables").json()["properties"]


def test_points_are_filtered_page_by_page(client, make_egms):
    product_load(path=make_egms(velocity_mm_yr=-12.0))
    ids, address = [], f"{POINTS}?limit=5&filter=velocity_mm_yr < -10 AND pid > 'pt00000003'"
    while address:
        page = client.get(address).json()
        assert "numberMatched" not in page
        ids += [one["properties"]["pid"] for one in page["features"]]
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    assert ids == [f"pt{index:08d}" for index in range(4, 12)]
    assert client.get(f"{POINTS}?filter=velocity_mm_yr > 0").json()["features"] == []
    earth = "POLYGON((-180 -90,180 -90,180 90,-180 90,-180 -90))"
    whole = f"S_INTERSECTS(geometry, {earth}) AND product = {Product.objects.get().pk}"
    assert client.get(POINTS, {"filter": whole}).json()["numberReturned"] == 12
