"""A place by its name: found, offered where there are several, named in the subscription, changed later."""

import re

import pytest

from ground_motion.readers.context.records import ContextKind
from ingest.context.services import context_load
from monitor.models.subscriptions import Subscription
from monitor.subscribers.subscriptions import tokens
from tests.makers.organisations import FORM
from tests.waiting import reread

pytestmark = pytest.mark.django_db

WISH = FORM | {"latitude": "", "longitude": "", "distance": "800", "email": "resident@example.org"}
RING = [[-12.1, 46.9], [-11.9, 46.9], [-11.9, 47.1], [-12.1, 47.1], [-12.1, 46.9]]


@pytest.fixture(autouse=True)
def gazetteer(tmp_path, load_context):
    """One Aldwick, two Newtons, and the region of Westshore."""
    path = tmp_path / "villages.csv"
    rows = ["Aldwick,47.027,-12,2300", "Newton,46.5,-12,10", "Newton,46.6,-12.5,20"]
    path.write_text("\n".join(["name,latitude,longitude,population", *rows]) + "\n")
    context_load(path=path, kind=ContextKind.PLACES)
    load_context("regions", {"type": "Polygon", "coordinates": [RING]}, name="Westshore", admin="Atlantis")


def offered(response) -> list[str]:
    return re.findall(r'name="hit" value="([^"]+)"', response.content.decode())


def test_a_name_that_only_one_place_has_is_enough_and_of_several_places_one_is_chosen_from_a_list(client):
    assert client.post("/subscribe/", WISH | {"place": "aldwick"}).status_code == 302
    subscription = Subscription.objects.get()
    assert subscription.label == "800 m around Aldwick"
    assert subscription.region.centroid.coords == pytest.approx((-12, 47.027), abs=1e-4)
    answer = client.post("/subscribe/", WISH | {"place": "Newton"})
    assert answer.status_code == 422
    assert "Choose which of these places you mean." in answer.content.decode()
    values = offered(answer)
    assert "20 inhabitants, 46.60° N 12.50° W" not in answer.content.decode()  # their inhabitants distinguish them
    assert values == ["46.60000,-12.50000", "46.50000,-12.00000"]  # the most people first
    client.post("/subscribe/", WISH | {"place": "Newton", "hit": values[1]})
    chosen = Subscription.objects.latest("pk")
    assert (chosen.label, chosen.region.centroid.y) == ("800 m around Newton", pytest.approx(46.5, abs=1e-3))
    at = {"latitude": "47.5", "longitude": "-12"}  # Nobody writes their own words into the mail of somebody else.
    client.post("/subscribe/", WISH | at | {"place": "Buy this at evil.example", "name": "evil.example"})
    assert Subscription.objects.latest("pk").label == "800 m around 47.50° N 12.00° W"


def test_the_button_and_a_part_of_its_name_offer_a_region_and_keep_what_was_filled_in(client):
    answer = client.post("/subscribe/", WISH | {"place": "Westshore", "search": "1", "frequency": "weekly"})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Please look at this" not in page
    (value,) = offered(answer)
    assert value.startswith("region:")
    assert re.search(r'value="weekly"\s+checked', page)
    assert "resident@example.org" in page
    part = WISH | {"where": "region", "region": "west"}
    answer = client.post("/subscribe/", part)
    assert "No region is called exactly so" in answer.content.decode()
    assert offered(answer) == [value]
    for wish in (WISH | {"place": "Westshore"}, part):
        assert client.post("/subscribe/", wish | {"hit": value}).status_code == 302
    assert [one.label for one in Subscription.objects.all()] == ["Westshore"] * 2


REFUSED = [
    ({"place": "Nowhereville"}, "No place of this name was found"),
    ({"place": ""}, "Search for a place"),
    ({"where": "region", "region": "Nowhereville"}, "No region called"),
    ({"where": "region", "region": ""}, "Type the name"),
    ({"place": "x", "hit": "nan,inf"}, "Latitude must be between"),
    ({"place": "x", "hit": "region:nowhere"}, "Type the name of a region"),
    ({"where": "boundary"}, "Choose a file with a boundary"),
]


def test_a_place_that_is_not_found_is_said_so(client):
    for change, message in REFUSED:
        answer = client.post("/subscribe/", WISH | change)
        assert (answer.status_code, message in answer.content.decode()) == (422, True), change
    assert not Subscription.objects.exists()


def test_a_place_and_its_name_are_changed_by_the_owner_alone(client, make_subscription):
    mine, theirs = make_subscription("resident@example.org"), make_subscription("neighbour@example.org")
    page = f"/subscriptions/{tokens.manage_token(mine.pk)}/{mine.pk}/where/"
    assert "It looks here now" in client.get(page).content.decode()
    before = mine.region
    client.post(page, {"where": "keep", "name": "Mill"})
    assert (reread(mine).name, mine.region) == ("Mill", before)
    assert client.post(page, {"where": "circle", "place": "Newton", "name": "Mill"}).status_code == 422
    assert client.post(page, {"where": "circle", "place": "Aldwick", "distance": "200"}).status_code == 302
    assert (reread(mine).name, mine.label) == ("", "200 m around Aldwick")
    for pk in (theirs.pk, 999_999):
        assert client.post(f"/subscriptions/{tokens.manage_token(mine.pk)}/{pk}/where/", {}).status_code == 410
