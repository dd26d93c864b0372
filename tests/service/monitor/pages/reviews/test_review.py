"""Signing in, roles, the queue as plain forms, what viewers may do, and what the public reads of a verdict."""

import json
import re
import stat

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from detection.models import Alert, AuditEntry, Claim, Review
from detection.reviews.queue import ORDERS
from detection.rules.verdicts import Verdict
from monitor.models.messages import Notification, OutgoingMessage
from monitor.notifications.announcements import transition_announce
from monitor.web.guards import ADMINISTRATORS, OPERATORS, PUBLISHERS, VIEWERS
from tests.makers.people import PASSWORD, account, signed_in, words
from tests.service.monitor.pages.reviews.test_quality import judge

pytestmark = pytest.mark.django_db


def case(alert: Alert) -> str:
    return f"/review/{alert.code}/"


def verdict(alert: Alert, **changes) -> dict[str, str]:
    return {
        "verdict": "reject",
        "reason_code": "surface",
        "public_note": "Deep snow until May.",
        "internal_note": "ask the ranger",
        "expected_state": alert.state,
    } | changes


def test_the_roles_exist_without_anybody_making_them():
    rights = {group.name: set(group.permissions.values_list("codename", flat=True)) for group in Group.objects.all()}
    assert rights[OPERATORS] == {"view_review", "add_review", "add_ingestjob"}
    assert rights[PUBLISHERS] == rights[OPERATORS] | {"publish_proposal"}
    assert rights[VIEWERS] == {"view_review"}
    assert {"add_review", "view_alert", "view_auditentry", "change_periodictask"} <= rights[ADMINISTRATORS]
    changes = {right for right in rights[ADMINISTRATORS] if right.startswith(("add_", "change_", "delete_"))}
    assert not {right for right in changes if right.endswith(("_user", "_group", "_alert", "_auditentry"))}


