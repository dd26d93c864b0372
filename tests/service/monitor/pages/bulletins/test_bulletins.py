"""Bulletins: the computer drafts, an operator signs, and everybody reads what was signed, which then stays as it is."""

import re
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
import shapely
from django.conf import settings
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from shapely.geometry import box, mapping, shape

from detection.models import AuditEntry
from ground_motion.simulation import nation
from ground_motion.simulation.files.egms import egms_name, write_egms_l2b
from ground_motion.simulation.files.nation import part_of
from ground_motion.simulation.ground.sources import RateChange
from ingest.models import AdministrativeRegion, Product
from ingest.products.services import product_load
from ingest.stations.services import stations_load
from ml.models import TrendSearch
from ml.runs.selectors import trend_searches_due
from ml.tasks import search_trends
from monitor.models.messages import Bulletin, OutgoingMessage
from monitor.notifications.announcements import bulletins_announce
from monitor.notifications.rounds import messages_send
from monitor.pages.bulletins.drafts import bulletins_draft
from tests.makers.bulletins import made_place, made_search
from tests.makers.regions import make_region

pytestmark = pytest.mark.django_db
HERE = (13.192, 38.711)


@pytest.fixture
def draft(product) -> Bulletin:
    """A draft about one place."""
    made_search(product, made_place(*HERE))
    bulletins_draft()
    return Bulletin.objects.get()


def copy_of(product: Product, letter: str, name: str) -> Product:
    """Store a product once more, with another hash and name."""
    other = Product.objects.get(pk=product.pk)
    other.pk, other.file_sha256, other.name, other._state.adding = None, letter * 64, name, True
    other.save()
    return other


def page(client, bulletin: Bulletin, name: str = "bulletin-detail") -> str:
    return " ".join(client.get(reverse(name, args=[bulletin.pk])).content.decode().split())


def sign(operator, bulletin: Bulletin, **texts: str):
    """Sign as an operator does: with what the form holds."""
    address = reverse("bulletin-edit", args=[bulletin.pk])
    expected = re.search(r'name="expected" value="([^"]+)"', operator.get(address).content.decode())[1]
    return operator.post(address, {"expected": expected, "deed": "sign"} | texts)


def test_changes_of_the_demos_ground_are_named_an_older_one_and_other_places_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(nation, "PANEL_WORKED_OUT", RateChange(date(2021, 10, 1), -1.0))
    config = nation.NationConfig()
    config = replace(config, region=replace(config.region, tracks=config.region.tracks[:1]))
    region = nation.simulate_nation(7, config).region
    (track,) = region.tracks
    truths = [one for one in region.truths if one.change]
    near = [
        shapely.dwithin(shapely.points(track.easting_m, track.northing_m), one.polygon_grid, 1_500) for one in truths
    ]
    part = part_of(track, np.any(near, axis=0), 1)
    path = tmp_path / f"{egms_name(part)}.zip"
    write_egms_l2b(path, part)
    product_load(path=path)
    search_trends()
    bulletins_draft()
    (bulletin,) = Bulletin.objects.all()
    places = [shape(one["outline"]) for region in bulletin.content["regions"] for one in region["places"]]
    named = [one.change for one in truths if any(place.intersects(one.polygon) for place in places)]
    assert sorted(named) == [nation.PANEL_HASTENED, nation.SLOPE_QUICKENS]  # by their days
    assert len(places) == 2
    assert bulletin.content["n_clusters"] > 300
    assert not trend_searches_due().exists()
    bulletins_draft()
    assert Bulletin.objects.count() == 1


