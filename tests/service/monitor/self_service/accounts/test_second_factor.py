"""Setting up a second factor, signing in with it, losing it."""

import re
import time
from types import SimpleNamespace

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import NoReverseMatch, reverse

from detection.models import AuditEntry
from monitor.web.guards import ADMINISTRATORS, OPERATORS, VIEWERS
from tests.makers.people import PASSWORD, account
from tests.service.monitor.self_service.accounts.people import (
    code_of,
    is_signed_in,
    recovery_codes_of,
    sign_in,
    with_factor,
)

pytestmark = pytest.mark.django_db
SET_UP = "/second-factor/totp/activate/"
SECOND_STEP = "/second-factor/authenticate/"


@pytest.fixture(autouse=True)
def required(settings):
    settings.MFA_REQUIRED = True


@pytest.fixture(autouse=True)
def one_half_minute(monkeypatch):
    """Give codes longer lives: a busy machine takes longer than a code lives."""
    now = time.time()
    monkeypatch.setattr("allauth.mfa.totp.internal.auth.time", SimpleNamespace(time=lambda: now))


@pytest.fixture
def otto():
    return account("otto", OPERATORS)


@pytest.fixture
def secret(otto) -> str:
    """The secret of otto's app, whose code is asked for after his password."""
    return with_factor(otto)


def activate(client: Client) -> None:
    """Set up the app as a person does."""
    page = client.get(SET_UP).content.decode()
    secret = re.search(r'class="secret">([A-Z2-7]+)<', page).group(1)
    assert client.post(SET_UP, {"code": code_of(secret)}).status_code == 302


def test_an_operator_sets_it_up_before_the_first_page_of_the_role(otto, client):
    assert sign_in(client, "otto")["Location"] == SET_UP
    assert client.get("/review/")["Location"] == SET_UP
    picture = client.get(SET_UP)
    assert 'src="data:image/svg+xml;base64,' in picture.content.decode()  # It comes from no other host.
    assert "img-src 'self' data:" in picture["Content-Security-Policy"]
    activate(client)
    assert client.get("/review/").status_code == 200
    assert len(recovery_codes_of(otto)) == 10


@pytest.mark.parametrize("more", [{}, {"is_superuser": True}])
def test_djangos_admin_waits_for_it_too_and_shows_no_secrets_and_no_sessions(more, client):
    account("ada", ADMINISTRATORS, is_staff=True, **more)
    sign_in(client, "ada")
    assert client.get("/admin/")["Location"].startswith("/admin/login/")
    assert client.get("/admin/", follow=True).redirect_chain[-1][0] == SET_UP
    activate(client)
    answer = client.get("/admin/")
    assert answer.status_code == 200
    page = answer.content.decode()
    assert ("/admin/auth/user/" in page) or not more
    assert not re.search("/admin/(mfa|usersessions|account)/", page)


def test_viewers_need_none_and_may_have_one(client):
    account("vera", VIEWERS)
    assert sign_in(client, "vera")["Location"] == "/review/"
    assert client.get("/review/").status_code == 200
    activate(client)


def test_a_password_alone_no_longer_signs_in_nor_does_a_code_of_another_half_minute(secret, client):
    assert sign_in(client, "otto")["Location"] == SECOND_STEP
    for step in (-3, -2, 2, 3):
        client.post(SECOND_STEP, {"code": code_of(secret, step)})
    assert not is_signed_in(client)
    assert client.get("/review/")["Location"].startswith("/login/")
    answer = client.post(SECOND_STEP, {"code": code_of(secret)})
    assert answer["Location"] == "/review/"
    assert is_signed_in(client)


@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_a_code_works_once_also_in_another_browser(otto, secret, monkeypatch, kind):
    monkeypatch.setattr(TOTP, "_mark_code_used", lambda *args: True)  # as where the cache is empty or away
    code = recovery_codes_of(otto)[0] if kind == "recovery" else code_of(secret)
    first, second = Client(), Client()
    for client in (first, second):
        sign_in(client, "otto")
        client.post(SECOND_STEP, {"code": code})
    assert is_signed_in(first)
    assert not is_signed_in(second)
    assert len(recovery_codes_of(otto)) == (9 if kind == "recovery" else 10)


