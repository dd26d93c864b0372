"""Second looks, agreement between reviewers and the time to a verdict."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from detection.models import Alert, AuditEntry, SecondLook
from detection.reviews.agreement import agreement, second_look_record, time_to_review
from detection.reviews.services import review_take_back
from detection.rules.verdicts import Verdict
from monitor.web.roles import OPERATORS
from tests.makers.people import account
from tests.makers.reviews import say

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    return [account(name, OPERATORS) for name in ("anna", "ben", "carl")]


def judge(alert, verdict, reviewer):
    alert.refresh_from_db()
    return say(alert, verdict, reviewer)


def test_second_looks_and_verdicts_turned_round_by_others_make_the_agreement(make_alert, people):
    anna, ben, carl = people
    kept, turned, own, undone = (make_alert() for _ in range(4))
    judge(kept, Verdict.CONFIRM, anna)
    second_look_record(alert=kept, reviewer=ben, agrees=False)
    second_look_record(alert=kept, reviewer=ben, agrees=True)  # a second thought replaces the first
    second_look_record(alert=kept, reviewer=carl, agrees=True)
    judge(turned, Verdict.CONFIRM, anna)
    judge(turned, Verdict.REJECT, ben)
    judge(own, Verdict.CONFIRM, anna)
    judge(own, Verdict.REJECT, anna)
    review_take_back(review=judge(undone, Verdict.REJECT, anna), reviewer=carl)
    assert [one[:3] for one in agreement()] == [("confirm", 2, 3), ("reject", 0, 1)]
    assert SecondLook.objects.count() == 2
    assert AuditEntry.objects.filter(action="review.second-look").count() == 3


def test_nobody_looks_twice_at_their_own_verdict_or_at_none(make_alert, people):
    anna, ben, _ = people
    alert = make_alert()
    with pytest.raises(ValueError, match="no verdict"):
        second_look_record(alert=alert, reviewer=ben, agrees=True)
    judge(alert, Verdict.CONFIRM, anna)
    with pytest.raises(ValueError, match="somebody else"):
        second_look_record(alert=alert, reviewer=anna, agrees=True)


def test_the_time_to_a_verdict_counts_from_the_first_sight_to_the_first_verdict(make_alert, people):
    now, hours = timezone.now(), (10, 20, 60)
    for took in hours:
        alert = make_alert(severity="strong")
        Alert.objects.filter(pk=alert.pk).update(created_at=now - timedelta(hours=took))
        judge(alert, Verdict.CONFIRM, people[0])
        judge(alert, Verdict.REJECT, people[1])
    (found,) = time_to_review(since=now - timedelta(days=1), simulated=False)
    assert (found.severity, found.decided) == ("strong", 3)
    assert found.median.total_seconds() == pytest.approx(20 * 3600, abs=60)
    assert found.nine_of_ten.total_seconds() == pytest.approx(52 * 3600, abs=60)
    assert time_to_review(since=now + timedelta(days=1), simulated=False) == []


def test_a_colleague_answers_on_the_case_and_the_page_counts_it_without_names(make_alert, people):
    anna, ben, _ = people
    alert, client = make_alert(), Client()
    judge(alert, Verdict.CONFIRM, anna)
    client.force_login(ben)
    assert "Would you have decided the same?" in client.get(f"/review/{alert.code}/").content.decode()
    assert client.post(f"/review/{alert.code}/second-look/", {"agrees": "perhaps"}).status_code == 400
    assert client.post(f"/review/{alert.code}/second-look/", {"agrees": "yes"}).status_code == 302
    assert "You agreed." in client.get(f"/review/{alert.code}/").content.decode()
    page = client.get("/review/quality/")
    assert [row["agreed"] for row in page.context["agreement"]] == [1]
    main = page.content.decode().split("<main")[1]
    assert "anna" not in main
    client.force_login(anna)
    assert "Would you have decided the same?" not in client.get(f"/review/{alert.code}/").content.decode()