def test_a_draft_takes_as_many_queries_for_forty_places_as_for_one(product, load_context, tmp_path):
    load_context("regions", mapping(box(12, 38, 14, 39)), name="Westshore", level=1)
    path = tmp_path / "levels.csv"
    path.write_text(f"gauge,date,longitude,latitude,level_m\nG1,{product.dates[-1]},13.20,38.72,3.0\n")
    stations_load(path=path)
    search, counts = made_search(product), []
    for n in (1, 40, 1):  # the first draft also asks what later ones remember
        Bulletin.objects.all().delete()
        TrendSearch.objects.filter(pk=search.pk).update(
            places=[made_place(HERE[0] + at / 200, 38.7) for at in range(n)]
        )
        with CaptureQueriesContext(connection) as queries:
            bulletins_draft()
        counts.append(len(queries))
        (region,) = Bulletin.objects.get().content["regions"]
        assert len(region["places"]) == n
        assert region["places"][0]["gauges"]
    assert counts[1] == counts[2]


def test_a_superseded_field_leaves_the_draft_which_waits_for_its_successor_and_goes_if_none_is_due(product):
    other = copy_of(product, "f", "other track")
    made_search(product, made_place(*HERE))
    made_search(other, made_place(HERE[0] + 0.02, HERE[1]))
    bulletins_draft()
    assert Bulletin.objects.get().n_places == 2
    Product.objects.filter(pk=other.pk).update(superseded_by=copy_of(product, "e", "next release"))
    bulletins_draft()
    draft = Bulletin.objects.get()
    assert (draft.n_places, draft.searches.get().product_id) == (1, product.pk)
    Bulletin.objects.update(introduction="It rained a lot.")
    following = copy_of(product, "d", "last release")
    Product.objects.filter(superseded_by=None).exclude(pk=following.pk).update(superseded_by=following)
    assert trend_searches_due().get() == following
    bulletins_draft()
    assert Bulletin.objects.get().introduction == "It rained a lot."
    Product.objects.filter(pk=following.pk).update(has_series=False)
    bulletins_draft()
    assert not Bulletin.objects.exists()


def test_what_overlaps_in_two_tracks_is_one_place_whose_fields_agree_if_they_show_the_same_trend(product):
    other, beside = copy_of(product, "f", "other track"), made_place(HERE[0] + 0.02, HERE[1])
    made_search(product, made_place(*HERE))
    for trend, fields in (("faster", 2), ("slower", 1)):
        TrendSearch.objects.filter(product=other).delete()
        made_search(other, made_place(*HERE, sigmas=5.0, trend=trend), beside)
        bulletins_draft()
        (region,) = Bulletin.objects.get().content["regions"]
        assert [(one["trend"], one["n_fields"]) for one in region["places"]] == [("faster", fields), ("faster", 1)]


def test_a_draft_is_for_those_who_work_here_and_once_signed_public_in_archive_feed_and_mail_and_audited(
    client, operator, draft, make_alert, make_subscription
):
    make_subscription("reader@example.org", longitude=HERE[0], latitude=HERE[1], bulletins=True)
    make_subscription("alerts-only@example.org", longitude=HERE[0], latitude=HERE[1])
    make_subscription("elsewhere@example.org", bulletins=True)
    for name in ("bulletin-detail", "bulletin-report"):
        assert client.get(reverse(name, args=[draft.pk])).status_code == 302
        assert "made by the computer, not yet checked by a specialist" in page(operator, draft, name)
    assert "No bulletin has been signed yet." in client.get("/bulletins/").content.decode()
    assert "Edit and sign" in operator.get("/bulletins/").content.decode()
    assert client.get("/bulletins.atom").content.count(b"<entry>") == 0
    bulletins_announce()
    assert not OutgoingMessage.objects.exists()
    assert "No alert here yet" in page(operator, draft)
    alert = make_alert(longitude=HERE[0], latitude=HERE[1])  # found after the draft was made
    answer = sign(operator, draft, **{"text-introduction": "It rained a lot.\x00"})
    assert answer.headers["Location"] == reverse("bulletin-detail", args=[draft.pk])
    for name in ("bulletin-detail", "bulletin-report"):
        text = page(client, draft, name)
        assert "At one place, the ground changed its speed between" in text
        assert "It rained a lot." in text
        assert "21 mm a year" in text
        assert "faster than before" in text
        assert "40 points lie here; 12 of them show the change individually." in text
        assert f"Alert {alert.code}" in text
        assert "anna" not in text
    assert "At one place, the ground changed its speed" in client.get("/bulletins/").content.decode()
    feed = client.get("/bulletins.atom").content.decode()
    assert feed.count("<entry>") == 1
    assert reverse("bulletin-detail", args=[draft.pk]) in feed
    entry = AuditEntry.objects.get(action="bulletin signed")
    assert (entry.actor, entry.subject) == ("anna", f"bulletin {draft.pk}")
    for _again in range(2):
        bulletins_announce()
    Product.objects.update(datum_source="file")
    messages_send()
    (letter,) = mail.outbox
    assert letter.to == ["reader@example.org"]
    assert "nothing outside confirms it" in letter.body
    assert letter.subject.startswith("At one place, the ground changed its speed between")
    assert "It rained a lot." in letter.body
    assert reverse("bulletin-detail", args=[draft.pk]) in letter.body
    assert "List-Unsubscribe" in letter.extra_headers


