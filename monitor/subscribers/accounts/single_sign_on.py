"""Sign-in of the staff by OpenID Connect, by django-allauth: accounts by subject, roles by a claim at every sign-in.

A person whose claim names no role of the site's file gets no account; a known account then loses its role and its
sessions. Names and addresses of the provider are not kept, except a name to show and an address that it has verified.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin, SocialToken
from allauth.socialaccount.providers.openid_connect import views as openid_connect
from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from requests import RequestException

from detection.reviews.audit import audit_write
from ground_motion.core.errors import promised
from monitor.subscribers.accounts.sessions import LASTS_UNTIL, TRUSTED, sessions_end
from monitor.web.accounts import locked_out
from monitor.web.guards import ADMINISTRATORS
from monitor.web.identity.site_file import ROLES, OpenID
from monitor.web.request_limits import SIGN_IN, costly

logger = logging.getLogger(__name__)
USUAL = timedelta(hours=1)  # Lifetime of a provider's token that states none.
SHORTEST = timedelta(minutes=30)  # A session lasts at least this; some providers' tokens last five minutes.


class SignOnAdapter(DefaultSocialAccountAdapter):
    """allauth's adapter of sign-ons, which lets only people with a role sign in."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Return True: `pre_social_login` has refused those without a role."""
        return True

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Give a known account the role of the claim; refuse those without one, deactivated, or paused."""
        given, account, lasts_until = sociallogin.account.extra_data, _account(sociallogin), _end_of(sociallogin.token)
        _keep_little(sociallogin, given)
        provider = promised(settings.SITE.openid)
        role = role_of(provider, given)
        if sociallogin.is_existing:
            role_apply(account=account, role=role)
        if sociallogin.state.get("process") != "login" or not role or not account.is_active:
            raise ImmediateHttpResponse(render(request, "socialaccount/refused.html", status=403))
        if not AxesProxyHandler.is_allowed(request, {"username": account.get_username()}):
            raise ImmediateHttpResponse(locked_out(request, None, None))
        trusted = is_trusted(provider, given)
        sociallogin.state |= {"role": role, TRUSTED: trusted, LASTS_UNTIL: lasts_until}

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: None = None) -> User:
        """Make an account without a password, with the role of the claim."""
        with transaction.atomic():
            account: User = super().save_user(request, sociallogin, form)
            _audit(account, "account made", after=sociallogin.state["role"])
            role_apply(account=account, role=sociallogin.state["role"])
        return account


@costly(SIGN_IN)
def sign_on(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Redirect to the provider; show a page if the provider cannot be reached."""
    try:
        answer: HttpResponse = openid_connect.login(request, provider_id)
    except RequestException as fault:  # allauth handles this error only on the way back.
        logger.warning("the provider of the sign-on cannot be reached: %s", fault)
        return render(request, "socialaccount/authentication_error.html", status=503)
    return answer


def role_of(openid: OpenID, given: Mapping[str, Any]) -> str:
    """Return the role with most rights that the claim gives; an empty string for none.

    given: the claims of `id_token` and `userinfo`, whose subjects must agree (OpenID Connect Core, 5.3.2).
    """
    token, person = given.get("id_token", {}), given.get("userinfo", {})
    if person and person.get("sub") != token.get("sub"):
        return ""
    values = _claim(openid.claim, person) or _claim(openid.claim, token)
    roles = {openid.roles.get(str(value)) for value in (values if isinstance(values, list) else [values])}
    return next((role for role in reversed(ROLES) if role in roles), "")


def is_trusted(openid: OpenID, given: Mapping[str, Any]) -> bool:
    """Return whether the provider states a sign-in (amr or acr) that the site's file accepts as second factor."""
    token = given.get("id_token", {})
    methods = token.get("amr")
    stated = [*(methods if isinstance(methods, list) else [methods]), token.get("acr")]
    return any(one in openid.trusted for one in stated)


def role_apply(*, account: User, role: str) -> None:
    """Set the one role of an account, as its claim says; without a role its sessions end."""
    with transaction.atomic():
        before = sorted(account.groups.values_list("name", flat=True))
        if before != ([role] if role else []):
            account.groups.set(Group.objects.filter(name=role))
            _audit(account, "role by sign-on", before=", ".join(before)[:40], after=role)
        account.is_staff = role == ADMINISTRATORS or account.is_superuser  # No claim gives or takes this right.
        account.save(update_fields=["is_staff"])
    if not role:
        sessions_end(user=account)


def _end_of(token: SocialToken | None) -> int:
    """Return the end of a session, seconds since 1970: a role that the provider takes away lasts no longer."""
    now = timezone.now()
    lasts = token.expires_at - now if token and token.expires_at else USUAL
    return int((now + max(lasts, SHORTEST)).timestamp())


def _claim(name: str, claims: Mapping[str, Any]) -> Any:
    """Return a claim by its name, or by its path in nested claims, as realm_access.roles; None if it is missing."""
    if name in claims or "." not in name:
        return claims.get(name)
    first, _, rest = name.partition(".")
    inner = claims.get(first)
    return _claim(rest, inner) if isinstance(inner, Mapping) else None


def _keep_little(sociallogin: SocialLogin, given: Mapping[str, Any]) -> None:
    """Drop what the provider says about a person, except a verified address of a new account."""
    account, person = sociallogin.account, given.get("userinfo") or given.get("id_token", {})
    account.extra_data, sociallogin.token, sociallogin.email_addresses = {}, None, []
    if account.pk:
        account.save(update_fields=["extra_data"])
    else:
        new = _account(sociallogin)
        new.first_name = new.last_name = ""
        new.email = new.email if person.get("email_verified") is True else ""


def _account(sociallogin: SocialLogin) -> User:
    return cast(User, sociallogin.user)  # allauth's types allow any model of users.


def _audit(account: User, action: str, **change: str) -> None:
    subject = account.get_username()[:40]
    audit_write(actor=account, action=action, subject=subject, detail="OpenID Connect", **change)
