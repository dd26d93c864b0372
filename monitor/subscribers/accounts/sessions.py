"""Limits of sessions, and the page on which people see and end their own sessions."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from allauth.account.decorators import reauthentication_required
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.contrib.auth.views import LogoutView
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from monitor.models.subscriptions import AccountLanguage, language_of_request
from monitor.web.guards import FACTOR_MISSING, account_in, may_load, may_review, may_view_work
from monitor.wording.refusals import number_or_none

BEGAN, SEEN = "signed_in_at", "seen_at"  # Keys of the session; values are seconds since 1970
TRUSTED = "trusted_sign_on"  # Key in the session: the account whose provider asked for a second factor.
LASTS_UNTIL = "lasts_until"  # Key in the session of a single sign-on: its end, seconds since 1970.
WRITTEN_EVERY_SECONDS = 60
# The first mark that a User-Agent has counts: Edge states Chrome, too, and Android states Linux.
BROWSERS = {"Edg": "Edge", "OPR": "Opera", "SamsungBrowser": "Samsung Internet", "Firefox": "Firefox"}
BROWSERS |= {"Chrom": "Chrome", "CriOS": "Chrome", "Safari": "Safari"}
SYSTEMS = {name: name for name in ("Android", "iPhone", "iPad", "Windows")}
SYSTEMS |= {"Mac OS": "macOS", "CrOS": "ChromeOS", "Linux": "Linux"}
View = Callable[..., HttpResponse]
signed_in_lately: Callable[[View], View] = reauthentication_required(allow_get=True)


def sessions_end(*, user: User, but: str | None = None) -> None:
    """Sign an account out everywhere, except in the session with this key."""
    for session in UserSession.objects.filter(user=user).exclude(session_key=but or ""):
        session.end()


def factor_trusted(request: HttpRequest) -> None:
    """Let an account use its role whose provider asked for a second factor at the sign-in of this session."""
    if request.session.get(TRUSTED) == request.user.pk:
        setattr(request.user, FACTOR_MISSING, False)


def other_sessions_end(sender: type, request: HttpRequest, user: User, **kwargs: object) -> None:
    """End the other sessions of an account that has set up a second factor: they began with a password alone."""
    sessions_end(user=user, but=request.session.session_key)


def limit_sessions(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Return a middleware that ends sessions which are unused for a while, or began too long ago, used or not."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            _end_or_note(request)
            factor_trusted(request)
        return get_response(request)

    return middleware


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in_lately
def session_list(request: HttpRequest) -> HttpResponse:
    """List where an account is signed in; a POST ends one session, all others, or all."""
    here, account = request.session.session_key, account_in(request)
    if request.method == "POST":
        wanted = request.POST.get("end", "")
        if wanted == "all":
            sessions_end(user=account)
            logout(request)
            return HttpResponseRedirect(reverse("login"))
        if wanted == "others":
            sessions_end(user=account, but=here)
        else:
            named = UserSession.objects.filter(user=account, pk=number_or_none(wanted))
            for session in named.exclude(session_key=here):
                session.end()
        return HttpResponseRedirect(f"{request.path}?ended=yes")
    rows: list[dict[str, Any]] = [
        {"row": one, "device": device_in_words(one.user_agent), "here": one.session_key == here}
        for one in UserSession.objects.purge_and_list(account)
    ]
    rows.sort(key=lambda row: (not row["here"], -row["row"].last_seen_at.timestamp()))
    context = {
        "sessions": rows,
        "idle_hours": settings.SESSION_IDLE_MINUTES / 60,
        "longest_hours": settings.SESSION_COOKIE_AGE // 3600,
    }
    return render(request, "self_service/accounts/sessions.html", context)


@require_safe
@never_cache
def session_rights(request: HttpRequest) -> HttpResponse:
    """Tell the proxy what the account of a session may do, before it takes a body: docker/nginx/bodies.conf."""
    rights = {"work": may_view_work, "review": may_review, "load": may_load}
    given = [name for name, may in rights.items() if may(request.user)]
    return HttpResponse(status=204, headers={"X-Rights": " ".join(given)})


class SignOut(LogoutView):
    """Page that signs out; the browser forgets the pages that it kept."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Sign out, and make the browser forget the pages that it kept."""
        response = super().post(request, *args, **kwargs)
        response["Clear-Site-Data"] = '"cache", "storage"'
        return response


def sessions_forget() -> int:
    """Delete the records of expired sessions; return how many."""
    over = timezone.now() - timedelta(seconds=settings.SESSION_COOKIE_AGE)
    return UserSession.objects.filter(last_seen_at__lt=over).delete()[0]


def language_note(sender: object, user: User, **kwargs: object) -> None:
    """Remember the language of the page on which an account signs in."""
    AccountLanguage.objects.update_or_create(account=user, defaults={"language": language_of_request()})


def session_renew(request: HttpRequest, **kwargs: object) -> None:
    """Change the key of a session whose account was authenticated again."""
    if request.user.is_authenticated and kwargs.get("reauthenticated"):
        before = request.session.session_key
        request.session.cycle_key()
        UserSession.objects.filter(session_key=before).update(session_key=request.session.session_key)


def browser_and_system(user_agent: str) -> tuple[str, str]:
    """Return the names of the browser and the system that a User-Agent states; empty where it states none."""
    browsers, systems = ([name for mark, name in table.items() if mark in user_agent] for table in (BROWSERS, SYSTEMS))
    return next(iter(browsers), ""), next(iter(systems), "")


def device_in_words(user_agent: str) -> str:
    """Return browser and system as people call them, in a few words."""
    browser, device = browser_and_system(user_agent)
    if not device:
        return browser or _("A browser")
    if not browser:
        return _("a browser on %(device)s") % {"device": device}
    # Translators: names of a program and a system, "Firefox on Linux"
    return _("%(browser)s on %(device)s") % {"browser": browser, "device": device}


def _end_or_note(request: HttpRequest) -> None:
    session, now = request.session, int(time.time())
    began, last = session.get(BEGAN, now), session.get(SEEN, 0)
    idle = last and now - last > settings.SESSION_IDLE_MINUTES * 60
    if idle or now - began > settings.SESSION_COOKIE_AGE or now > session.get(LASTS_UNTIL, now):
        logout(request)
    elif now - last >= WRITTEN_EVERY_SECONDS:
        session.update({BEGAN: began, SEEN: now})
        UserSession.objects.create_from_request(request)
