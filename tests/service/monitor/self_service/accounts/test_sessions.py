"""How long a session lasts, who ends it, that reading makes none; and that nobody guesses a way into one."""

import json
import logging
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from monitor import tasks
from monitor.subscribers.accounts.second_factor import factor_reset
from monitor.subscribers.accounts.sessions import sessions_forget
from monitor.web.guards import OPERATORS, VIEWERS
from tests.makers.people import PASSWORD, account
from tests.service.monitor.self_service.accounts.people import is_signed_in, sign_in, with_factor

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Safari/604.1"


@pytest.fixture
def otto():
    return account("otto", OPERATORS)


@pytest.fixture
def browsers(otto) -> list[Client]:
    """Two browsers in which otto is signed in."""
    clients = [Client(HTTP_USER_AGENT=FIREFOX, REMOTE_ADDR="192.0.2.77"), Client(HTTP_USER_AGENT=SAFARI)]
    for client in clients:
        sign_in(client, "otto")
    return clients


@pytest.fixture
def clock(monkeypatch) -> Callable[[float], None]:
    """Let hours go by for the limits of sessions."""
    now = [time.time()]
    monkeypatch.setattr("monitor.subscribers.accounts.sessions.time.time", lambda: now[0])

    def forward(hours: float) -> None:
        now[0] += 3600 * hours

    return forward


def test_the_proxy_is_told_what_a_session_may_do_but_nothing_of_one_made_up_over_or_without_factor(otto, settings):
    viewer, stranger = Client(), Client()
    viewer.force_login(account("vera", VIEWERS), backend=settings.AUTHENTICATION_BACKENDS[-1])
    stranger.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
    operator = Client()
    operator.force_login(otto, backend=settings.AUTHENTICATION_BACKENDS[-1])

    def rights() -> list[str]:
        return [client.get("/sessions/rights/")["X-Rights"] for client in (operator, viewer, stranger, Client())]

    settings.MFA_REQUIRED = False
    assert rights() == ["work review load", "work", "", ""]
    settings.MFA_REQUIRED = True
    assert rights() == ["", "work", "", ""]
    with_factor(otto)
    assert rights()[0] == "work review load"
    Session.objects.all().delete()
    assert rights() == ["", "", "", ""]


def test_no_line_of_the_log_says_who_signs_in_or_fails_to_and_failures_are_counted(otto, caplog):
    client = Client(HTTP_USER_AGENT=FIREFOX, REMOTE_ADDR="192.0.2.77")
    with caplog.at_level(logging.DEBUG):
        for _ in range(2):
            sign_in(client, "otto", "wrong")
        (attempt,) = AccessAttempt.objects.all()
        assert attempt.failures_since_start == 2
        sign_in(client, "otto")
        client.post("/logout/")
        for _ in range(6):
            sign_in(client, "otto", "wrong")
        factor_reset(user=otto, actor="anna")
    assert "Successful login by a client" in caplog.text
    assert "Locking out a client" in caplog.text
    for word in ("otto", "anna", "192.0.2.77", "Firefox"):
        assert word not in caplog.text
    assert not AccessLog.objects.exists()


def test_a_session_ends_after_two_hours_without_a_click_and_in_use_after_twelve(browsers, clock):
    idle, used = browsers
    assert is_signed_in(idle)
    clock(2.1)
    assert not is_signed_in(idle)
    assert idle.get("/review/")["Location"].startswith("/login/")
    sign_in(used, "otto")
    for _ in range(12):
        assert is_signed_in(used)
        clock(1)
    clock(0.1)
    assert not is_signed_in(used)


def test_the_page_says_where_an_account_is_signed_in_and_signing_out_ends_it_and_empties_the_browser(browsers):
    page = browsers[0].get("/sessions/").content.decode()
    assert "Firefox on Linux" in page
    assert "Safari on iPhone" in page
    assert "192.0.2.0" in page
    assert "192.0.2.77" not in page
    assert not UserSession.objects.filter(ip="192.0.2.77").exists()
    thief = Client()
    thief.cookies["sessionid"] = browsers[0].cookies["sessionid"].value
    assert browsers[0].post("/logout/")["Clear-Site-Data"] == '"cache", "storage"'
    assert not is_signed_in(thief)


@pytest.mark.parametrize("end", ["one", "others", "all"])
def test_sessions_are_ended_one_by_one_all_others_or_everywhere(browsers, end):
    other = UserSession.objects.get(user_agent=SAFARI)
    browsers[0].post("/sessions/", {"end": other.pk if end == "one" else end})
    assert [is_signed_in(browser) for browser in browsers] == [end != "all", False]
    assert Session.objects.exists() == (end != "all")


def test_nobody_ends_the_session_of_somebody_else_or_their_own_without_the_password(otto, browsers):
    karl, late = Client(), Client()
    account("karl")
    sign_in(karl, "karl")
    for session in UserSession.objects.exclude(user__username="karl"):
        karl.post("/sessions/", {"end": session.pk})
    late.force_login(otto)
    assert late.post("/sessions/", {"end": "others"})["Location"].startswith("/password/again/")
    assert all(is_signed_in(client) for client in browsers)


