"""Texts beside alerts wait for a second person: the office of a region, a bulletin, a place that is drawn."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from detection.models import AuditEntry, PublicText
from ingest.models import AdministrativeRegion
from monitor.models.messages import Bulletin
from monitor.web.guards import PUBLISHERS
from tests.makers.bulletins import made_draft
from tests.makers.people import account, signed_in, words
from tests.makers.regions import make_region
from tests.service.monitor.pages.bulletins.test_bulletins import sign

pytestmark = pytest.mark.django_db
OFFICE = {"name": "Survey", "phone": "+43 1 234 56", "page": "https://survey.example.org/"}
WRONG = {"name": "All clear, return home", "phone": "+43 900 1", "page": ""}
TEXTS = "/review/texts/"


@pytest.fixture(autouse=True)
def the_highest_level(settings):
    settings.SECOND_PERSON_FROM = "strong"


@pytest.fixture
def region() -> AdministrativeRegion:
    return make_region(**{f"contact_{name}": value for name, value in OFFICE.items()})


def offer(client: Client, region: AdministrativeRegion, office: dict[str, str]) -> PublicText:
    assert client.post(f"/regions/{region.slug}/contact/", office)["Location"] == TEXTS
    return PublicText.objects.get(outcome="waiting")


def office_shown(region: AdministrativeRegion) -> dict[str, str]:
    region.refresh_from_db()
    return {name: getattr(region, f"contact_{name}") for name in OFFICE}


def test_the_office_of_a_region_is_public_when_a_second_person_agrees(operator, ben, region):
    text = offer(operator, region, WRONG)
    assert office_shown(region) == OFFICE
    assert "+43 900 1" in words(ben.get(TEXTS))
    assert "Texts that wait for a second person (1 waits)" in words(ben.get("/review/"))
    answer = {"text": text.pk, "act": "publish"}
    assert operator.post(TEXTS, answer).status_code == 400
    assert office_shown(region) == OFFICE
    assert ben.post(TEXTS, answer).status_code == 302
    assert office_shown(region) == WRONG
    assert ben.post(TEXTS, answer).status_code == 409
    made, changed, published = AuditEntry.objects.order_by("id")
    assert (made.actor, made.action, changed.actor, changed.action) == ("anna", "proposal.made", "ben", "contact")
    assert (published.action, published.subject) == ("proposal.published", f"region {region.slug}")
    assert published.detail.startswith("of anna; ")


def test_a_publisher_does_not_answer_their_own_text_and_declines_with_a_reason(operator, ben, region):
    own = offer(ben, region, WRONG)
    assert ben.post(TEXTS, {"text": own.pk, "act": "publish"}).status_code == 409
    carl = signed_in(account("carl", PUBLISHERS))
    assert carl.post(TEXTS, {"text": own.pk, "act": "decline"}).status_code == 409
    assert carl.post(TEXTS, {"text": own.pk, "act": "decline", "answer": "It is a prank."}).status_code == 302
    assert "It is a prank." in words(operator.get(TEXTS))
    again = offer(operator, region, WRONG)
    assert ben.post(TEXTS, {"text": again.pk, "act": "withdraw"}).status_code == 409
    assert operator.post(TEXTS, {"text": again.pk}).status_code == 400
    assert operator.post(TEXTS, {"text": again.pk, "act": "withdraw"}).status_code == 302
    assert office_shown(region) == OFFICE
    assert not PublicText.objects.filter(outcome="waiting").exists()


def test_a_later_text_ends_the_earlier_one_and_no_office_waits_for_nobody(operator, ben, region):
    first = offer(operator, region, WRONG)
    second = offer(operator, region, WRONG | {"name": "Town hall"})
    assert ben.post(TEXTS, {"text": first.pk, "act": "publish"}).status_code == 409
    operator.post(f"/regions/{region.slug}/contact/", dict.fromkeys(OFFICE, ""))
    assert office_shown(region) == dict.fromkeys(OFFICE, "")
    assert ben.post(TEXTS, {"text": second.pk, "act": "publish"}).status_code == 409
    region.delete()
    lost = PublicText.objects.create(subject="region nowhere", change=WRONG, proposer=User.objects.get(username="anna"))
    assert ben.post(TEXTS, {"text": lost.pk, "act": "publish"}).status_code == 409
    assert PublicText.objects.get(pk=lost.pk).outcome == "waiting"
    assert "Who is responsible in nowhere" in words(ben.get(TEXTS))


def test_a_bulletin_is_signed_by_two_if_it_has_a_text_and_else_by_one(operator, ben, product, client):
    draft = made_draft(product)
    answer = sign(operator, draft, **{"text-introduction": "All clear, return to your houses."})
    assert answer["Location"] == TEXTS
    page = f"/bulletins/{draft.pk}/"
    assert client.get(page).status_code == 302
    assert "All clear" in words(ben.get(TEXTS))
    sign(operator, draft, deed="save", **{"text-introduction": "It rained a lot."})
    text = PublicText.objects.get()
    assert text.outcome == "overtaken"
    sign(operator, draft, **{"text-introduction": "It rained a lot."})
    text = PublicText.objects.get(outcome="waiting")
    assert ben.post(TEXTS, {"text": text.pk, "act": "publish"}).status_code == 302
    assert "It rained a lot." in words(client.get(page))
    draft.refresh_from_db()
    assert draft.signed_by == "anna"
    draft.searches.all().delete()
    draft.delete()
    draft = made_draft(product)  # without a text
    assert sign(operator, draft)["Location"] == f"/bulletins/{draft.pk}/"
    assert Bulletin.objects.get().signed_by == "anna"
