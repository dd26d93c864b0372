"""Characters that break tables, feeds and the order of reading: typed anywhere, and stored before they were cleaned."""

import json

import feedparser
import pytest
from defusedxml.ElementTree import fromstring
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from detection.by_hand import COLUMNS, as_json
from detection.models import CaseNote
from detection.tables.reviews import SetByHand
from ground_motion.core.text import plain_text, plain_values
from ingest.models import IngestJob
from monitor.models.messages import CapMessage
from monitor.models.subscriptions import Organisation
from monitor.subscribers.subscriptions import tokens
from monitor.tasks import issue_cap_messages
from tests.makers.people import account, signed_in
from tests.makers.regions import make_region
from tests.service.monitor.pages.reviews.test_edits import form

pytestmark = pytest.mark.django_db
BAD = "a\x0bb\x00c\x1b\x7f\x85d\u202ee\u2066f\ufffeg\uffff"
CLEAN = "a bc de" + "fg"
FEEDS = ["/alerts.atom", "/alerts.atom?region={slug}", "/cap.atom", "/cap.atom?language=de", "/cap/{code}.xml"]


def test_plain_text_keeps_what_people_write_and_takes_out_what_nothing_can_hold():
    assert plain_text("one\ttwo\r\nthree\rfour\n") == "one\ttwo\nthree\nfour\n"
    assert plain_text(BAD) == CLEAN
    for honest in ("Géologie & Cie.", "Московский", "東京 地質", "هيئة", "👩‍🔬", "a\N{NO-BREAK SPACE}b", "<b>&amp;"):
        assert plain_text(honest) == honest
    assert plain_text("\ud800x\udfff") == "x"
    assert plain_values({"a\0": ["b\0", ("c\0", 1, None)]}) == {"a": ["b", ("c", 1, None)]}


def test_a_public_text_pasted_from_slides_is_kept_clean_and_breaks_no_feed(operator, alert):
    answer = operator.post(f"/review/{alert.code}/edit/", form(alert, text_en=f"Old quarry. {BAD}"))
    assert answer.status_code == 302
    issue_cap_messages()
    assert SetByHand.objects.get(alert=alert).texts == {"en": f"Old quarry. {CLEAN}"}
    feed = feedparser.parse(Client().get("/alerts.atom").content)
    assert not feed.bozo
    assert "Old quarry." in feed.entries[0].summary


def test_rows_that_were_stored_with_such_characters_break_no_feed(client, make_alert):
    stored = BAD.replace("\0", "")  # which PostgreSQL never kept
    region = make_region(f"West{stored}shore")
    alert = make_alert()
    SetByHand.objects.create(
        alert=alert,
        texts={"en": stored, "de": stored},
        computed={name: as_json(getattr(alert, name)) for name in COLUMNS},
    )
    issue_cap_messages()
    for pattern in FEEDS:
        answer = client.get(pattern.format(slug=region.slug, code=alert.code))
        assert answer.status_code == 200, pattern
        fromstring(answer.content)
        assert b"\x0b" not in answer.content


def test_a_message_that_was_issued_with_such_characters_can_be_read(client, alert):
    issue_cap_messages()
    message = CapMessage.objects.get()
    CapMessage.objects.update(xml=message.xml.replace("<headline>", "<headline>\ufffe"), headline="\ufffe\x0bx")
    for address in (f"/cap/{alert.code}.xml", "/cap.atom", "/cap.atom?language=fr"):
        answer = client.get(address)
        assert answer.status_code == 200
        fromstring(answer.content)


def test_names_that_others_are_shown_hold_no_hidden_marks(client, make_subscription):
    mine = make_subscription()
    page = f"/subscriptions/{tokens.manage_token(mine.pk)}/organisations/"
    assert client.post(page, {"name": "Water\u202eworks \u2066North\u2069"}).status_code == 302
    assert Organisation.objects.get().name == "Waterworks North"


def test_notes_and_forms_of_administrators_are_cleaned_too(operator, alert):
    assert operator.post(f"/review/{alert.code}/notes/", {"note": BAD}).status_code == 302
    assert CaseNote.objects.get().text == CLEAN
    chief = signed_in(account("chief", is_staff=True, is_superuser=True))
    assert chief.post("/admin/auth/group/add/", {"name": f"night {BAD}"}).status_code == 302
    assert Group.objects.filter(name=f"night {CLEAN}").exists()


def test_what_is_declared_with_a_file_is_cleaned(operator, settings, tmp_path):
    settings.UPLOAD_DIR, settings.UPLOAD_SPARE_BYTES = str(tmp_path), 0
    file = SimpleUploadedFile("a\u202eb.csv", b"a,b\n1,2\n")
    operator.post("/uploads/", {"files": [file], "whole": "yes", "attribution": BAD, "licence": "CC\0BY"})
    job = IngestJob.objects.get()
    assert (job.attribution, job.licence, job.original_name) == (CLEAN, "CCBY", "ab.csv")


PAGES = ["/", "/alerts/", "/regions/", "/places/", "/record/", "/glaciers/", "/subscribe/", "/alerts.atom", "/cap.atom"]
NAMED = ["/alerts/{}/", "/regions/{}/", "/glaciers/{}/", "/cap/A-{}.xml", "/cap/{}.xml"]
NAMES = ["q", "region", "kind", "state", "page", "bbox", "since", "language", "updated_since", "place"]


@pytest.mark.parametrize("bad", ["%00", "%0B", "%E2%80%AE", "%EF%BF%BE", "%ED%A0%80"])
def test_no_address_with_such_characters_is_an_error(bad):
    visitor = Client(raise_request_exception=False)
    for page in PAGES:
        for name in NAMES:
            assert visitor.get(f"{page}?{name}=x{bad}&y{bad}=1").status_code < 500, (page, name)
    for path in NAMED:
        assert visitor.get(path.format(f"x{bad}")).status_code == 404
    for path in ("/api/v1/alerts/{}", "/api/v1/products/1/points/{}", "/ogc/collections/points/items/1.{}"):
        answer = visitor.get(path.format(f"x{bad}"))
        assert answer.status_code in (404, 422), path
        assert answer.json()["status"] == answer.status_code


@pytest.mark.parametrize("text", ["\ud800", "\0", "x\u202e"])
def test_a_body_in_json_with_such_characters_is_no_error(text):
    visitor = Client(raise_request_exception=False)
    for body in ({"ids": [text]}, {"collections": [text]}, {"after": text}, {text: 1}, {"datetime": text}):
        answer = visitor.post("/stac/search", json.dumps(body), content_type="application/json")
        assert answer.status_code < 500, body


def test_a_cookie_with_a_zero_byte_is_no_error():
    visitor = Client(raise_request_exception=False)
    for name in ("sessionid", "django_language", "csrftoken"):
        assert visitor.get("/alerts/", headers={"Cookie": f'{name}="aaaaaaaaaaaa\\000"'}).status_code == 200
