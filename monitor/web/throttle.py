"""Limits of wrong passwords and codes, counted per name and address, per address, and per name.

A browser is known to the name that last signed in with it. In a known browser, only failures of that name from that
address count. So nobody else can lock an owner out, neither a colleague behind the same address nor an attacker.
"""

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_client_ip_address, get_client_username
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

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
