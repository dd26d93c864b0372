"""Residents' reports: whose they are, who sees what of them and when, and what the public learns. Three people:
the resident, an operator, the public."""

import re
from datetime import UTC, datetime

import pytest
from django.core import mail
from django.utils import timezone

from detection.models import AuditEntry
from monitor.models.messages import OutgoingMessage
from monitor.models.operations import ResidentReport
from monitor.notifications import rounds
from monitor.operations.retention.services import prune
from monitor.subscribers.reports.services import report_decide
from monitor.subscribers.subscriptions import services as subscriptions
from monitor.web.guards import VIEWERS
from tests.makers.people import account, signed_in, words
from tests.makers.reports import FORM, SENDER, aged, make_report

pytestmark = pytest.mark.django_db
QUEUE = "/review/reports/"


def send(client, **changes) -> str:
    """Send the form, and return the link in the mail that comes."""
    answer = client.post("/reports/", FORM | changes)
    assert (answer.status_code, answer.headers.get("Location")) == (302, "/subscribe/sent/"), words(answer)
    rounds.messages_send()
    return re.search(r"http://localhost:8000(/reports/\S+)", mail.outbox[-1].body)[1]


def public(client, alert) -> str:
    return words(client.get(alert.get_absolute_url()))


def test_nobody_sees_a_report_before_its_sender_confirms_it_and_then_the_address_is_gone(client, operator, alert):
    link = send(client)
    unconfirmed = {"report": ResidentReport.objects.get().pk, "state": "accepted"}
    assert operator.post(QUEUE, unconfirmed).status_code == 400
    assert "Nobody has reported anything near by." in public(client, alert)
    (letter,) = mail.outbox
    assert letter.to == [SENDER]
    assert "Cracks in a wall, 3 May 2026" in letter.body
    assert "Is it you who reported this?" in words(client.get(link))  # a mail scanner has only looked
    assert "In the cellar." not in words(operator.get(QUEUE))
    assert "An operator will look at it" in words(client.post(link, {"deed": "confirm"}, follow=True))
    assert "In the cellar." in words(operator.get(QUEUE))
    assert ResidentReport.objects.get().email == ""
    assert not OutgoingMessage.objects.filter(address=SENDER).exists()


REFUSED = [
    ({"kind": ""}, "Choose what you see."),
    ({"kind": "bribe"}, "bribe"),
    ({"kind": "other", "text": " "}, "Describe what you see."),
    ({"place": ""}, "Type the name of a place"),
    ({"place": "Nowhere at all"}, "No place of this name is known."),
    ({"seen_on": "2999-01-01"}, "Choose today or an earlier day."),
    ({"seen_on": ""}, "Choose the day on which you saw it."),
    ({"email": "nobody"}, "This does not look like an e-mail address"),
    ({"text": "a" * 1001}, "1001"),
]


def test_what_is_missing_or_wrong_is_said_and_nothing_is_kept(client):
    for change, fault in REFUSED:
        answer = client.post("/reports/", FORM | change)
        assert (answer.status_code, fault in words(answer)) == (422, True), change
    assert not ResidentReport.objects.exists()


def test_the_form_begins_at_the_alert_or_at_the_house(client, alert):
    assert 'value="47.0000, -12.0000"' in client.get(f"/reports/?alert={alert.code}").content.decode()
    assert 'value="47.1, -12.2"' in client.get("/reports/?lat=47.1&lon=-12.2").content.decode()
    assert client.get("/reports/?lat=nan&lon=1").status_code == 200
    assert client.get("/reports/?alert=none").status_code == 404
    for page in (alert.get_absolute_url(), "/"):
        assert "/reports/" in client.get(page).content.decode()


def test_an_accepted_report_counts_at_the_alerts_within_200_metres(client, alert, anna):
    make_report(accepted_by=anna)
    make_report(place=(-11.988, 47.0), accepted_by=anna)  # 150 m beside the square
    make_report(place=(-11.985, 47.0), accepted_by=anna)  # 380 m
    rejected = make_report()
    report_decide(report=rejected, by=anna, state="rejected", reason="A tree.")
    make_report()
    page = public(client, alert)
    assert "2 reports of residents within 200 m since May 2026." in page
    assert "May 2026: Cracks in a wall (2)" in page
    assert client.get(f"/api/v1/alerts/{alert.code}").json()["resident_reports"] == 2
    assert client.get("/api/v1/alerts").json()["items"][0]["resident_reports"] == 2


