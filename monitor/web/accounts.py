"""Pages to sign in and out, and limits of wrong passwords and codes: per name and address, per address, and per name.

Django's admin uses the same page, so that one throttle guards both. A browser is known to the name that last signed in
with it. In a known browser, only failures of that name from that address count. So nobody else can lock an owner out,
neither a colleague behind the same address nor an attacker.
"""

from collections.abc import Mapping
from urllib.parse import urlencode

from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import perform_login
from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_client_ip_address, get_client_username
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.contrib.auth.views import LoginView
from django.core import signing
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from monitor.web.guards import Reader, may_administrate, may_view_work, second_factor_missing
from monitor.web.request_limits import SIGN_IN, costly, network_of

BROWSER_COOKIE = "__Host-known_browser" if settings.BEHIND_HTTPS else "known_browser"
BROWSER_KNOWN_SECONDS = 90 * 24 * 3600
# Wrong passwords and codes in AXES_COOLOFF_TIME, then a pause as long; only the first counts in known browsers.
SIGN_IN_LIMITS = [(["username", "ip_address"], 5), (["ip_address"], 20), (["username"], 50)]
_SALT = "monitor.known-browser"


class SignInThrottle(AxesDatabaseHandler):
    """Handler of django-axes with several limits. `AXES_FAILURE_LIMIT` is 1, so that one used-up limit locks."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, str] | None = None) -> int:
        """Return how many of the limits are used up."""
        known = browser_is_known(request, get_client_username(request, credentials) or "")
        limits = SIGN_IN_LIMITS[:1] if known else SIGN_IN_LIMITS
        values = {"username": get_client_username(request, credentials), "ip_address": get_client_ip_address(request)}
        recent = AccessAttempt.objects.filter(attempt_time__gte=get_cool_off_threshold(request))
        used_up = 0
        for parameters, limit in limits:
            attempts = recent.filter(**{name: values[name] for name in parameters})
            used_up += (attempts.aggregate(n=Sum("failures_since_start"))["n"] or 0) >= limit
        return used_up


def client_in_log(*_who: object) -> str:
    """Return what log lines of django-axes call a person who signs in, fails to, or is locked out: never the name."""
    return "a client"


def refuse_while_paused(request: HttpRequest, username: str) -> None:
    """Raise ValidationError while a name is locked, in a form that checks a secret itself; then django-axes answers."""
    if not AxesProxyHandler.is_allowed(request, {"username": username}):
        request.axes_locked_out = True  # type: ignore[attr-defined]  # django-axes looks for it
        raise ValidationError(_("Too many wrong attempts. Wait for a quarter of an hour."))


def failure_count(request: HttpRequest, username: str) -> None:
    """Count a wrong secret as a wrong password at the sign-in."""
    user_login_failed.send(sender=__name__, credentials={"username": username}, request=request)


def browser_is_known(request: HttpRequest, username: str) -> bool:
    """Return whether this name has signed in with this browser before, or followed a link mailed to its owner."""
    try:
        known = signing.loads(request.COOKIES.get(BROWSER_COOKIE, ""), salt=_SALT, max_age=BROWSER_KNOWN_SECONDS)
    except signing.BadSignature:
        return False
    return bool(username) and known == username


def browser_remember(response: HttpResponse, username: str) -> None:
    """Set the cookie by which this browser is known to the name."""
    response.set_cookie(
        BROWSER_COOKIE,
        signing.dumps(username, salt=_SALT),
        max_age=BROWSER_KNOWN_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


class SignIn(LoginView):
    """Page that asks for the password; if the account has a second factor, allauth asks for it next."""

    template_name = "web/site/login.html"
    redirect_authenticated_user = True

    def get_default_redirect_url(self) -> str:
        """Return the first page of the account."""
        return home_of(self.request.user)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Sign in the account whose password was right."""
        return sign_in(self.request, form.get_user(), self.get_redirect_url())


def sign_in(request: HttpRequest, user: User, then: str = "") -> HttpResponse:
    """Sign in an account whose password was just checked, or lead to its second factor first."""
    record_authentication(request, user, "password", reauthenticated=True)
    answer: HttpResponse = perform_login(request, user, redirect_url=then or home_of(user))
    return answer


def home_of(user: Reader) -> str:
    """Return the address of an account's first page."""
    if second_factor_missing(user):
        return reverse("mfa_activate_totp")
    return reverse("review-queue" if may_view_work(user) else "map")


@costly(posted=SIGN_IN)
def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """Redirect visitors without access to Django's admin to the site's page to sign in."""
    if second_factor_missing(request.user):
        return redirect("mfa_activate_totp")
    if request.user.is_authenticated and not may_administrate(request.user):
        raise PermissionDenied(_("This page is for administrators."))
    wanted = request.GET.get("next") or reverse("admin:index")
    return HttpResponseRedirect(f"{reverse('login')}?{urlencode({'next': wanted}, safe='/')}")


def locked_out(request: HttpRequest, response: object, credentials: Mapping[str, str] | None) -> HttpResponse:
    """Answer after too many failed attempts."""
    return render(request, "web/site/locked.html", status=429)


def client_address(request: HttpRequest) -> str | None:
    """Return the address whose attempts are counted; for IPv6 the network."""
    return network_of(request).partition("/")[0] or None


class AdminSite(admin.AdminSite):
    """Django's admin for administrators with a second factor."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Return whether the account may administrate."""
        return may_administrate(request.user)
