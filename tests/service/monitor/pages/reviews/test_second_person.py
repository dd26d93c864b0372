"""What waits for a second person, on the pages: who may answer it, where it is listed, what the public reads."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings

from detection.models import Alert, Proposal, SetByHand
from monitor.operations.health.condition import Wrong
from monitor.operations.health.site_checks import second_person
from monitor.web.guards import PUBLISHERS
from tests.makers.people import account, signed_in, words
from tests.makers.reviews import edit
from tests.service.monitor.pages.reviews.test_review import case, codes_listed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def two_highest_levels(settings):
    settings.SECOND_PERSON_FROM = "moderate"


@pytest.fixture
def alert(make_alert) -> Alert:
    return make_alert(severity="strong")


def propose(client: Client, alert: Alert) -> Proposal:
    form = {"verdict": "confirm", "reason_code": "known-mining", "public_note": "The pit of 1921."}
    assert client.post(case(alert), form | {"expected_state": alert.state}).status_code == 302
    return Proposal.objects.get(outcome="waiting")


def answer(proposal: Proposal, act: str, **more) -> dict[str, str]:
    return {"act": act, "proposal": proposal.pk, "expected_state": proposal.alert.state} | more


def test_an_operator_proposes_a_publisher_publishes_and_the_public_reads_no_name(operator, ben, alert):
    assert "Propose to confirm" in words(operator.get(case(alert)))
    proposal = propose(operator, alert)
    assert "It waits for a second person" in words(operator.get(f"/review/?after={alert.code}"))
    own, public = words(operator.get(case(alert))), Client()
    assert "anna proposed to confirm this alert" in own
    assert "somebody else publishes it" in own
    assert "Publish it now" not in own
    operator.post(f"{case(alert)}claim/", {"act": "release"})
    assert "pit of 1921" not in words(public.get(alert.get_absolute_url()))
    assert alert.code not in codes_listed(ben)
    assert "1 case waits for a second person" in words(ben.get("/review/"))
    assert codes_listed(ben, "?publication=waiting") == [alert.code]
    page = words(ben.get(case(alert)))
    assert "anna proposed to confirm this alert" in page
    assert "The pit of 1921." in page
    assert "Publish it now" in page
    assert "Propose to confirm" not in page
    assert ben.post(f"{case(alert)}publish/", answer(proposal, "publish")).status_code == 302
    page = ben.get(case(alert))
    assert "anna, published by ben" in words(page)
    visit = page.content.decode().partition('value="field-visit"')[2].partition("</form>")[0]
    assert "internal_note" in visit
    assert "public_note" not in visit, "the alert is published"
    page = public.get(alert.get_absolute_url()).content.decode()
    assert "The pit of 1921." in page
    assert "anna" not in page
    assert "ben" not in re.findall(r"\w+", words(public.get(alert.get_absolute_url())))


def test_a_publisher_declines_with_a_reason_and_it_is_back_in_the_queue(operator, ben, alert):
    proposal = propose(operator, alert)
    ben.get(case(alert))
    assert ben.post(f"{case(alert)}publish/", answer(proposal, "decline")).status_code == 400
    assert ben.post(f"{case(alert)}publish/", answer(proposal, "decline", answer="See 2021.")).status_code == 302
    page = words(operator.get(case(alert)))
    assert "What was proposed was declined , ben See 2021." in page
    ben.post(f"{case(alert)}claim/", {"act": "release"})
    assert alert.code in codes_listed(operator)
    again = propose(operator, alert)
    assert operator.post(f"{case(alert)}withdraw/", {"proposal": again.pk}).status_code == 302
    assert "What was proposed was withdrawn" in words(operator.get(case(alert)))
    late = ben.post(f"{case(alert)}publish/", answer(again, "publish"))
    assert late.status_code == 409


def test_an_undo_that_waits_says_so_on_its_button_and_its_publisher_reads_every_language(operator, ben, alert):
    with override_settings(SECOND_PERSON_FROM=""):
        edit(alert, User.objects.get(username="anna"), texts={"es": "Salgan de sus casas."})
        harmless = edit(alert, User.objects.get(username="anna"), texts={"en": "See the quarry."})
    assert "Propose to take it back" in words(operator.get(case(alert)))
    proposal = propose(operator, alert)
    operator.post(f"{case(alert)}claim/", {"act": "release"})
    page = words(ben.get(case(alert)))
    assert "See the quarry." in page[page.index("Public text, as everybody will read it") :]
    ben.post(f"{case(alert)}publish/", answer(proposal, "publish"))
    ben.post(f"{case(alert)}claim/", {"act": "release"})
    assert "Propose to take it back" in words(operator.get(case(alert)))
    done = operator.post(f"{case(alert)}edit/undo/", {"edit": harmless.pk}, follow=True)
    assert "waits for a second person" in words(done)
    assert "anna proposed to take a change of this alert back" in words(operator.get(case(alert)))
    assert "Propose to take it back" not in words(operator.get(case(alert)))
    operator.post(f"{case(alert)}claim/", {"act": "release"})
    assert "Salgan de sus casas." in words(ben.get(case(alert)))
    assert SetByHand.objects.get().texts == {"en": "See the quarry."}


def test_the_doctor_says_that_nobody_can_agree(operator, settings):
    with pytest.raises(Wrong, match="no second person"):
        second_person()
    signed_in(account("ben", PUBLISHERS))
    assert second_person() == "of 2 who propose, 1 may publish"
    settings.SECOND_PERSON_FROM = ""
    assert second_person() == "one person confirms"
