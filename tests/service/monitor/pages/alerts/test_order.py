"""Every list has one order: what matters first, and at rest last; a reader's own choice and feeds by time stay."""

import json
import re

import pytest

from detection.models import Alert
from detection.selectors import MOST_IMPORTANT_FIRST
from monitor.maps.charts.here import MAX_ALERTS, _alerts_near
from monitor.notifications.mail import letters
from monitor.notifications.mail.letters import SHOWN_OF_MANY, AlertNews, RegionNews
from monitor.wording.cards.cards import alert_card
from tests.makers.regions import make_region

pytestmark = pytest.mark.django_db
STEPS = (3.0, -39.0, 9.1, -18.0, 6.5, 5.0)  # neither by time, nor by severity, speed or area


@pytest.fixture
def order(make_alert) -> list[str]:
    """Return the codes of six alerts, the most important first, the fastest and newest last."""
    made = [make_alert(longitude=-12.0 + n / 100, peak_rate_mm_yr=-10.0 * n) for n, _ in enumerate(STEPS)]
    for alert, steps in zip(made, STEPS, strict=True):
        Alert.objects.filter(pk=alert.pk).update(importance=steps)
    return [alert.code for _, alert in sorted(zip(STEPS, made, strict=True), key=lambda pair: -pair[0])]


def named(content: bytes, order: list[str]) -> list[str]:
    """Return the codes of a page in the order in which they first appear."""
    return list(dict.fromkeys(re.findall("|".join(order), content.decode())))


def test_pages_stand_in_the_order_of_importance(client, order, operator):
    region = make_region()
    for address in (
        "/",
        "/alerts/",
        "/alerts/?view=table",
        f"/regions/{region.slug}/",
        f"/regions/{region.slug}/report/",
    ):
        cards = client.get(address).content.split(b"<main", 1)[1]
        listed = re.sub(rb"<svg class=\"plan.*?</svg>", b"", cards, flags=re.DOTALL)
        assert named(listed, order) == order, address
    widget = client.get(f"/embed/regions/{region.slug}/").content
    assert named(re.sub(rb"<svg class=\"plan.*?</svg>", b"", widget, flags=re.DOTALL), order) == order[:5]
    assert re.findall(r'data-case="(\w+)"', operator.get("/review/").content.decode()) == order


def test_programs_get_it_in_the_same_order_and_may_ask_for_another(client, order):
    features = json.loads(client.get("/alerts.geojson").content)["features"]
    assert [one["properties"]["code"] for one in features] == order  # and the map's marks, the first on top
    assert [one["code"] for one in client.get("/api/v1/alerts").json()["items"]] == order
    pages = [client.get(f"/api/v1/alerts?limit=2&offset={at}").json()["items"] for at in (0, 2, 4)]
    assert [one["code"] for page in pages for one in page] == order
    Alert.objects.filter(importance=3.0).first().save()
    assert client.get("/api/v1/alerts?sort=changed").json()["items"][0]["code"] == order[3]
    assert client.get("/api/v1/alerts?sort=size").status_code == 400
    ogc = client.get("/ogc/collections/alerts/items").json()["features"]
    figures = {one["id"]: one["properties"]["importance"] for one in ogc}
    assert sorted(figures, key=lambda code: -figures[code]) == order


def test_a_digest_has_the_most_important_places_first_and_a_summary_leaves_out_the_least(order, make_subscription):
    items = [AlertNews(alert_card(alert), (alert.transitions.get(),)) for alert in Alert.objects.order_by("pk")]
    for many, shown in ((items, order), (items * 2, order)):
        place = RegionNews(make_subscription(), many, "")
        part = letters.Part(place, many is not items, lambda alert, card: None)
        codes = list(dict.fromkeys(item.card.code for item in part.items))
        assert codes == shown[: len(codes)]
        assert len(part.items) == (len(items) if many is items else SHOWN_OF_MANY)


def test_near_a_house_what_moves_comes_before_what_is_at_rest(order, make_alert):
    near = [one.card.code for one in _alerts_near(-11.99, 47.0)]  # where the place at rest is
    assert len(near) == MAX_ALERTS
    assert not set(near) & set(order[-2:])
    made = [make_alert() for _ in range(3)]  # of equal importance the newest is first, so that pages repeat none
    assert list(Alert.objects.filter(pk__in=[one.pk for one in made]).order_by(*MOST_IMPORTANT_FIRST)) == made[::-1]
