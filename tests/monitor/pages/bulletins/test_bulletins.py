"""Bulletins: the computer drafts, an operator signs, and everybody reads what was signed, which then stays as it is."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.urls import reverse
from shapely import Point
from shapely.geometry import box, mapping, shape

from detection.models import AuditEntry
from ingest.models import Product
from ingest.products.services import product_load
from ingest.stations.services import stations_load
from ml import trends
from ml.models import TrendSearch
from ml.tasks import search_trends
from monitor.models.bulletins import Bulletin
from monitor.models.messages import OutgoingMessage
from monitor.notifications.announcements import bulletins_announce
from monitor.notifications.rounds import messages_send
from monitor.pages.bulletins.drafts import bulletins_draft
from tests.makers.bulletins import changed_region, made_place, made_search

pytestmark = pytest.mark.django_db
HERE = (13.192, 38.711)


@pytest.fixture
def draft(product) -> Bulletin:
    """A draft about one place."""
    made_search(product, made_place(*HERE))
    bulletins_draft()
    return Bulletin.objects.get()


def page(client, bulletin: Bulletin, name: str = "bulletin-detail") -> str:
    return " ".join(client.get(reverse(name, args=[bulletin.pk])).content.decode().split())


def sign(operator, bulletin: Bulletin, **texts: str):
    """Sign as an operator does: with what the form holds."""
    address = reverse("bulletin-edit", args=[bulletin.pk])
    expected = re.search(r'name="expected" value="([^"]+)"', operator.get(address).content.decode())[1]
    return operator.post(address, {"expected": expected, "deed": "sign"} | texts)


def test_a_bulletin_of_the_demo_names_all_changes_and_at_most_one_other_place_per_thousand_clusters(tmp_path):
    paths, changes = changed_region(tmp_path, days_ago=(170, 160, 150, 165, 800))
    for path in paths:
        product_load(path=path)
        search_trends()
    bulletins_draft()
    (bulletin,) = Bulletin.objects.all()
    places = [shape(one["outline"]) for region in bulletin.content["regions"] for one in region["places"]]
    degrees = 2 * changes[0].radius_m / 111_000
    near = [[place.distance(Point(one[:2])) < degrees for one in changes] for place in places]
    assert [any(row[at] for row in near) for at in range(5)] == [True, True, True, True, False]  # the last is older
    assert sum(not any(row[:4]) for row in near) <= bulletin.content["n_clusters"] / 1_000
    assert not trends.trend_searches_due().exists()
    bulletins_draft()
    assert Bulletin.objects.count() == 1


def test_what_overlaps_in_two_tracks_is_one_place(product):
    other = Product.objects.get(pk=product.pk)
    other.pk, other.file_sha256, other.name, other._state.adding = None, "f" * 64, "other track", True
    other.save()
    made_search(product, made_place(*HERE))
    made_search(other, made_place(*HERE, sigmas=5.0), made_place(HERE[0] + 0.02, HERE[1]))
    bulletins_draft()
    (region,) = Bulletin.objects.get().content["regions"]
    assert [one["n_fields"] for one in region["places"]] == [2, 1]


def test_fields_that_show_another_trend_do_not_agree(product):
    other = Product.objects.get(pk=product.pk)
    other.pk, other.file_sha256, other.name, other._state.adding = None, "f" * 64, "other track", True
    other.save()
    made_search(product, made_place(*HERE))
    made_search(other, made_place(*HERE, sigmas=5.0, trend="slower"))
    bulletins_draft()
    (region,) = Bulletin.objects.get().content["regions"]
    assert [(one["trend"], one["n_fields"]) for one in region["places"]] == [("faster", 1)]


def test_a_few_days_of_rain_are_no_sum_of_a_period(product, tmp_path):
    path = tmp_path / "rain.csv"
    path.write_text(f"gauge,date,longitude,latitude,rain_mm_day\nR1,{product.dates[-1]},13.20,38.72,3.0\n")
    stations_load(path=path)
    made_search(product, made_place(*HERE))
    bulletins_draft()
    (region,) = Bulletin.objects.get().content["regions"]
    assert region["places"][0]["gauges"] == []


def test_a_draft_is_for_those_who_work_here_and_says_that_a_computer_made_it(client, operator, draft):
    for name in ("bulletin-detail", "bulletin-report"):
        assert client.get(reverse(name, args=[draft.pk])).status_code == 302
        assert "made by the computer, not yet checked by a specialist" in page(operator, draft, name)
    assert "No bulletin has been signed yet." in client.get("/bulletins/").content.decode()
    assert "Edit and sign" in operator.get("/bulletins/").content.decode()
    assert client.get("/bulletins.atom").content.count(b"<entry>") == 0
    bulletins_announce()
    assert not OutgoingMessage.objects.exists()


def test_a_signed_bulletin_is_public_in_the_archive_and_the_feed_and_is_audited(client, operator, draft):
    answer = sign(operator, draft, **{"text-introduction": "It rained a lot.\x00"})
    assert answer.headers["Location"] == reverse("bulletin-detail", args=[draft.pk])
    for name in ("bulletin-detail", "bulletin-report"):
        text = page(client, draft, name)
        assert "At one place, the ground changed its speed between" in text
        assert "It rained a lot." in text
        assert "21 mm a year" in text
        assert "faster than before" in text
        assert "40 points lie here; 12 of them show the change individually." in text
        assert "anna" not in text
    assert "At one place, the ground changed its speed" in client.get("/bulletins/").content.decode()
    feed = client.get("/bulletins.atom").content.decode()
    assert feed.count("<entry>") == 1
    assert reverse("bulletin-detail", args=[draft.pk]) in feed
    entry = AuditEntry.objects.get(action="bulletin signed")
    assert (entry.actor, entry.subject) == ("anna", f"bulletin {draft.pk}")


def test_what_was_signed_never_changes_and_new_data_begin_a_new_draft(operator, draft):
    sign(operator, draft)
    draft.refresh_from_db()
    before = draft.content
    newer = Product.objects.get(pk=draft.searches.get().product_id)
    newer.pk, newer.file_sha256, newer._state.adding = None, "e" * 64, True
    newer.save()
    made_search(newer, made_place(*HERE), made_place(HERE[0] + 0.03, HERE[1]))
    bulletins_draft()
    newest = Bulletin.objects.get(signed_at=None)
    places = [one for region in newest.content["regions"] for one in region["places"]]
    assert sorted(bool(one["in_bulletin_of"]) for one in places) == [False, True]
    assert "already in the bulletin of" in page(operator, newest)
    draft.refresh_from_db()
    assert draft.content == before
    assert operator.get(reverse("bulletin-edit", args=[draft.pk])).status_code == 404


def test_a_draft_that_has_grown_since_is_not_signed_unseen(operator, draft, product):
    expected = draft.updated_at.isoformat()
    TrendSearch.objects.update(places=[made_place(*HERE), made_place(HERE[0] + 0.02, HERE[1])])
    draft.searches.clear()
    bulletins_draft()
    address = reverse("bulletin-edit", args=[draft.pk])
    answer = operator.post(address, {"expected": expected, "deed": "sign", "text-introduction": "Old."})
    assert answer.status_code == 409
    assert "nothing was saved" in answer.content.decode()
    assert "<blockquote>Old.</blockquote>" in answer.content.decode()
    assert not Bulletin.objects.exclude(signed_at=None).exists()


def test_where_nothing_changed_one_sentence_says_so(client, operator, product, load_context):
    load_context("regions", mapping(box(12, 38, 14, 39)), name="Westshore", level=1)
    made_search(product)
    bulletins_draft()
    draft = Bulletin.objects.get()
    sign(operator, draft)
    text = page(client, draft)
    assert "Nowhere did the ground clearly change its speed between" in text
    assert "No change was found in Westshore." in text


def test_rain_and_groundwater_nearby_stand_beside_a_place(client, operator, product, tmp_path):
    last = product.dates[-1]
    for head, name, *values in (("rain_mm_day", "R1", 3.0, 1.0), ("level_m", "G1", 98.8, 100.0)):
        periods = [(last - timedelta(days=365 * back), value) for back, value in enumerate(values)]
        rows = [
            f"{name},{end - timedelta(days=day)},13.20,38.72,{value}" for end, value in periods for day in range(181)
        ]
        path = tmp_path / f"{name}.csv"
        path.write_text("\n".join([f"gauge,date,longitude,latitude,{head}", *rows, ""]))
        stations_load(path=path)
    made_search(product, made_place(*HERE))
    bulletins_draft()
    draft = Bulletin.objects.get()
    sign(operator, draft)
    text = page(client, draft)
    assert "Rain in this period at R1 (1.2 km away): 540 mm; usually 180 mm." in text
    assert "Groundwater at G1 (1.2 km away): 1.2 m lower than in earlier years." in text


def test_who_asked_for_bulletins_of_a_place_gets_the_signed_one_once(operator, draft, make_subscription):
    make_subscription("reader@example.org", longitude=HERE[0], latitude=HERE[1], bulletins=True)
    make_subscription("alerts-only@example.org", longitude=HERE[0], latitude=HERE[1])
    make_subscription("elsewhere@example.org", bulletins=True)
    sign(operator, draft, **{"text-introduction": "It rained a lot."})
    bulletins_announce()
    bulletins_announce()
    messages_send()
    (letter,) = mail.outbox
    assert letter.to == ["reader@example.org"]
    assert letter.subject.startswith("At one place, the ground changed its speed between")
    assert "It rained a lot." in letter.body
    assert reverse("bulletin-detail", args=[draft.pk]) in letter.body
    assert "List-Unsubscribe" in letter.extra_headers
