"""Accounts of a role, signed in or not, and the codes of their apps."""

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.contrib.auth.models import User
from django.test import Client

from tests.makers.people import PASSWORD


def with_factor(user: User) -> str:
    """Give an account a second factor, with recovery codes; the secret of its app."""
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    return secret


def code_of(secret: str, step: int = 0) -> str:
    """Return what the app shows now, or some steps of half a minute from now."""
    return format_hotp_value(hotp_value(secret, int(auth.time.time()) // 30 + step))


def recovery_codes_of(user: User) -> list[str]:
    return Authenticator.objects.get(user=user, type="recovery_codes").wrap().get_unused_codes()


def sign_in(client: Client, name: str, password: str = PASSWORD, **more):
    return client.post("/login/", {"username": name, "password": password}, **more)


def is_signed_in(client: Client) -> bool:
    return client.get("/password/").status_code == 200
