"""Pages of a subscriber's devices and webhooks, behind the signed link of their subscriptions; mails of the demo."""

from functools import cache
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_safe

from monitor.models.messages import Endpoint, OutgoingMessage
from monitor.notifications.mail import files
from monitor.notifications.push.devices import PUSH, browser_key, device_add
from monitor.notifications.webhook.signature import secret_new, secret_rotate
from monitor.paths import SITE_DIR
from monitor.self_service.subscriptions.links import owner_of, private_page
from monitor.subscribers.subscriptions import endpoints, selectors
from monitor.web.guards import demo_only
from monitor.web.outgoing import outward
from monitor.wording.refusals import Refusal, number_or_none

LONGEST_URL = 500


@private_page
def ways(request: HttpRequest, token: str) -> HttpResponse:
    """Show and change devices and webhooks of one person. A secret is shown once, right after it was made."""
    email = owner_of(token)
    if request.method != "POST":
        return _page(request, token, email)
    try:
        shown = _act(request, email)
    except Refusal as refusal:
        if request.POST.get("deed") == "device-add":
            return _page(request, token, email, status=422, device_refusal=refusal.error)
        return _page(request, token, email, status=422, refusal=refusal.error, typed=request.POST.get("url", ""))
    return _page(request, token, email, **shown) if shown else redirect("subscription-ways", token=token)


def _act(request: HttpRequest, email: str) -> dict[str, Any]:
    if request.POST.get("deed") == "device-add":
        device_add(email=email, given=request.POST.dict(), agent=request.headers.get("User-Agent", ""))
        return {}
    return act_on_webhooks(request, email=email)


def act_on_webhooks(request: HttpRequest, **owner: Any) -> dict[str, Any]:
    """Carry out a webhook form, if valid; return values to show once. owner: email=… or organisation=… of endpoints."""
    deed = request.POST.get("deed", "")
    if deed == "webhook-add":
        return _webhook_add(request.POST.get("url", "").strip(), **owner)
    mine = Endpoint.objects.filter(**owner, pk=number_or_none(request.POST.get("endpoint", ""))).first()
    if mine is None:
        return {}
    if deed == "remove":
        mine.delete()
    elif deed == "test":
        endpoints.endpoint_check(endpoint=mine)
    elif deed == "secret" and mine.channel == endpoints.WEBHOOK:
        return {"secret": secret_rotate(endpoint=mine), "secret_of": mine.url, "is_rotated": True}
    elif deed == "again":
        endpoints.delivery_replay(endpoint=mine, pk=request.POST.get("delivery", ""))
    return {}


def _webhook_add(url: str, **owner: Any) -> dict[str, Any]:
    fault = outward.url_fault(url)
    if not url:
        raise Refusal(_("Type the address that messages are to be sent to."))
    if fault == "scheme":
        raise Refusal(_("The address must begin with https://."))
    if fault or len(url) > LONGEST_URL:
        raise Refusal(_("This is not an address that messages can be sent to."))
    if endpoints.endpoints_of(channel=endpoints.WEBHOOK, **owner).filter(url=url).exists():
        raise Refusal(_("This address is listed already."))
    secret = secret_new()
    endpoints.endpoint_add(channel=endpoints.WEBHOOK, url=url, keys={"secret": secret}, **owner)
    return {"secret": secret, "secret_of": url}


def _page(request: HttpRequest, token: str, email: str, status: int = 200, **shown: Any) -> HttpResponse:
    devices = endpoints.endpoints_of(email=email, channel=PUSH)
    active = selectors.subscriptions_active().filter(email=email)
    context = {
        "token": token,
        "email": email,
        "browser_key": browser_key(),
        "devices": [(device, _state(device)) for device in devices],
        "webhooks": webhooks_listed(email=email),
        "has_active": active.exists(),
        **shown,
    }
    return render(request, "notifications/webhook/ways.html", context, status=status)


def webhooks_listed(**owner: Any) -> list[tuple[Endpoint, tuple[str, str], list[tuple[OutgoingMessage, str]]]]:
    """Return an owner's webhooks, each with its badge (class, text) and its last messages (with state in words)."""
    hooks = endpoints.endpoints_of(channel=endpoints.WEBHOOK, **owner)
    return [(hook, _state(hook), _deliveries(hook)) for hook in hooks]


def _state(endpoint: Endpoint) -> tuple[str, str]:
    if endpoint.ended_at:
        return "finished", _("switched off")
    if not endpoint.verified_at:
        return "first", _("waiting for its first answer")
    return ("first", _("failing")) if endpoint.failing_since else ("provisional", _("working"))


def _deliveries(endpoint: Endpoint) -> list[tuple[OutgoingMessage, str]]:
    words = {
        OutgoingMessage.State.QUEUED: _("waiting"),
        OutgoingMessage.State.SENDING: _("on its way"),
        OutgoingMessage.State.SENT: _("taken"),
        OutgoingMessage.State.FAILED: _("given up"),
        OutgoingMessage.State.WITHDRAWN: _("not needed any more"),
    }
    return [(one, words[OutgoingMessage.State(one.state)]) for one in endpoints.deliveries(endpoint=endpoint)]


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
    response._csp_replace = {
        "default-src": ["'none'"],
        "script-src": ["'none'"],
        "style-src": ["'unsafe-inline'"],
        "img-src": ["data:"],
        "sandbox": ["allow-popups", "allow-top-navigation-by-user-activation"],
    }
    return response


def _mail_or_404(name: str) -> files.KeptMail:
    mail = files.mail_kept(name=name)
    if mail is None:
        raise Http404("There is no such mail.")
    return mail


@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """Return the script that receives messages in a browser."""
    response = HttpResponse(_script(), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response


@cache
def _script() -> str:
    return (SITE_DIR / "static" / "js" / "notifications" / "push" / "worker.js").read_text(encoding="utf-8")
