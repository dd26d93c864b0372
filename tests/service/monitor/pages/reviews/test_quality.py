"""The time to a verdict, and the public record, without names."""

import csv
import io
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from detection.models import Alert, Detection, Scan
from detection.reviews.record import time_to_review
from detection.rules.verdicts import Verdict
from ingest.models import SimulatedTruth
from monitor.web.guards import OPERATORS
from tests.makers.pairs import make_dates
from tests.makers.people import account, words
from tests.makers.reviews import say

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    return [account(name, OPERATORS) for name in ("anna", "ben", "carl")]


def judge(alert, verdict, reviewer):
    alert.refresh_from_db()
    return say(alert, verdict, reviewer)


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


@pytest.fixture
def judged(make_alert) -> list[Alert]:
    """Three right, one wrong, one of simulated ground right, and one that waits."""
    anna = account("anna-the-reviewer")
    alerts = [make_alert(longitude=place / 10, simulated=place == 4) for place in range(6)]
    for alert, right in zip(alerts, (True, True, True, False, True), strict=False):
        verdict, reason = (Verdict.CONFIRM, "plausible") if right else (Verdict.REJECT, "seasonal")
        say(alert, verdict, anna, reason, internal_note="anna knows")
    return alerts


def test_record_and_table_count_what_was_judged_and_how_sure_it_was_simulated_alerts_apart(judged):
    scan = Scan.objects.create(prediction=make_dates(n=2)[0], thresholds={})
    for alert, score in zip(judged, (0.97, 0.99, 0.6, 0.64, 0.9), strict=False):
        Detection.objects.create(scan=scan, alert=alert, score=score, n_points=9, area=alert.area, area_m2=1e6)
    page = Client().get("/record/")
    read, (real, made) = words(page), page.context["records"]
    assert [(dot["sure"], dot["right"], dot["judged"]) for dot in real["reliability"]] == [(62, 50, 2), (98, 100, 2)]
    assert all(0 <= dot["low"] < dot["right"] + 1 <= dot["high"] + 1 <= 101 for dot in real["reliability"])
    assert [dot["sure"] for dot in made["reliability"]] == [90]
    assert "The computer was 62 % sure: 50 of 100 were right" in read
    assert "Of the alerts that were judged (4), 3 were right." in read
    assert "of 100 such alerts 28 to 97 were right" in read
    assert "1 more alert is not judged yet" in read
    simulated = read.split("Simulated alerts")[1]
    assert "Of the alerts that were judged (1), 1 was right." in simulated
    assert "anna" not in page.content.decode()
    assert '<script type="module"' not in page.content.decode()
    response = Client().get("/record/alerts.csv")
    rows = {row["alert"]: row for row in csv.DictReader(io.StringIO(response.content.decode()))}
    assert set(rows) == {alert.code for alert in judged[:5]}
    wrong = rows[judged[3].code]
    assert (wrong["verdict"], wrong["reason"], rows[judged[4].code]["simulated"]) == ("reject", "seasonal", "yes")
    assert rows[judged[0].code]["page"].endswith(f"/alerts/{judged[0].code}/")
    assert "anna" not in response.content.decode()


def test_simulated_alerts_that_nobody_judged_are_compared_with_what_was_simulated(make_alert):
    inside, outside = (make_alert(simulated=True, longitude=longitude) for longitude in (-12.0, -11.0))
    SimulatedTruth.objects.create(kind="bowl", title="Bowl", size_m=900, outline=inside.area)
    scan = Scan.objects.create(prediction=make_dates(n=2)[0], thresholds={})
    for alert, score in ((inside, 0.97), (outside, 0.6)):
        Detection.objects.create(scan=scan, alert=alert, score=score, n_points=9, area=alert.area, area_m2=1e6)
    page = Client().get("/record/")
    simulated = page.context["records"][1]
    assert [(dot["sure"], dot["right"]) for dot in simulated["reliability"]] == [(60, 0), (97, 100)]
    read = words(page).split("Simulated alerts")[1]
    assert "No specialist has judged them yet. Of 2 alerts, 1 lies where a change was simulated." in read
    say(make_alert(simulated=True, longitude=-10.0), Verdict.REJECT, account("anna"), "seasonal")
    assert "Of the alerts that were judged (1), 0 were right." in words(Client().get("/record/"))


def test_the_record_says_that_nothing_was_judged_and_is_linked_from_every_page(make_alert):
    make_alert()
    read = words(Client().get("/record/"))
    assert "No alert on real data has been judged yet." in read
    assert "1 alert is waiting for a specialist" in read
    assert 'href="/record/"' in Client().get("/about/").content.decode().split("<main")[1]
    assert 'href="/record/"' in Client().get("/alerts/").content.decode().split("<footer")[1]