def test_an_operator_signs_in_reaches_the_queue_and_signs_out(client, anna, alert):
    assert "Sign in" in words(client.get("/"))
    assert client.get(case(alert))["Location"] == f"/login/?next={case(alert)}"
    elsewhere = "https://example.org/"
    for following, address in ((case(alert), case(alert)), (elsewhere, "/review/"), ("", "/review/")):
        client = Client()
        answer = client.post("/login/", {"username": "anna", "password": PASSWORD, "next": following})
        assert answer["Location"] == address
    cookie = client.cookies["sessionid"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax"), "out of reach for scripts and other sites"
    page = words(client.get("/review/"))
    assert "anna" in page
    assert "Sign out" in page
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").status_code == 302
    assert client.get("/review/").status_code == 302


def test_five_wrong_passwords_bring_a_pause_even_for_the_right_one(client, anna):
    for _ in range(4):
        assert client.post("/login/", {"username": "anna", "password": "wrong"}).status_code == 200
    assert client.post("/login/", {"username": "anna", "password": "wrong"}).status_code == 429
    answer = client.post("/login/", {"username": "anna", "password": PASSWORD})
    assert answer.status_code == 429
    assert "quarter of an hour" in words(answer)
    elsewhere = client.post("/login/", {"username": "anna", "password": PASSWORD}, REMOTE_ADDR="192.0.2.7")
    assert elsewhere.status_code == 302


def test_a_reviewer_changes_the_password_to_a_good_one(operator, anna):
    form = {"old_password": PASSWORD, "new_password1": "short", "new_password2": "short"}
    assert "too short" in words(operator.post("/password/", form))
    new = "another long pass phrase"
    answer = operator.post("/password/", form | {"new_password1": new, "new_password2": new})
    assert "Your password was changed" in words(operator.get(answer["Location"]))
    anna.refresh_from_db()
    assert anna.check_password(new)


def test_a_case_shows_everything_that_speaks_for_it(operator, watched_region):
    alert = Alert.objects.filter(kind="subsidence").first()
    page = words(operator.get(case(alert)))
    for expected in ("The ground here sank by about", "track 901", "track 902", "Score map", "Trail", "Not motion"):
        assert expected in page


def test_a_verdict_opens_the_next_case_its_note_is_public_and_it_is_taken_back(operator, client, make_alert, alert):
    make_alert(longitude=-13.0)
    answer = operator.post(case(alert), verdict(alert, public_note="Deep snow until <May>."))
    assert re.fullmatch(rf"/review/\w+/\?after={alert.code}", answer["Location"])
    assert case(alert) not in answer["Location"]
    assert f"{alert.code} recorded: vegetation or snow" in words(operator.get(answer["Location"]))
    page = words(client.get(f"/alerts/{alert.code}/"))
    assert "This is not motion of the ground (vegetation or snow)" in page
    for said in ("What a specialist says", "Deep snow until &lt;May&gt;.", "by a specialist"):
        assert said in page
    for private in ("anna", "ranger"):
        assert private not in page
    assert "Deep snow until &lt;May&gt;." in words(operator.get(case(alert))), "a note is no markup"
    operator.post(f"{case(alert)}undo/", {"review": Review.objects.get().pk})
    page = words(client.get(f"/alerts/{alert.code}/"))
    assert "What a specialist says" not in page
    assert "Deep snow" not in page
    assert "taken back" in words(operator.get(case(alert)))
    assert [entry.action for entry in AuditEntry.objects.all()] == ["review.taken-back", "review.reject"]


def test_of_two_operators_the_second_reads_who_was_quicker_and_keeps_the_text(operator, alert):
    form, ben = verdict(alert, public_note="My own words."), account("ben", OPERATORS)
    signed_in(ben).post(case(alert), verdict(alert, verdict="confirm", reason_code="plausible"))
    answer = operator.post(case(alert), form)
    assert answer.status_code == 409
    page = words(answer)
    assert "ben decided first: this alert is now “confirmed”. Yours was not recorded." in page
    assert "My own words." in page
    assert Review.objects.count() == 1
    ben.delete()
    assert "an account that is gone" in words(operator.get(case(alert))), "a verdict outlives its reviewer"


@pytest.mark.parametrize(
    "wrong", [{"verdict": ""}, {"verdict": "taken-back"}, {"reason_code": ""}, {"reason_code": "visit"}]
)
def test_a_form_without_a_fitting_reason_is_given_back_with_its_text(operator, alert, wrong):
    answer = operator.post(case(alert), verdict(alert, **wrong))
    assert answer.status_code == 400
    assert not Review.objects.exists()


def queries_of(operator, path: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert operator.get(path).status_code == 200
    return len(queries)


def test_queue_and_case_take_as_many_queries_for_many_cases_as_for_few(operator, make_alert):
    few = [make_alert(longitude=-12 + i / 40) for i in range(2)]
    paths = ("/review/", case(few[0]))
    for path in paths:
        operator.get(path)  # the first visit of a minute notes that the session is in use
    before = [queries_of(operator, path) for path in paths]
    for i in range(6):
        make_alert(longitude=-12 + i / 50, latitude=47.03)
    assert [queries_of(operator, path) for path in paths] == before
    assert before[0] <= 27  # One of them tells whether the facts in the foot of the page still hold.


def codes_listed(client, query: str = "") -> list[str]:
    return re.findall(r'data-case="(\w+)"', client.get(f"/review/{query}").content.decode())


def test_a_table_of_two_hundred_cases_is_sorted_by_each_of_its_columns(operator, make_alert):
    def make(i: int) -> None:
        grade = ("minor", "moderate", "strong")[i % 3]
        kind = ("uplift", "subsidence")[i % 2]
        peak = {"peak_rate_mm_yr": (-1) ** i * (10 + 7 * i % 31), "area_m2": 1e5 * (1 + 11 * i % 37)}
        make_alert(longitude=-12 + i / 50, severity=grade, kind=kind, **peak)

    for i in range(20):
        make(i)
    table = "/review/?view=table"
    page = operator.get(table).content.decode()
    sorts = ["", *re.findall(r'href="\?view=table&amp;sort=(\w+)"', page)]
    assert sorted(sorts) == sorted(["", *ORDERS])
    values = {
        "kind": lambda one: one.kind,
        "speed": lambda one: -abs(one.peak_rate_mm_yr),
        "area": lambda one: -one.area_m2,
        "importance": lambda one: -one.importance,
        "state": lambda one: one.state,
        "found": lambda one: -one.created_at.timestamp(),
        "": lambda one: -round(one.importance, 6),
    }
    known = {alert.code: alert for alert in Alert.objects.all()}
    for sort in sorts:
        listed = [known[code] for code in codes_listed(operator, f"?view=table&sort={sort}")]
        assert len(listed) == 20
        assert [values[sort](one) for one in listed] == sorted(map(values[sort], listed)), sort
    for sort, way in (("state", "ascending"), ("area", "descending")):
        assert f'aria-sort="{way}"' in operator.get(f"{table}&sort={sort}").content.decode()
    for i in range(20, 200):
        make(i)
    assert queries_of(operator, table) <= 27
    first = codes_listed(operator, "?view=table&sort=area")
    assert len(first) == 200
    case_page = operator.get(f"/review/{first[0]}/?sort=area&view=table")
    assert "1 of 200" in words(case_page)
    assert "sort=area&amp;view=table" in case_page.content.decode()
    answer = operator.post(f"/review/{first[0]}/claim/?sort=area&view=table", {"act": "release"})
    assert answer["Location"] == "/review/?sort=area&view=table"


def test_the_queue_is_filtered_and_its_choice_goes_along_from_case_to_case(operator, anna, make_alert):
    strong = [make_alert(severity="strong", longitude=-12 + i / 10) for i in range(3)]
    make_alert(severity="minor", longitude=-13.0)
    confirmed = make_alert(state="confirmed", longitude=-14.0)
    assert sorted(codes_listed(operator, "?severity=strong")[:3]) == sorted(one.code for one in strong)
    assert codes_listed(operator, "?state=confirmed") == [confirmed.code]
    assert codes_listed(operator, "?kind=glacier-surge") == [confirmed.code]  # lately reviewed
    first, second, third = codes_listed(operator, "?severity=strong")[:3]
    page = operator.get(f"/review/{first}/?severity=strong").content.decode()
    assert f'href="/review/{second}/?severity=strong"' in page
    assert "1 of 3" in words(operator.get(f"/review/{first}/?severity=strong"))
    ben = account("ben", OPERATORS)
    signed_in(ben).get(f"/review/{second}/")
    assert second not in codes_listed(operator, "?claim=free")
    assert codes_listed(operator, "?claim=mine")[0] == first
    alert = next(alert for alert in strong if alert.code == first)
    answer = operator.post(f"/review/{first}/?severity=strong", verdict(alert))
    assert answer["Location"] == f"/review/{third}/?severity=strong&after={first}"


def test_neighbours_are_listed_with_their_distance_the_nearest_first(operator, make_alert, alert):
    make_alert(longitude=-12.0, latitude=47.07)
    touching = make_alert(longitude=-11.985)
    make_alert(longitude=-12.0, latitude=47.2)  # 20 km
    found = operator.get(case(alert)).context["page"].neighbours
    assert [one["away"] for one in found] == ["touches it", "5.6 km"]
    assert found[0]["card"].code == touching.code


def test_a_duplicate_names_the_other_on_its_public_page_and_leaves_the_queue(operator, client, make_alert):
    alert, other = make_alert(), make_alert(longitude=-11.99)
    form = verdict(alert, verdict="duplicate", reason_code="same-place", public_note="")
    assert operator.post(case(alert), form | {"other": "nonsense"}).status_code == 400
    assert operator.post(case(alert), form | {"other": other.code.lower()}).status_code == 302
    page = words(client.get(f"/alerts/{alert.code}/"))
    assert other.code in page
    assert "part of another alert" in page
    assert alert.code not in codes_listed(operator)
    operator.post(f"{case(alert)}undo/", {"review": Review.objects.get().pk})
    assert alert.code in codes_listed(operator)


def test_nobody_is_sent_a_second_mail_for_a_duplicate_or_its_way_back(operator, make_alert, make_subscription):
    subscriptions = [make_subscription(email, unreviewed=True) for email in ("a@example.org", "b@example.org")]
    alert, other = make_alert(), make_alert()
    first, second = (transition_announce(transition_id=one.transitions.get().pk) for one in (alert, other))
    assert first.n_notifications == second.n_notifications == 2
    sent = OutgoingMessage.objects.create(
        kind="alert", key="one", address="a@example.org", state="sent", next_try_at=timezone.now()
    )
    Notification.objects.filter(transition__alert=alert, subscription=subscriptions[0]).update(message=sent)
    form = verdict(alert, verdict="duplicate", reason_code="same-place", other=other.code)
    operator.post(case(alert), form)
    operator.post(f"{case(alert)}undo/", {"review": Review.objects.get().pk})
    merged, back = alert.transitions.order_by("pk")[1:]
    assert (merged.to_state, back.from_state, back.to_state) == ("merged", "merged", "first")
    assert transition_announce(transition_id=merged.pk).n_notifications == 0
    assert transition_announce(transition_id=back.pk).n_notifications == 1  # whose mail was withdrawn
    assert Notification.objects.get(transition=back).subscription == subscriptions[1]


def test_demo_accounts_are_made_once_for_their_owner_and_neither_on_a_public_service_nor_over_others(
    settings, tmp_path, capsys
):
    settings.DEMO_ACCOUNTS_FILE = tmp_path / "accounts.json"
    account("operator")
    with pytest.raises(CommandError, match="no demo account"):
        call_command("demoaccounts")
    get_user_model().objects.all().delete()
    call_command("demoaccounts")
    first = capsys.readouterr().out
    call_command("demoaccounts")
    assert capsys.readouterr().out == first
    assert stat.S_IMODE(settings.DEMO_ACCOUNTS_FILE.stat().st_mode) == 0o600
    passwords = json.loads(settings.DEMO_ACCOUNTS_FILE.read_text())
    for name in ("operator", "administrator"):
        user = get_user_model().objects.get(username=name)
        assert user.check_password(passwords[name])
        assert not user.is_superuser
        assert user.is_staff == (name == "administrator")
    settings.BEHIND_HTTPS = True
    with pytest.raises(CommandError, match="public service"):
        call_command("demoaccounts")


@pytest.fixture
def viewer() -> Client:
    return signed_in(account("vera", VIEWERS))


def forms_that_change(page: str) -> list[str]:
    """Where the forms of a page lead, except the way out and the language of the page."""
    forms = re.findall(r"<form[^>]*method=\"post\"[^>]*>", page)
    return [form for form in forms if "/logout/" not in form and "/language/" not in form]


def test_a_viewer_reads_a_case_and_its_verdicts_but_neither_claims_nor_decides_it(viewer, alert):
    page = viewer.get(case(alert)).content.decode()
    assert forms_that_change(page) == []
    assert "Operators decide them." in page
    assert viewer.post(case(alert), {"verdict": "confirm"}).status_code == 403
    assert not Review.objects.exists()
    assert not Claim.objects.exists()
    otto = account("otto", OPERATORS)
    signed_in(otto).get(case(alert))
    assert "otto has held this case since" in words(viewer.get(case(alert)))
    review = judge(alert, Verdict.CONFIRM, otto)
    page = viewer.get(case(alert)).content.decode()
    assert "otto" in page
    assert forms_that_change(page) == []
    assert viewer.post(f"{case(alert)}undo/", {"review": review.pk}).status_code == 403


@pytest.mark.parametrize("path", ["/review/", "/events/", "/products/", "/jobs/orders/"])
def test_pages_for_operators_are_read_by_viewers_without_a_button_that_changes(viewer, path):
    page = viewer.get(path)
    assert page.status_code == 200
    assert forms_that_change(page.content.decode()) == []
    assert "Add data" not in page.content.decode()