MADE_UP = ['{"id": "none"}', '["none"]', '{"id": 3, "response": {}, "rawId": null}', "no JSON", "3"]


def test_a_made_up_key_is_not_added(otto, client):
    sign_in(client, "otto")
    for answer in MADE_UP:
        page = client.post("/second-factor/webauthn/add/", {"credential": answer, "name": "made"})
        assert (page.status_code, 'role="alert"' in page.content.decode()) == (200, True), answer
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize("wrong", [{"code": "000000"}, *({"credential": answer} for answer in MADE_UP[:3])])
def test_five_wrong_codes_or_answers_of_a_key_bring_the_pause_of_wrong_passwords(secret, client, wrong):
    sign_in(client, "otto")
    assert [client.post(SECOND_STEP, wrong).status_code for _ in range(5)] == [200] * 4 + [429]
    assert client.post(SECOND_STEP, {"code": code_of(secret)}).status_code == 429
    assert not is_signed_in(client)
    assert sign_in(Client(), "otto").status_code == 429


def test_codes_cannot_be_guessed_from_many_addresses(secret):
    for number in range(10):
        client = Client(REMOTE_ADDR=f"198.51.100.{number}")
        sign_in(client, "otto")
        client.post(SECOND_STEP, {"code": "000000"})
    client.post(SECOND_STEP, {"code": code_of(secret)})
    assert not is_signed_in(client)


def test_setting_it_up_ends_sessions_that_began_with_a_password_alone(otto, django_capture_on_commit_callbacks):
    here, elsewhere = Client(), Client()
    for client in (here, elsewhere):
        sign_in(client, "otto")
        assert is_signed_in(client)
    with django_capture_on_commit_callbacks(execute=True):
        activate(here)
    assert is_signed_in(here)
    assert not is_signed_in(elsewhere)


def test_what_changes_the_factor_asks_for_the_password_again(otto, secret, client):
    client.force_login(otto)
    for page in ("totp/deactivate/", "recovery-codes/generate/"):
        answer = client.get(f"/second-factor/{page}")
        assert answer["Location"].startswith("/password/again/?next=")
    client.post("/password/again/", {"password": PASSWORD, "next": "/second-factor/totp/deactivate/"})
    assert client.get("/second-factor/totp/deactivate/").status_code == 200
    client.post("/second-factor/totp/deactivate/")
    assert not Authenticator.objects.filter(user=otto).exists()
    assert client.get("/review/")["Location"] == SET_UP


def test_the_secret_is_not_readable_in_the_database_and_outlives_a_change_of_the_secret_key(secret, settings, client):
    with connection.cursor() as cursor:
        cursor.execute("SELECT data::text FROM mfa_authenticator")
        kept = " ".join(row[0] for row in cursor.fetchall())
    assert "secret" in kept
    assert secret not in kept
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another key" * 5, [settings.SECRET_KEY]
    sign_in(client, "otto")
    client.post(SECOND_STEP, {"code": code_of(secret)})
    assert is_signed_in(client)


def test_a_lost_factor_is_reset_on_the_server_and_written_down(otto, capsys):
    with pytest.raises(CommandError, match="there is no account 'nobody'"):
        call_command("resetfactor", "nobody")
    with_factor(otto)
    call_command("resetfactor", "otto")
    assert "removed from otto: 2" in capsys.readouterr().out
    assert AuditEntry.objects.get().action == "second factor reset"
    assert sign_in(Client(), "otto")["Location"] == SET_UP


def test_nobody_can_sign_up():
    for name in ("account_signup", "account_email", "socialaccount_signup", "account_reset_password"):
        with pytest.raises(NoReverseMatch):
            reverse(name)
    assert Client().get("/accounts/signup/").status_code == 404
