"""Accounts are made by invitation, also by administrators, and ended by superusers; passwords are replaced by mail."""

import logging
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.utils import timezone

from detection.models import AuditEntry
from monitor.models.messages import Invitation, OutgoingMessage
from monitor.notifications.rounds import messages_send
from monitor.subscribers.accounts import services
from monitor.web import accounts
from monitor.web.guards import ADMINISTRATORS, OPERATORS
from tests.makers.people import PASSWORD, account, signed_in, words
from tests.service.monitor.self_service.accounts.people import is_signed_in, sign_in, with_factor

pytestmark = pytest.mark.django_db
NEW = "quite another pass phrase"


@pytest.fixture
def root() -> User:
    return account("root", is_staff=True, is_superuser=True)


@pytest.fixture
def superuser(root) -> Client:
    client = Client()
    sign_in(client, "root")
    return client


def invite(superuser: Client, email: str = "nina@example.org", role: str = OPERATORS) -> str:
    """Invite somebody; the link of the mail, without its host."""
    assert superuser.post("/accounts/", {"email": email, "role": role}).status_code == 302
    return mailed_link()


def mailed_link() -> str:
    messages_send()
    return re.search(r"http://[^/\s]+(/\S+)", mail.outbox[-1].body).group(1)


def join(client: Client, link: str, name: str = "nina", password: str = NEW):
    opened = client.get(link)
    if opened.status_code != 302:
        return opened
    return client.post(opened["Location"], {"username": name, "password1": password, "password2": password})


@pytest.mark.parametrize(("role", "page"), [(OPERATORS, "/review/"), (ADMINISTRATORS, "/admin/")])
def test_who_is_invited_makes_an_account_with_the_role_and_is_signed_in(role, page, superuser, settings):
    nina = Client()
    assert join(nina, invite(superuser, role=role))["Location"] == "/review/"
    assert nina.get(page).status_code == 200
    made = User.objects.get(username="nina")
    assert made.email == "nina@example.org"
    assert [group.name for group in made.groups.all()] == [role]
    assert (made.is_staff, made.is_superuser) == (role == ADMINISTRATORS, False)
    assert set(AuditEntry.objects.values_list("action", flat=True)) == {"invited", "account made"}
    link = invite(superuser, "paul@example.org", role)
    settings.MFA_REQUIRED = True
    assert join(Client(), link, "paul")["Location"] == "/second-factor/totp/activate/"


def test_an_administrator_invites_and_withdraws_but_changes_no_account(superuser, root):
    account("ada", ADMINISTRATORS, is_staff=True)
    ada = Client()
    sign_in(ada, "ada")
    nina = Client()
    join(nina, invite(ada))
    assert is_signed_in(nina)
    ada.post("/accounts/", {"email": "paul@example.org", "role": ADMINISTRATORS})
    waiting = Invitation.objects.get(email="paul@example.org")
    assert ada.post(f"/accounts/invitations/{waiting.pk}/").status_code == 302
    waiting.refresh_from_db()
    assert waiting.withdrawn_at
    assert "Deactivate" not in ada.get("/accounts/").content.decode()
    assert ada.post(f"/accounts/{root.pk}/", {"deed": "deactivate"}).status_code == 403
    assert not User.objects.get(username="nina").is_superuser


def test_a_link_works_once_also_for_two_who_open_it_at_one_time(superuser):
    link, first, second = invite(superuser), Client(), Client()
    page = [client.get(link)["Location"] for client in (first, second)][1]
    join(first, link)
    second.post(page, {"username": "mallory", "password1": NEW, "password2": NEW})
    again = join(Client(), link, name="mallory")
    assert again.status_code == 404
    assert "used or withdrawn" in again.content.decode()
    assert not User.objects.filter(username="mallory").exists()


def test_a_link_works_for_three_days_and_old_invitations_are_forgotten(superuser, monkeypatch):
    link, now = invite(superuser), timezone.now()
    assert Client().get(f"{link[:-3]}xx/").status_code == 404  # nor does one that was changed
    assert Client().get(link).status_code == 302
    with monkeypatch.context() as later:
        later.setattr("time.time", lambda: (now + timedelta(hours=73)).timestamp())
        assert Client().get(link).status_code == 404
    Invitation.objects.update(created_at=now - timedelta(days=31))
    assert services.invitations_forget() > 0
    assert not Invitation.objects.exists()


def test_an_invitation_that_was_withdrawn_or_replaced_opens_nothing_and_one_not_yet_sent_is_not_sent(superuser):
    first, second = invite(superuser), invite(superuser)
    assert Client().get(first).status_code == 404
    assert Client().get(second).status_code == 302
    superuser.post("/accounts/", {"email": "paul@example.org", "role": OPERATORS})
    for one in Invitation.objects.all():
        superuser.post(f"/accounts/invitations/{one.pk}/")
    assert Client().get(second).status_code == 404
    sent = len(mail.outbox)
    messages_send()
    assert len(mail.outbox) == sent


def test_the_link_stands_in_no_page_that_passes_it_on_and_in_no_log(superuser, caplog):
    link, nina = invite(superuser), Client()
    token = link.rstrip("/").rpartition("/")[2]
    with caplog.at_level(logging.DEBUG):
        page = nina.get(link, follow=True)
        join(Client(), f"{link}x")
    assert token not in page.request["PATH_INFO"]
    assert token not in page.content.decode()
    assert token not in Invitation.objects.values_list().__str__()
    assert token not in OutgoingMessage.objects.values_list().__str__()


