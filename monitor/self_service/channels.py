"""Pages of a subscriber's endpoints, behind the signed link of their subscriptions; mails of the demo."""

import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_safe

from monitor.models.messages import Endpoint
from monitor.notifications import base
from monitor.notifications.mail import files
from monitor.self_service.subscriptions.links import owner_of, private_page
from monitor.subscribers.subscriptions import endpoints, selectors
from monitor.web.guards import demo_only
from monitor.web.request_limits import PREVIEWS, costly
from monitor.wording.refusals import Refusal, number_or_none

# To wait for `unregister` while installing would never end. Caches of this name hold private cases.
FAREWELL = """\
self.addEventListener("install", (event) => {
  const mine = (name) => name.startsWith("visits-");
  const emptied = (names) => Promise.all(names.filter(mine).map((name) => caches.delete(name)));
  event.waitUntil(caches.keys().then(emptied));
});
self.registration.unregister();
"""


@costly(posted=PREVIEWS)
@private_page
def ways(request: HttpRequest, token: str) -> HttpResponse:
    """Show and change the endpoints of one person: webhooks, and those of other packages."""
    email = owner_of(token)
    has_active = selectors.subscriptions_active().filter(email=email).exists()
    page = "self_service/subscriptions/ways.html"
    return ways_page(request, page, {"token": token, "has_active": has_active}, email=email)


def ways_page(request: HttpRequest, page: str, context: dict[str, Any], **owner: Any) -> HttpResponse:
    """Carry out the form of a section, if there is one, and show a page with an owner's endpoints."""
    shown = _act(request, **owner) if request.method == "POST" else {}
    if request.method == "POST" and not shown:
        return redirect(request.path)
    status = 422 if any("refusal" in one for one in shown.values()) else 200
    return render(request, page, {**context, **owner, "sections": _sections(shown, **owner)}, status=status)


def _act(request: HttpRequest, **owner: Any) -> dict[str, dict[str, Any]]:
    """Carry out the form of a section, if valid; return what it shows once, by channel. owner: as of `Endpoint`."""
    pk = number_or_none(request.POST.get("endpoint", ""))
    mine = Endpoint.objects.filter(**owner, pk=pk).first() if pk else None
    name = mine.channel if mine else request.POST.get("channel", "")
    channel = base.endpoint_channels(for_organisations="organisation" in owner).get(name)
    if channel is None:
        return {}
    deed, given = request.POST.get("deed", ""), request.POST.dict()
    shown: dict[str, Any] | None = {}
    try:
        if mine:
            shown = channel.act(deed=deed, endpoint=mine, given=given)
            if shown is None and deed == "remove":
                mine.delete()
            elif shown is None and deed == "test":
                endpoints.endpoint_check(endpoint=mine)
            elif shown is None and deed == "again":
                endpoints.delivery_replay(endpoint=mine, pk=given.get("delivery", ""))
        elif deed == "add":
            shown = channel.add(given=given, **owner)
    except Refusal as refusal:
        shown = {"refusal": refusal.error, "typed": given, "about": mine}
    return {name: shown} if shown else {}


def _sections(shown: dict[str, dict[str, Any]], **owner: Any) -> list[dict[str, Any]]:
    """Return the sections of a page with an owner's endpoints, one per channel. shown: as `_act` returns it."""
    offered = base.endpoint_channels(for_organisations="organisation" in owner)
    return [
        {
            "channel": name,
            "template": channel.section,
            "endpoints": [
                (endpoint, _state(endpoint), endpoints.deliveries(endpoint=endpoint))
                for endpoint in endpoints.endpoints_of(channel=name, **owner)
            ],
            **(channel.shown() or {}),
            **shown.get(name, {}),
        }
        for name, channel in offered.items()
    ]


def _state(endpoint: Endpoint) -> tuple[str, str]:
    if endpoint.ended_at:
        return "finished", _("switched off")
    if not endpoint.verified_at:
        return "first", _("waiting for its first answer")
    return ("first", _("failing")) if endpoint.failing_since else ("provisional", _("working"))


@require_GET
@demo_only
def mail_list(request: HttpRequest) -> HttpResponse:
    """List the mails of the demo."""
    return render(request, "notifications/mail/demo_mail_list.html", {"mails": files.mails_kept()})


@require_GET
@demo_only
def mail_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show one mail of the demo."""
    return render(request, "notifications/mail/demo_mail.html", {"mail": _mail_or_404(name)})


@require_GET
@xframe_options_sameorigin
@demo_only
def mail_html(request: HttpRequest, name: str) -> HttpResponse:
    """Return the HTML of a mail for a sandboxed frame."""
    response = HttpResponse(_mail_or_404(name).html)
    response._csp_replace = {  # type: ignore[attr-defined]  # where django-csp looks for it
        "default-src": ["'none'"],
        "script-src": ["'none'"],
        "style-src": ["'unsafe-inline'"],
        "img-src": ["data:"],
        "sandbox": ["allow-popups", "allow-top-navigation-by-user-activation"],
    }
    return response


def _mail_or_404(name: str) -> files.KeptMail:
    path = Path(settings.EMAIL_FILE_PATH) / f"{name}.eml"
    if not re.fullmatch("[0-9a-f]{16}", name) or not path.is_file():
        raise Http404("There is no such mail.")
    return files.KeptMail(path)


@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """Return a script that removes the service worker of 0.4.0 and what it kept, until the version after 0.5."""
    headers = {"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "no-cache"}
    return HttpResponse(FAREWELL, headers=headers)