def test_a_day_that_has_begun_where_the_reader_lives_is_no_future_day(client, monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 5, 3, 20, 0, tzinfo=UTC))
    assert 'max="2026-05-04"' in client.get("/reports/").content.decode()
    assert client.post("/reports/", FORM | {"seen_on": "2026-05-04"}).status_code == 302
    assert client.post("/reports/", FORM | {"seen_on": "2026-05-05"}).status_code == 422


def test_the_text_is_for_operators_alone(client, alert, anna):
    make_report(accepted_by=anna, text="My cellar, Elm Street 5.")
    viewer, operator, case = signed_in(account("vera", VIEWERS)), signed_in(anna), f"/review/{alert.code}/"
    assert "Elm Street" in words(operator.get(case))
    for reader in (client, viewer):
        for page in (alert.get_absolute_url(), f"/api/v1/alerts/{alert.code}", case, QUEUE, "/alerts.geojson"):
            assert b"Elm Street" not in reader.get(page).content
    assert "report of a resident" in words(viewer.get(case))


def test_an_operator_decides_once_with_a_reason_that_the_sender_reads(client, operator, alert):
    link = send(client)
    client.post(link, {"deed": "confirm"})
    report = ResidentReport.objects.get()
    assert alert.code in words(operator.get(QUEUE))
    decision = {"report": report.pk, "state": "rejected"}
    assert operator.post(QUEUE, decision).status_code == 400
    assert operator.post(QUEUE, decision | {"reason": "This is old damage."}).status_code == 302
    assert operator.post(QUEUE, decision | {"state": "accepted"}).status_code == 409
    assert "This is old damage." in words(client.get(link))
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.subject, entry.before, entry.after) == (
        *("anna", f"report {report.pk}"),
        *("waiting", "rejected"),
    )
    assert entry.detail == ""  # the audit is never deleted, the report and its reason are


def test_whoever_sent_a_report_deletes_it_at_any_time(client, operator, alert):
    link = send(client)
    client.post(link, {"deed": "confirm"})
    operator.post(QUEUE, {"report": ResidentReport.objects.get().pk, "state": "accepted"})
    assert "1 report of a resident within 200 m, from May 2026." in public(client, alert)
    assert "Your report is deleted" in words(client.post(link, {"deed": "delete"}))
    assert "Nobody has reported anything near by." in public(client, alert)
    assert client.get(link).status_code == 410
    assert client.get("/reports/nonsense/").status_code == 404


def test_deleting_everything_of_a_person_deletes_their_unconfirmed_reports_and_mails_are_limited(client, settings):
    for _ in range(5):  # The answer does not tell that a mailbox gets three mails a day.
        send(client)
    assert ResidentReport.objects.count() == len(mail.outbox) == 3
    settings.MAIL_LIMIT_PER_IP = 1
    assert client.post("/reports/", FORM | {"email": "other@example.com"}).status_code == 429
    assert subscriptions.person_export(email=SENDER)["reports"][0]["text"] == "In the cellar."
    subscriptions.person_delete(email=SENDER)
    assert not ResidentReport.objects.exists()


def test_reports_expire_unconfirmed_rejected_and_all(anna):
    reports = {name: make_report(confirmed=name != "unconfirmed") for name in ("unconfirmed", "waiting", "rejected")}
    report_decide(report=reports["rejected"], by=anna, state="rejected", reason="A tree.")
    reports["accepted"] = make_report(accepted_by=anna)

    def kept(days: float) -> set[str]:
        for report in reports.values():
            report.refresh_from_db()
            aged(report, days)
        prune()
        left = set(ResidentReport.objects.values_list("pk", flat=True))
        for name in [name for name, one in reports.items() if one.pk not in left]:
            del reports[name]
        return set(reports)

    assert kept(1) == {"unconfirmed", "waiting", "rejected", "accepted"}
    assert kept(2) == {"waiting", "rejected", "accepted"}
    assert kept(30) == {"waiting", "accepted"}
    assert kept(700) == set()