def test_what_was_signed_never_changes_and_new_data_begin_a_new_draft(operator, draft):
    sign(operator, draft)
    draft.refresh_from_db()
    before = draft.content
    newer = copy_of(draft.searches.get().product, "e", "newer")
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
    names = {"name": "Westshore", "name:de": "Westufer"}
    west, south, *_ = product.footprint.extent
    make_region("Eastshore", (west - 1, south - 1, west + 0.001, south + 0.001))
    made_search(product)
    bulletins_draft()
    assert Bulletin.objects.get().content["still"] == [], "a region without tested points is not called unchanged"
    Bulletin.objects.all().delete()
    load_context("regions", mapping(box(12, 38, 14, 39)), level=1, **names)
    bulletins_draft()
    draft = Bulletin.objects.get()
    sign(operator, draft)
    text = page(client, draft)
    assert "Nowhere did the ground clearly change its speed between" in text
    assert "No change was found among the points in Westshore." in text
    AdministrativeRegion.objects.all().delete()  # what was signed stays, in every language
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
    assert "Unter den Punkten in Westufer" in page(client, draft)


def test_rain_and_groundwater_nearby_stand_beside_a_place(client, operator, product, tmp_path):
    last = product.dates[-1]
    for head, name, *values in (("rain_mm_day", "R1", 3.0, 1.0), ("level_m", "G1", 98.8, 100.0)):
        periods = [(last - timedelta(days=365 * back), value) for back, value in enumerate(values)]
        rows = [
            f"{name},{end - timedelta(days=day)},13.20,38.72,{value}" for end, value in periods for day in range(181)
        ]
        rows += [f"R2,{last},13.193,38.711,3.0"] if name == "R1" else []
        path = tmp_path / f"{name}.csv"
        path.write_text("\n".join([f"gauge,date,longitude,latitude,{head}", *rows, ""]))
        stations_load(path=path)
    made_search(product, made_place(*HERE))
    bulletins_draft()
    draft = Bulletin.objects.get()
    means = {one["code"]: one["means"] for one in draft.content["regions"][0]["places"][0]["gauges"]}
    assert {mean for mean in means["R1"] if mean is not None} == {3.0}
    assert "R2" not in means, "a few days of rain are no sum of a period"
    sign(operator, draft)
    text = page(client, draft)
    assert "Rain in this period at R1 (1.2 km away): 540 mm; usually 180 mm." in text
    assert "Groundwater at G1 (1.2 km away): 1.2 m lower than in earlier years." in text
    assert 'aria-label="Rain at R1, in millimetres per 30 days."' in text
    assert 'aria-label="Groundwater at G1, in metres above (+) or below (−) its mean."' in text
