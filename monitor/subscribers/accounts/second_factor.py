"""Second factor of accounts, by django-allauth: codes that work once, secrets encrypted in the database."""

import base64
import hashlib
import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm, BaseAuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import decrypt
from allauth.mfa.webauthn.forms import AddWebAuthnForm, AuthenticateWebAuthnForm, ReauthenticateWebAuthnForm
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from detection.models import AuditEntry
from monitor.subscribers.accounts.sessions import LASTS_UNTIL, TRUSTED, factor_trusted, sessions_end
from monitor.web.accounts import browser_remember, client_address, failure_count, home_of, refuse_while_paused

logger = logging.getLogger(__name__)

MALFORMED = (AttributeError, KeyError, TypeError, ValueError)  # allauth raises these for a made-up key.
NOWHERE = "::"  # a connection without an address, for example over a Unix socket


class AccountAdapter(DefaultAccountAdapter):
    """allauth's adapter of accounts: nobody signs up; sessions and limits hold a visitor's network, not the address."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False: accounts come from invitations."""
        return False

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Add no message: the pages themselves say what happened."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the visitor's network, as our outermost proxy sees it; for IPv4 the address with a last part of 0."""
        address = client_address(request) or NOWHERE
        return f"{address.rpartition('.')[0]}.0" if "." in address else address

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Return the first page of an account that signed on elsewhere."""
        return home_of(request.user)

    get_signup_redirect_url = get_login_redirect_url

    def post_login(self, request: HttpRequest, user: AbstractBaseUser, **kwargs: Any) -> HttpResponse:
        """Remember the browser that signed in; of a single sign-on, also its end and whether it is trusted."""
        sign_on = (kwargs["signal_kwargs"] or {}).get("sociallogin")
        if sign_on:
            request.session[LASTS_UNTIL] = sign_on.state[LASTS_UNTIL]
        if sign_on and sign_on.state.get(TRUSTED):
            request.session[TRUSTED] = user.pk
            factor_trusted(request)
        response = super().post_login(request, user, **kwargs)
        browser_remember(response, user.get_username())
        return response


class FactorAdapter(DefaultMFAAdapter):
    """Adapter of second factors, whose secrets are encrypted with a key made of SECRET_KEY."""

    def get_totp_label(self, user: AbstractBaseUser) -> str:
        """Return the name of the account in an authenticator app."""
        return user.get_username()

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Return the domain and the name under which browsers keep a passkey of this site."""
        return super().get_public_key_credential_rp_entity() | {"name": settings.SITE.name}

    def encrypt(self, text: str) -> str:
        """Encrypt a secret for the database."""
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Decrypt a secret from the database."""
        return _box().decrypt(encrypted_text.encode()).decode()


class Throttled(BaseAuthenticateForm):
    """Base of forms that ask for a code: a wrong code counts like a wrong password, a code of the app works once."""

    def clean_code(self) -> str:
        """Refuse a code while the account is paused, and one that was used already."""
        refuse_while_paused(context.request, self.user.get_username())
        code = super().clean_code()
        if self.authenticator.type == Authenticator.Type.TOTP and not _first_use(self.authenticator, code):
            raise ValidationError(_("This code was used already. Wait for the next one."))
        return code

    def _emit_authentication_failed(self, authenticator: Authenticator) -> None:
        super()._emit_authentication_failed(authenticator)
        failure_count(context.request, self.user.get_username())


class KeyForm(AuthenticateWebAuthnForm):
    """Form for the security key at the sign-in: a wrong answer counts like a wrong password."""

    def clean_credential(self) -> Authenticator:
        """Refuse a key while the account is paused."""
        refuse_while_paused(context.request, self.user.get_username())
        try:
            return super().clean_credential()
        except (ValidationError, *MALFORMED):
            failure_count(context.request, self.user.get_username())
            raise ValidationError(_("No key answered. Try again, or use another one.")) from None


class NewKeyForm(AddWebAuthnForm):
    """Form for a new security key."""

    def clean(self) -> dict[str, Any]:
        """Refuse an answer that no browser gives."""
        try:
            return super().clean()
        except MALFORMED:
            raise ValidationError(_("No key answered. Try again, or use another one.")) from None


class KeyAgainForm(KeyForm, ReauthenticateWebAuthnForm):
    """Form for the security key before a sensitive page, with a limit of attempts."""


class CodeForm(Throttled, AuthenticateForm):
    """Form for the code at the sign-in, with a limit of attempts."""


class CodeAgainForm(Throttled, ReauthenticateForm):
    """Form for the code before a sensitive page, with a limit of attempts."""


def factor_reset(*, user: User, actor: str) -> int:
    """Remove a lost second factor from an account and end its sessions; return how many authenticators it had."""
    with transaction.atomic():
        n_removed, _ = Authenticator.objects.filter(user=user).delete()
        AuditEntry.objects.create(actor=actor, action="second factor reset", subject=user.get_username()[:40])
    sessions_end(user=user)
    logger.warning("a second factor was reset; the audit says whose, and by whom")
    return n_removed


def _first_use(authenticator: Authenticator, code: str) -> bool:
    """Record the time step of a code in the database. Return False if this step or a later one was recorded before."""
    secret = decrypt(authenticator.data["secret"])
    fitting = [step for step in yield_hotp_counters_from_time() if format_hotp_value(hotp_value(secret, step)) == code]
    with transaction.atomic():
        row = Authenticator.objects.select_for_update().get(pk=authenticator.pk)
        if not fitting or max(fitting) <= row.data.get("last_step", 0):
            return False
        row.data["last_step"] = max(fitting)
        row.save(update_fields=["data"])
    return True


def _box() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = [hashlib.sha256(f"monitor.second-factor:{key!s}".encode()).digest() for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