def test_a_new_password_ends_the_other_sessions_and_keeps_this_one_and_the_administration_has_the_same_form(browsers):
    new = "quite another pass phrase"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    browsers[0].post("/password/", form)
    assert is_signed_in(browsers[0])
    assert not is_signed_in(browsers[1])
    assert "this browser" in browsers[0].get("/sessions/").content.decode()
    ada = Client()
    ada.force_login(account("ada", is_staff=True))
    assert ada.get("/admin/password_change/")["Location"] == "/password/"


def test_a_stolen_session_cannot_guess_the_password(browsers):
    form = {"old_password": "wrong", "new_password1": "x", "new_password2": "x"}
    answers = [browsers[0].post("/password/", form).status_code for _ in range(6)]
    assert answers == [200] * 4 + [429] * 2


def test_of_a_failed_attempt_no_secret_is_kept(browsers, otto):
    secrets = {"old_password": "typo-of-the-old", "new_password1": "the-very-new-1", "new_password2": "the-very-new-2"}
    browsers[0].post("/password/", secrets)
    with_factor(otto)
    fresh = Client()
    sign_in(fresh, "otto")
    fresh.post("/second-factor/authenticate/", {"code": "314159"})
    kept = str(list(AccessAttempt.objects.values_list()))
    assert "otto" in kept
    assert not [secret for secret in [*secrets.values(), "314159"] if secret in kept]


def test_signing_in_and_typing_the_password_again_make_a_new_session(otto, client):
    client.get("/accounts/join/nonsense/")
    session = client.session
    session["kept"] = "before"
    session.save()
    client.cookies["sessionid"] = before = session.session_key
    sign_in(client, "otto")
    assert client.cookies["sessionid"].value != before
    before = client.cookies["sessionid"].value
    client.post("/password/again/", {"password": PASSWORD, "next": "/sessions/"})
    assert client.cookies["sessionid"].value != before
    assert "this browser" in client.get("/sessions/").content.decode()
    thief = Client()
    thief.cookies["sessionid"] = before
    assert not is_signed_in(thief)


def test_the_workbench_keeps_no_session(client, product):
    for address in (f"?on={product.pk}", "_dash-layout", "_dash-dependencies"):
        assert client.get(f"/workbench/{address}").status_code == 200
    address = {"id": "address", "property": "search", "value": f"?on={product.pk}"}
    theme = {"id": "theme", "property": "data", "value": "light"}
    body = json.dumps({"output": "sheet.children", "inputs": [address, theme]})
    answer = client.post("/workbench/_dash-update-component", body, content_type="application/json")
    assert answer.status_code == 200
    assert settings.SESSION_COOKIE_NAME not in client.cookies
    assert not Session.objects.exists()


def test_expired_sessions_are_deleted_and_what_is_kept_of_them_is_forgotten(browsers, settings):
    for days, browser in zip((-1, 1), browsers, strict=True):
        kept = Session.objects.filter(pk=browser.cookies["sessionid"].value)
        kept.update(expire_date=timezone.now() + timedelta(days=days))
    tasks.clear_sessions()
    assert [one.pk for one in Session.objects.all()] == [browsers[1].cookies["sessionid"].value]
    settings.SESSION_COOKIE_AGE = 0
    assert sessions_forget() == 2


def guess(name: str, password: str = "wrong", address: str = "192.0.2.1", client: Client | None = None) -> int:
    sent = {"username": name, "password": password}
    return (client or Client()).post("/login/", sent, REMOTE_ADDR=address).status_code


def test_one_password_cannot_be_tried_for_many_names_from_one_network(anna):
    answers = [guess(f"name{number}") for number in range(25)]
    assert answers.count(200) < 20
    assert guess("anna", PASSWORD) == 429
    assert guess("anna", PASSWORD, address="192.0.2.2") == 302
    answers = [guess(f"name{number}", address=f"2001:db8:0:1::{number:x}") for number in range(25)]
    assert answers.count(200) < 20


def test_one_name_cannot_be_tried_from_many_addresses_and_its_owner_signs_in_with_the_usual_browser(anna):
    usual = Client()
    assert guess("anna", PASSWORD, client=usual) == 302
    usual.post("/logout/")
    answers = [guess("anna", address=f"198.51.100.{number}") for number in range(55)]
    assert answers.count(200) < 50
    for number in range(25):
        guess(f"name{number}", address="203.0.113.9")
    assert guess("anna", PASSWORD, address="203.0.113.8") == 429
    assert guess("anna", PASSWORD, address="203.0.113.9", client=usual) == 302


def test_a_browser_is_known_to_one_name_only_may_not_guess_without_end_and_nobody_makes_up_its_cookie(anna):
    usual, made_up = Client(), Client()
    guess("anna", PASSWORD, client=usual)
    usual.post("/logout/")
    made_up.cookies["known_browser"] = "anna"
    answers = [guess(f"name{number}", client=usual) for number in range(25)]
    assert answers.count(200) < 20
    assert guess("anna", PASSWORD, client=made_up) == 429
    assert [guess("anna", client=usual) for _ in range(6)] == [200] * 4 + [429] * 2
