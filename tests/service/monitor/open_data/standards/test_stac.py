"""The STAC catalogue passes stac-validator, and leads from a result to the data behind it."""

import json
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pystac import Catalog, Item
from pystac import Collection as StacCollection
from stac_validator import utilities
from stac_validator.validate import StacValidate

from ingest.models import Product, Scene
from ml.models import Prediction, Run
from tests.makers import pairs as made_pairs
from tests.makers.stac_schemas import schema_files

pytestmark = pytest.mark.django_db
NAMES = ("velocity-fields", "radar-images", "predictions", "alerts")
EXTENSIONS = {"file": "file/v2.1.0", "proj": "projection/v2.0.0", "sat": "sat/v1.0.0"}
SCHEMAS = schema_files()


@pytest.fixture(autouse=True)
def no_schema_from_the_network(monkeypatch):
    monkeypatch.setattr(utilities.requests, "get", None)


def answer(client, address: str) -> dict:
    response = client.get(address)
    assert response.status_code == 200, response.content
    return response.json()


def items(client, name: str, query: str = "") -> list[dict]:
    return answer(client, f"/stac/collections/{name}/items{query}")["features"]


def faults(document: dict) -> list[str]:
    """Return what stac-validator finds, in the core's schema and in those of the extensions in use."""
    validator = StacValidate(schema_map=dict(SCHEMAS))
    is_valid = validator.validate_dict(json.loads(json.dumps(document)))
    return [] if is_valid else [one["error_message"] for one in validator.message]


def check(document: dict, kind: type) -> None:
    assert faults(document) == []
    kind.from_dict(document)


def check_extensions(item: dict) -> None:
    """Check that the extensions in use are named: of others the validator reads no schema."""
    parts = (item["properties"], *item["assets"].values())
    used = {name.partition(":")[0] for part in parts for name in part if ":" in name}
    named = {f"https://stac-extensions.github.io/{EXTENSIONS[prefix]}/schema.json" for prefix in used}
    assert set(item["stac_extensions"]) == named


def test_catalogue_and_collections_are_valid_though_empty(client):
    home = answer(client, "/stac/")
    check(home, Catalog)
    children = [link["href"] for link in home["links"] if link["rel"] == "child"]
    assert len(children) == len(NAMES)
    for address in children:
        check(answer(client, urlsplit(address).path), StacCollection)


def test_every_item_is_valid_and_says_where_its_data_are(client, pair_predictions, product, alert):
    for scene in Scene.objects.all():
        made_pairs.fill_scene(scene, made_pairs.full(0.1))
    counts = {"velocity-fields": 1, "radar-images": Scene.objects.count(), "predictions": len(pair_predictions)}
    counts["alerts"] = 1
    for name, count in counts.items():
        check(answer(client, f"/stac/collections/{name}"), StacCollection)
        found = items(client, name)
        assert len(found) == count
        for one in found:
            check(one, Item)
            assert answer(client, f"/stac/collections/{name}/items/{one['id']}") == one
            assert one["assets"]
            check_extensions(one)
            for asset in one["assets"].values():
                response = client.get(asset["href"].removeprefix("http://testserver"))
                assert response.status_code == 200, asset
                assert not response.streaming or list(response.streaming_content)


def test_a_result_leads_to_its_images_and_states_the_hash_of_its_file(client, pair_predictions, product):
    prediction = Prediction.objects.order_by("pk").first()
    one = items(client, "predictions", "?limit=1")[0]
    assert one["assets"]["raster"]["file:checksum"] == f"1220{prediction.raster_sha256}"
    sources = [link["href"] for link in one["links"] if link["rel"] == "derived_from"]
    times = [answer(client, urlsplit(address).path)["properties"]["datetime"] for address in sources]
    assert times == [one["properties"]["start_datetime"], one["properties"]["end_datetime"]]
    assert {each["properties"]["task"] for each in items(client, "predictions", "?task=offsets")} == {"offsets"}
    assert all(one["properties"]["title"].startswith("Simulated: ") for one in items(client, "radar-images"))
    assert all(one["properties"]["simulated"] for one in items(client, "predictions"))
    assert not items(client, "velocity-fields")[0]["properties"]["simulated"]
    assert answer(client, f"/stac/collections/velocity-fields/items/{product.pk}")["properties"]["datum"]["sentence"]
    # What is not usable or not finished is not listed.
    scene = Scene.objects.order_by("pk").first()
    Scene.objects.filter(pk=scene.pk).update(state=Scene.State.REFUSED, reason="no map projection")
    Run.objects.update(state=Run.State.FAILED)
    assert str(scene.pk) not in {one["id"] for one in items(client, "radar-images")}
    assert client.get(f"/stac/collections/radar-images/items/{scene.pk}").status_code == 404
    assert items(client, "predictions") == []
    assert client.get(f"/stac/collections/predictions/items/{pair_predictions[0].pk}").status_code == 404