def test_a_weak_password_or_a_name_in_other_capitals_makes_no_account_and_no_known_address_is_invited(superuser):
    link = invite(superuser)
    for password in ("short", "password1234", "nina@example"):
        assert join(Client(), link, password=password).status_code == 422
    assert "This name is taken" in join(Client(), link, name="ROOT").content.decode()
    assert [user.username for user in User.objects.all()] == ["root"]
    answer = superuser.post("/accounts/", {"email": "root@EXAMPLE.org", "role": OPERATORS})
    assert answer.status_code == 422
    assert "There is an account with this address" in answer.content.decode()


def test_the_list_asks_for_the_password_again_and_says_who_has_which_role_and_a_second_factor(root):
    with_factor(account("otto", OPERATORS))
    account("karl")
    late = signed_in(root)
    assert late.get("/accounts/")["Location"].startswith("/password/again/")
    late.post("/password/again/", {"password": PASSWORD, "next": "/accounts/"})
    page = words(late.get("/accounts/"))
    assert "otto otto@example.org operator never yes" in page
    assert "karl karl@example.org none never no" in page


def test_a_deactivated_account_is_signed_out_and_stays_out(superuser):
    otto, browser = account("otto", OPERATORS), Client()
    sign_in(browser, "otto")
    superuser.post(f"/accounts/{otto.pk}/", {"deed": "deactivate"})
    assert not is_signed_in(browser)
    assert sign_in(browser, "otto").status_code == 200
    superuser.post(f"/accounts/{otto.pk}/", {"deed": "activate"})
    assert sign_in(browser, "otto").status_code == 302
    assert AuditEntry.objects.filter(subject="otto").count() == 2


def test_a_form_without_an_action_or_about_the_own_account_changes_no_account(superuser, root):
    otto = account("otto", OPERATORS)
    for form in ({}, {"deed": ""}, {"deed": "remove"}):
        answer = superuser.post(f"/accounts/{otto.pk}/", form, follow=True)
        assert "Nothing was changed, because no button was used." in answer.content.decode()
    superuser.post(f"/accounts/{root.pk}/", {"deed": "deactivate"})
    assert User.objects.filter(is_active=True).count() == 2
    assert not AuditEntry.objects.filter(subject="otto").exists()


def ask(email: str, client: Client | None = None, **more):
    return (client or Client()).post("/password/forgotten/", {"email": email}, **more)


def choose(client: Client, link: str, password: str = NEW):
    return client.post(client.get(link)["Location"], {"new_password1": password, "new_password2": password})


@pytest.fixture
def otto() -> User:
    return account("otto", OPERATORS)


def test_a_forgotten_password_is_replaced_every_session_ends_and_the_second_factor_stays(otto):
    browser = Client()
    sign_in(browser, "otto")
    ask("OTTO@example.org")
    choose(Client(), mailed_link())
    assert not is_signed_in(browser)
    assert sign_in(Client(), "otto").status_code == 200
    assert sign_in(Client(), "otto", NEW)["Location"] == "/review/"
    with_factor(otto)
    ask("otto@example.org")
    choose(Client(), mailed_link())
    assert sign_in(Client(), "otto", NEW)["Location"] == "/second-factor/authenticate/"


def test_a_link_to_a_new_password_works_once_and_for_two_hours(otto, monkeypatch):
    ask("otto@example.org")
    link = mailed_link()
    choose(Client(), link)
    assert "This link does not work" in Client().get(link).content.decode()
    ask("otto@example.org")
    link, now = mailed_link(), timezone.now()
    monkeypatch.setattr(
        "django.contrib.auth.tokens.PasswordResetTokenGenerator._now",
        lambda self: now.replace(tzinfo=None) + timedelta(hours=3),
    )
    assert "This link does not work" in Client().get(link).content.decode()


def test_an_unknown_or_deactivated_address_gets_the_same_answer_and_no_mail(otto):
    account("anna", OPERATORS, is_active=False)
    answers = [ask(f"{name}@example.org") for name in ("otto", "nobody", "anna")]
    assert len({(one.status_code, one["Location"]) for one in answers}) == 1
    assert OutgoingMessage.objects.count() == 1


def test_strangers_neither_flood_a_mailbox_with_links_nor_use_up_those_of_somebody_known(otto, settings):
    settings.MAIL_LIMIT_OVERALL = settings.MAIL_LIMIT_PER_DOMAIN = 2
    for number in range(4):
        ask("otto@example.org", REMOTE_ADDR=f"198.51.100.{number}")
    assert OutgoingMessage.objects.count() == services.LINKS
    OutgoingMessage.objects.update(created_at=timezone.now() - timedelta(hours=2))
    ask("otto@example.org")
    assert OutgoingMessage.objects.count() == services.LINKS + 1


def test_the_owner_of_the_mailbox_gets_in_while_others_guess(otto, monkeypatch):
    monkeypatch.setattr(accounts, "SIGN_IN_LIMITS", [*accounts.SIGN_IN_LIMITS[:2], (["username"], 8)])
    ask("otto@example.org")
    owner = Client()
    choose(owner, mailed_link())
    for number in range(10):
        sign_in(Client(), "otto", "wrong", REMOTE_ADDR=f"198.51.100.{number}")
    assert sign_in(Client(REMOTE_ADDR="203.0.113.1"), "otto", NEW).status_code == 429
    assert sign_in(owner, "otto", NEW).status_code == 302
