"""The public record: shares in words, simulated alerts apart, the list behind, without names."""

import csv
import io

import pytest
from django.test import Client

from detection.models import Alert
from detection.rules.verdicts import Verdict
from tests.makers.people import account, words
from tests.makers.reviews import say

pytestmark = pytest.mark.django_db


@pytest.fixture
def judged(make_alert) -> list[Alert]:
    """Three right, one wrong, one of simulated ground right, and one that waits."""
    anna = account("anna-the-reviewer")
    alerts = [make_alert(longitude=place / 10, simulated=place == 4) for place in range(6)]
    for alert, right in zip(alerts, (True, True, True, False, True), strict=False):
        verdict, reason = (Verdict.CONFIRM, "plausible") if right else (Verdict.REJECT, "seasonal")
        say(alert, verdict, anna, reason, internal_note="anna knows")
    return alerts


def test_the_record_counts_what_was_judged_and_simulated_alerts_apart(judged):
    page = Client().get("/record/")
    read = words(page)
    assert "Of the alerts that were judged (4), 3 were right." in read
    assert "of 100 such alerts 28 to 97 were right" in read
    assert "1 more alert is not judged yet" in read
    simulated = read.split("Simulated alerts")[1]
    assert "Of the alerts that were judged (1), 1 was right." in simulated
    assert "anna" not in page.content.decode()
    assert '<script type="module"' not in page.content.decode()


def test_the_list_behind_is_a_table_for_everybody(judged):
    response = Client().get("/record/alerts.csv")
    rows = {row["alert"]: row for row in csv.DictReader(io.StringIO(response.content.decode()))}
    assert set(rows) == {alert.code for alert in judged[:5]}
    assert rows[judged[3].code]["verdict"] == "reject"
    assert rows[judged[3].code]["reason"] == "seasonal"
    assert rows[judged[4].code]["simulated"] == "yes"
    assert rows[judged[0].code]["page"].endswith(f"/alerts/{judged[0].code}/")
    assert "anna" not in response.content.decode()


def test_the_record_says_that_nothing_was_judged_and_is_linked_from_every_page(make_alert):
    make_alert()
    read = words(Client().get("/record/"))
    assert "No alert on real data has been judged yet." in read
    assert "1 alert is waiting for a specialist" in read
    assert 'href="/record/"' in Client().get("/about/").content.decode().split("<main")[1]
    assert 'href="/record/"' in Client().get("/alerts/").content.decode().split("<footer")[1]
