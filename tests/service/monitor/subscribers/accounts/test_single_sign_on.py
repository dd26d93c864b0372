"""Single sign-on against a real OpenID Connect provider, which runs here: roles, subjects, second factors, pauses."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
import requests
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from oidc_provider_mock import run_server_in_thread

from detection.models import AuditEntry
from monitor.subscribers.accounts import sessions
from monitor.subscribers.accounts.sessions import LASTS_UNTIL
from monitor.subscribers.accounts.single_sign_on import SHORTEST, _end_of, role_of
from monitor.web.guards import OPERATORS
from monitor.web.identity.site_file import OpenID, Site
from tests.makers.people import account, words
from tests.service.monitor.self_service.accounts.people import code_of, sign_in, with_factor
from tests.waiting import HANG_SECONDS, reread

# The provider, in a thread, would take deprecation warnings for failures.
pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
ROLES = {"readers": "viewers", "geologists": "operators", "heads": "publishers", "it": "administrators"}
SET_UP = "/second-factor/totp/activate/"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with run_server_in_thread() as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture(autouse=True)
def openid(settings, tmp_path, issuer) -> OpenID:
    (tmp_path / "secret").write_text("s3cret")
    openid = OpenID(issuer, "ours", tmp_path / "secret", "groups", ROLES, "Westland account", ("mfa",))
    settings.SITE = replace(Site(), openid=openid)
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [openid.app()]}}
    settings.MFA_REQUIRED = True
    return openid


def sign_on(client: Client, openid: OpenID, subject: str, query: str = "", **claims):
    """Sign in at the provider with these claims, and come back; the answer of our callback."""
    requests.put(f"{openid.issuer}/users/{subject}", json=claims, timeout=HANG_SECONDS).raise_for_status()
    there = client.get(f"/sign-on/{openid.provider_id}/login/{query}")["Location"]
    back = requests.post(there, data={"sub": subject}, allow_redirects=False, timeout=HANG_SECONDS).headers["Location"]
    return client.get(f"{urlsplit(back).path}?{urlsplit(back).query}")


def test_a_viewer_gets_an_account_and_is_led_on_from_the_page_to_sign_in(client, openid):
    page = client.get("/login/?next=/jobs/").content.decode()
    assert "Sign in with Westland account" in page
    assert f'href="/sign-on/{openid.provider_id}/login/?next=/jobs/"' in page
    answer = sign_on(client, openid, "v1", preferred_username="vera", groups=["readers"])
    assert (answer.status_code, answer["Location"]) == (302, "/review/")
    assert client.get("/review/").status_code == 200
    vera = User.objects.get()
    assert (vera.username, vera.has_usable_password()) == ("vera", False)
    assert [group.name for group in vera.groups.all()] == ["viewers"]
    assert [entry.action for entry in AuditEntry.objects.order_by("pk")] == ["account made", "role by sign-on"]
    assert sign_on(Client(), openid, "v1", "?next=/jobs/", groups=["readers"])["Location"] == "/jobs/"
    assert "your password is changed there" in words(client.get("/password/"))


def test_nobody_without_a_role_gets_an_account(client, openid):
    for groups in ([], ["cooks"], "cooks", None):
        answer = sign_on(client, openid, "s1", groups=groups)
        assert (answer.status_code, "No role here" in words(answer)) == (403, True)
    assert not User.objects.exists()
    assert client.get("/review/")["Location"].startswith("/login/")


def test_a_role_that_is_taken_away_there_ends_here_with_its_sessions_and_deactivated_ones_stay_out(client, openid):
    sign_on(client, openid, "v1", groups=["readers"])
    assert sign_on(Client(), openid, "v1", groups=[]).status_code == 403
    assert not User.objects.get().groups.exists()
    assert client.get("/review/")["Location"].startswith("/login/")
    last = AuditEntry.objects.order_by("pk").last()
    assert (last.action, last.before, last.after) == ("role by sign-on", "viewers", "")
    User.objects.update(is_active=False)
    assert sign_on(client, openid, "v1", groups=["readers"]).status_code == 403


def test_a_session_lasts_as_long_as_the_token_so_that_a_role_taken_away_ends(client, openid, monkeypatch):
    local, otto, now = Client(), account("otto", OPERATORS), int(time.time())
    local.force_login(otto)
    local.get("/sessions/")
    sign_on(client, openid, "v1", groups=["readers"])
    ends = client.session[LASTS_UNTIL]
    assert now + SHORTEST.total_seconds() <= ends <= now + 2 * 3600
    assert client.get("/review/").status_code == 200
    monkeypatch.setattr(sessions, "time", SimpleNamespace(time=lambda: ends))
    assert client.get("/review/").status_code == 200
    monkeypatch.setattr(sessions, "time", SimpleNamespace(time=lambda: ends + 1))
    assert client.get("/review/")["Location"].startswith("/login/")
    assert local.get("/sessions/").status_code == 200
    for minutes, expected in ((5, 30), (90, 90), (None, 60)):  # A short token ends no session within half an hour.
        began = time.time()
        token = SocialToken(expires_at=timezone.now() + timedelta(minutes=minutes) if minutes else None)
        assert began - 1 <= _end_of(token) - 60 * expected <= time.time() + 1  # whole seconds


def test_the_role_with_most_rights_counts_follows_the_claim_and_may_be_nested(openid, settings):
    sign_on(Client(), openid, "a1", groups=["readers", "it"])
    ada = User.objects.get()
    assert ada.is_staff
    sign_on(Client(), openid, "a1", groups=["geologists"])
    assert ([group.name for group in reread(ada).groups.all()], ada.is_staff) == (["operators"], False)
    settings.SITE = replace(settings.SITE, openid=replace(openid, claim="realm_access.roles"))
    assert sign_on(Client(), openid, "v1", realm_access={"roles": ["readers"]})["Location"] == "/review/"


def test_accounts_are_matched_by_subject_and_only_a_name_and_a_verified_address_are_kept(openid):
    local = account("otto", OPERATORS)
    sign_on(Client(), openid, "x1", preferred_username="otto", email=local.email, groups=["readers"])
    other = User.objects.exclude(pk=local.pk).get()
    assert other.username != "otto"
    assert other.email == ""
    sign_on(Client(), openid, "x1", preferred_username="renamed", groups=["readers"])
    assert User.objects.count() == 2
    person = {"name": "Anna Maria Muster", "email": "am@example.org", "email_verified": True, "groups": ["readers"]}
    for _ in range(2):
        sign_on(Client(), openid, "k1", preferred_username="am", **person)
    kept = User.objects.get(username="am")
    assert (kept.email, kept.first_name, kept.last_name) == ("am@example.org", "", "")
    assert SocialAccount.objects.get(user=kept).extra_data == {}


def test_an_operator_sets_up_our_second_factor_unless_the_provider_asked_for_one(client, openid):
    assert sign_on(client, openid, "o1", groups=["geologists"])["Location"] == SET_UP
    assert client.get("/review/")["Location"] == SET_UP
    trusted = Client()
    assert sign_on(trusted, openid, "o1", groups=["geologists"], amr=["pwd", "mfa"])["Location"] == "/review/"
    assert trusted.get("/review/").status_code == 200
    assert client.get("/review/")["Location"] == SET_UP  # the other session is as it was
    assert sign_on(Client(), openid, "o1", groups=["geologists"], acr="mfa")["Location"] == "/review/"
    account("otto", OPERATORS)
    trusted.post("/logout/")
    sign_in(trusted, "otto")
    assert trusted.get("/review/")["Location"] == SET_UP  # It holds for that account only.


def test_who_has_set_ours_up_is_asked_for_it(client, openid):
    sign_on(Client(), openid, "o1", groups=["geologists"])
    secret = with_factor(User.objects.get())
    assert sign_on(client, openid, "o1", groups=["geologists"])["Location"] == "/second-factor/authenticate/"
    assert client.get("/review/")["Location"].startswith("/login/")
    assert client.post("/second-factor/authenticate/", {"code": code_of(secret)})["Location"] == "/review/"
    assert client.get("/review/").status_code == 200


def test_a_pause_holds_here_too(client, openid):
    sign_on(Client(), openid, "v1", preferred_username="vera", groups=["readers"])
    for _ in range(5):
        sign_in(Client(), "vera", "wrong")
    assert sign_on(client, openid, "v1", groups=["readers"]).status_code == 429


def test_who_is_signed_in_cannot_add_a_sign_on_and_an_answer_that_nobody_asked_for_is_refused(client, openid):
    answer = client.get(f"/sign-on/{openid.provider_id}/login/callback/?code=made&state=up")
    assert (answer.status_code, "That did not work" in words(answer)) == (401, True)
    assert not User.objects.exists()
    client.force_login(account("otto", OPERATORS))
    assert sign_on(client, openid, "x1", "?process=connect", groups=["readers"]).status_code == 403
    assert not SocialAccount.objects.exists()


def test_two_subjects_in_one_answer_are_nobody(openid):
    given = {"id_token": {"sub": "a", "groups": ["it"]}, "userinfo": {"sub": "b", "groups": ["it"]}}
    assert role_of(openid, given) == ""
    given["userinfo"]["sub"] = "a"
    assert role_of(openid, given) == "administrators"


def test_a_provider_out_of_reach_is_a_page_with_the_reason_and_without_one_there_is_none(client, openid, settings):
    away = replace(openid, issuer="http://localhost:9")
    settings.SITE = replace(settings.SITE, openid=away)
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [away.app()]}}
    answer = client.get(f"/sign-on/{away.provider_id}/login/")
    assert (answer.status_code, "That did not work" in words(answer)) == (503, True)
    settings.SITE, settings.SOCIALACCOUNT_PROVIDERS = Site(), {"openid_connect": {"APPS": []}}
    assert client.get("/sign-on/anybody/login/").status_code == 404
