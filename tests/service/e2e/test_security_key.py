"""A security key as second factor, with Chromium's virtual authenticator: added, used, asked for again, removed."""

import re

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from monitor.web.guards import OPERATORS
from tests.makers.people import PASSWORD, account
from tests.service.e2e.browsers import fits_any_window, sign_out

KEY = {"protocol": "ctap2", "transport": "usb", "hasResidentKey": True, "hasUserVerification": True}
KEY |= {"isUserVerified": True, "automaticPresenceSimulation": True}


@pytest.fixture(autouse=True)
def required(settings):
    settings.MFA_REQUIRED = True


def with_key(page: Page) -> str:
    """Plug a key into the browser; its name there."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    page.devtools = devtools
    return devtools.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})["authenticatorId"]


def type_password(page: Page) -> None:
    page.get_by_label("Name").fill("otto")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_a_key_opens_the_account_and_without_it_nothing_does(page):
    otto: User = account("otto", OPERATORS)
    with_key(page)
    page.goto("/login/?next=/review/")
    type_password(page)
    page.goto("/second-factor/totp/activate/")
    page.get_by_role("link", name="Use a security key or a passkey instead").click()
    assert fits_any_window(page)
    page.get_by_label("Name of the key").fill("blue key")
    page.get_by_role("button", name="Add the key").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    assert Authenticator.objects.filter(user=otto, type="webauthn").count() == 1
    page.get_by_role("link", name="I have kept the codes").click()
    expect(page).to_have_url(re.compile("/review/$"))

    sign_out(page)
    page.goto("/login/?next=/review/")
    type_password(page)
    expect(page.get_by_role("heading", name="Second step")).to_be_visible()
    assert fits_any_window(page)
    page.get_by_role("button", name="Use your security key").click()
    expect(page).to_have_url(re.compile("/review/$"))

    page.goto("/second-factor/webauthn/")
    expect(page.get_by_role("rowheader", name="blue key")).to_be_visible()
    assert fits_any_window(page)
    page.get_by_role("link", name="Rename").click()
    page.get_by_label("Name of the key").fill("red key")
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("rowheader", name="red key")).to_be_visible()
    page.get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("You have no security key yet.")).to_be_visible()
    assert not Authenticator.objects.filter(user=otto).exists()


def test_a_browser_without_the_key_says_so_and_gets_nowhere(open_page):
    account("otto", OPERATORS)
    page = open_page("phone")
    key = with_key(page)
    page.goto("/login/?next=/review/")
    type_password(page)
    page.goto("/second-factor/webauthn/add/")
    page.get_by_role("button", name="Add the key").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.context.clear_cookies()
    page.devtools.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": key})
    page.devtools.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
    page.goto("/login/?next=/review/")
    type_password(page)
    page.get_by_role("button", name="Use your security key").click()
    expect(page.get_by_text("No key answered.")).to_be_visible()
    page.goto("/review/")
    expect(page).to_have_url(re.compile("/login/"))