def test_an_alert_has_the_same_figures_as_item_and_as_feature(client, make_alert):
    place, other = make_alert(), make_alert(longitude=5.0, kind="uplift")
    (one,) = asked(client, collections=["alerts"], ids=[place.pk], sortby=["-datetime"])["features"]
    feature = answer(client, urlsplit(one["assets"]["feature"]["href"]).path)
    assert {name: one["properties"][name] for name in feature["properties"]} == feature["properties"]
    assert one["properties"]["peak_rate_mm_yr"] == place.peak_rate_mm_yr
    assert [each["id"] for each in items(client, "alerts", "?kind=uplift")] == [str(other.pk)]


def test_items_are_found_by_time_and_place(client, pair_predictions, product):
    day = Scene.objects.order_by("acquired_at").first().acquired_at.date()
    assert len(items(client, "radar-images", f"?datetime={day}T00:00:00Z/{day}T23:59:59Z")) == 1
    assert not any(items(client, name, "?bbox=0,0,1,1") for name in NAMES)
    assert len(items(client, "predictions", "?bbox=-13,46,-11,48")) == len(pair_predictions)
    last = Product.objects.get().dates[-1]
    assert len(items(client, "velocity-fields", f"?datetime={last}T00:00:00Z/..")) == 1
    assert items(client, "velocity-fields", "?datetime=2100-01-01T00:00:00Z") == []
    listed = {one["id"]: one["summaries"] for one in answer(client, "/stac/collections")["collections"]}
    assert listed["velocity-fields"]["component"] == [product.component]
    assert listed["radar-images"]["gsd"] == [Scene.objects.first().posting_m]
    assert listed["predictions"]["task"] == sorted({one.run.model_version.task for one in pair_predictions})
    Prediction.objects.all().delete()
    assert answer(client, "/stac/collections/predictions")["summaries"] == {}


RFC_3339 = ["1985-04-12t23:20:50.000z", "1985-04-12T23:20:50.012345678+01:00", "1985-04-12T23:20:50 01:00", "../{}"]
NOT_RFC_3339 = ["1985-04-12", "1985-04-12T23:20:50.52+0100", "1985-04-12T23:20:50.Z", "1985-04-12T23:20:50,52Z"]
NOT_RFC_3339 += ["1985-04-12T23:20:50.52", "1985-04-12T23:20:50Z/1986-04-12", "19850412T232050Z"]


def test_a_moment_is_written_as_in_rfc_3339_in_either_case(client):
    for where in ("search", "collections/radar-images/items"):
        for text in RFC_3339:
            answer(client, f"/stac/{where}?datetime={text.format(RFC_3339[0])}")
        for text in NOT_RFC_3339:
            refused = client.get(f"/stac/{where}", {"datetime": text})
            assert refused.status_code == 400, text
            assert refused.json()["error"] == f"datetime is no moment: {text.rpartition('/')[2]!r}"
            assert refused.json()["remedy"] == "Give datetime=2024-05-01T12:00:00Z."


def test_a_search_goes_through_all_collections_page_by_page(client, pair_predictions, product):
    addresses = ["", "collections", "search?limit=1"]
    addresses += [f"collections/{name}{part}" for name in NAMES for part in ("", "/items?limit=1")]
    for address in addresses:
        page = answer(client, f"/stac/{address}")
        for document in (page, *page.get("features", []), *page.get("collections", [])):
            assert all(link["title"] for link in document["links"]), (address, document["links"])
    address, pages = "/stac/search?limit=4", []
    while address:
        page = answer(client, address)
        pages.append([(one["collection"], one["id"]) for one in page["features"]])
        (address,) = [
            link["href"].removeprefix("http://testserver") for link in page["links"] if link["rel"] == "next"
        ] or [""]
    whole = [(name, one["id"]) for name in NAMES for one in items(client, name)]
    assert [one for page in pages for one in page] == whole
    assert all(len(page) == 4 for page in pages[:-1])
    scene = str(Scene.objects.first().pk)
    found = answer(client, f"/stac/search?collections=radar-images&ids={scene},0")["features"]
    assert [(one["collection"], one["id"]) for one in found] == [("radar-images", scene)]
    for wrong in ("collections=none", "after=x", "sortby=-datetime&after=predictions:0"):
        assert client.get(f"/stac/search?{wrong}").status_code == 400

    def n_queries(ids: list[str]) -> int:
        with CaptureQueriesContext(connection) as queries:
            found = asked(client, ids=ids, limit=1000)
        assert len(found["features"]) == Scene.objects.count() + len(pair_predictions)
        return len(queries)

    present = [str(row.pk) for row in (*Scene.objects.all(), *pair_predictions)]
    absent = [str(number) for number in range(10**6, 10**6 + 1000 - len(present))]
    assert n_queries([*present, *absent]) == n_queries(present)


GROUND = {"type": "Polygon", "coordinates": [[[-13, 46], [-11, 46], [-11, 48], [-13, 46]]]}
WRONG = ["[1]", "{", '{"collections": {"a": 1}}', '{"limit": true}', '{"colections": ["predictions"]}']
WRONG += [{"intersects": GROUND, "bbox": [0, 0, 1, 1]}, {"intersects": {"type": "Point"}}, {"sortby": "title"}]
WRONG += [{"bbox": box} for box in ("100.0, 0.0, 105.0, 1.0", ["a", "b", "c", "d"], 5)]


def test_a_search_may_be_posted(client, pair_predictions):
    found = asked(client, collections=["predictions"], bbox=[-13, 46, -11, 48])["features"]
    assert found == answer(client, "/stac/search?collections=predictions&bbox=-13,46,-11,48")["features"]
    assert asked(client, ids=[found[0]["id"]], collections=["predictions"])["features"] == found[:1]
    for wrong in WRONG:
        refused = client.post("/stac/search", wrong, content_type="application/json")
        assert (refused.status_code, refused["Content-Type"]) == (400, "application/problem+json"), wrong
    methods = [link.get("method") for link in answer(client, "/stac/")["links"] if link["rel"] == "search"]
    assert methods == ["GET", "POST"]


def test_the_condition_of_a_page_grows_with_the_distinct_sort_keys_alone(client, product):
    def size(sortby: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            answer(client, f"/stac/search?limit=1&after=velocity-fields:{product.pk}&sortby={sortby}")
        return sum(len(query["sql"]) for query in queries)

    names = ("id", "-datetime", "created", "start_datetime", "end_datetime")
    assert size(",".join([*names, *reversed(names)] * 200)) == size(",".join(names))
    one, two, four = (size(",".join(names[:n])) for n in (1, 2, 4))
    assert four - two < 2.5 * (two - one) + 4 * len("start_datetime") ** 2  # linear


MUCH = {
    "“ids” has 1,001 entries": {"ids": [*range(1, 1002)]},
    "the body has": {"filter": "." * 2**20},
    "“collections” has 10,000 entries": {"collections": [f"a{n}" for n in range(10_000)]},
    "“intersects”": {"intersects": {"type": "MultiPoint", "coordinates": [[n / 1000, 0] for n in range(6000)]}},
}


def test_what_costs_much_is_refused_with_the_limit(client):
    for error, body in MUCH.items():
        refused = client.post("/stac/search", body, content_type="application/json")
        assert refused.status_code == 400, error
        assert refused.json()["error"].startswith(error)
        assert len(refused.json()["detail"]) <= 200
        assert "ids" not in body or refused.json()["remedy"] == "Give at most 1,000."
    asked(client, ids=[*range(1, 1001)])


def asked(client, **body) -> dict:
    answer = client.post("/stac/search", body, content_type="application/json")
    assert answer.status_code == 200, answer.content
    return answer.json()


SORTS = [["-datetime"], ["+datetime"], ["created", "-id"], ["-start_datetime", "end_datetime"]]
SORTS += [["-properties.datetime"], ["-id", "id"]]


def test_pages_of_a_sorted_search_hold_every_item_once_in_that_order(client, pair_predictions, product):
    for sortby in SORTS:
        directions = [{"field": one.lstrip("+-"), "direction": "desc" if one[0] == "-" else "asc"} for one in sortby]
        whole = asked(client, sortby=directions, limit=1000)["features"]
        page, found = asked(client, sortby=directions, limit=3), []
        while page["features"]:
            assert page["numberMatched"] == len(whole) == len(pair_predictions) + 4
            found += page["features"]
            following = [link for link in page["links"] if link["rel"] == "next"]
            assert all(link["method"] == "POST" for link in following)
            page = asked(client, **following[0]["body"]) if following else {"features": []}
        assert found == whole, sortby
        assert answer(client, f"/stac/search?limit=1000&sortby={','.join(sortby)}")["features"] == whole, sortby
        if len(sortby) == 1:
            ends = [one["properties"]["datetime"] or one["properties"]["end_datetime"] for one in found]
            assert ends == sorted(ends, reverse=sortby[0][0] == "-")
