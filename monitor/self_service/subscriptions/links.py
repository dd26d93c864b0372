"""Pages behind the links in mails: confirm, manage, export, stop. A GET only shows; a POST of the button acts."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from zoneinfo import available_timezones

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from monitor.maps.rasters.visibility import visibility_sentence
from monitor.models.subscriptions import Membership, Subscription
from monitor.self_service.subscriptions.views import DEFAULTS, news_of, where_config
from monitor.subscribers.subscriptions import places, selectors, tokens
from monitor.subscribers.subscriptions import services as subscriptions
from monitor.subscribers.subscriptions.members import memberships_of
from monitor.web.request_limits import ACTS, GIVEN_FILES, PREVIEWS, costly
from monitor.web.secret_links import Expired, Wrong
from monitor.wording.refusals import Refusal


def private_page(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Wrap a page for one person: never cached or listed by search engines; a bad link gets a clear page."""
    view = require_http_methods(["GET", "HEAD", "POST"])(view)

    @never_cache
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response = view(request, *args, **kwargs)
        except Expired:
            response = render(request, "self_service/subscriptions/bad_link.html", {"expired": True}, status=410)
        except Wrong:
            response = render(request, "self_service/subscriptions/bad_link.html", status=404)
        response["X-Robots-Tag"] = "noindex"
        return response

    return wrapped


@costly(posted=ACTS)
@private_page
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Confirm a subscription. Mail scanners open links, so a GET confirms nothing."""
    subscription = Subscription.objects.filter(pk=tokens.read_confirm(token), ended_at=None).first()
    if subscription is None:
        raise Expired("it was deleted in the meantime")
    if request.method == "POST":
        try:
            subscriptions.subscription_confirm(subscription=subscription)
        except Refusal as refusal:
            refused = {"too_many": refusal.error.rstrip(".")}
            return render(request, "self_service/subscriptions/bad_link.html", refused, status=409)
        subscription.refresh_from_db()
    context = {"subscription": subscription, "manage_token": tokens.manage_token(subscription.pk)}
    return render(request, "self_service/subscriptions/subscribe_confirm.html", context)


@costly(posted=ACTS)
@csrf_exempt  # RFC 8058: mail programs post without our cookie; the signed link gives them the right
@private_page
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """Unsubscribe: a GET shows a button, a POST acts, also if repeated or long after everything was deleted."""
    ids = tokens.read_stop(token)
    if request.method == "POST":
        subscriptions.subscriptions_end(ids=ids)
    alive = Subscription.objects.filter(pk__in=ids, ended_at=None)
    return render(request, "self_service/subscriptions/subscribe_stop.html", {"alive": alive})


@costly(posted=ACTS)
@private_page
def manage(request: HttpRequest, token: str) -> HttpResponse:
    """Show all subscriptions of one person, and carry out the actions of its forms."""
    email = owner_of(token)
    if request.method == "POST":
        if request.POST.get("deed") == "delete":
            subscriptions.person_delete(email=email)
            return render(request, "self_service/subscriptions/deleted.html")
        if request.POST.get("deed") == "read":
            wish = {name: request.POST.get(name, "") for name in ("language", "time_zone")}
            subscriptions.reader_set(email=email, **wish)
            return redirect("subscription-manage", token=token)
        wish = {name: request.POST.get(name, "") for name in ("deed", "until")}
        answer = subscriptions.change(email=email, pk=request.POST.get("subscription", ""), **wish)
        page = reverse("subscription-manage", args=[token])
        return redirect(f"{page}?answer={answer}" if answer else page)
    held = selectors.subscriptions_of(email=email)
    active = held.filter(ended_at=None)
    newest = active.last()
    context = {
        "email": email,
        "token": token,
        "newest": newest,
        "is_owner": memberships_of(email=email).filter(role=Membership.Role.OWNER).exists(),
        "answer": request.GET.get("answer", ""),
        "languages": settings.LANGUAGES,
        "time_zones": sorted(available_timezones()) if newest else [],
        "subscriptions": [subscriptions.described(one) | {"unseen": visibility_sentence(one.region)} for one in active],
        "n_ended": held.exclude(ended_at=None).count(),
        "frequencies": Subscription.Frequency.choices,
        "keep_days": subscriptions.KEEP_ENDED.days,
    }
    return render(request, "self_service/subscriptions/manage.html", context)


@costly(posted=PREVIEWS, files=GIVEN_FILES)
@private_page
def move(request: HttpRequest, token: str, subscription: int) -> HttpResponse:
    """Move or rename one of a person's subscriptions."""
    mine = selectors.subscriptions_of(email=owner_of(token)).filter(pk=subscription, ended_at=None, shared=None).first()
    if mine is None:
        raise Expired("it was ended in the meantime, or is shared")
    as_it_is = DEFAULTS | {"where": places.KEEP, "name": mine.name}
    form, status = places.form_of(places.MoveForm, request, as_it_is)
    if form.is_valid():
        wanted = {name: form.cleaned_data[name] for name in ("name", "region")}
        subscriptions.subscription_move(subscription=mine, **wanted)
        return redirect("subscription-manage", token=token)
    context = {"subscription": mine, "token": token, "form": form, "where_config": where_config(form, mine.region)}
    return render(request, "self_service/subscriptions/where.html", context, status=status)


@private_page
@require_GET
def news(request: HttpRequest, token: str) -> HttpResponse:
    """List the news of one person's subscriptions, the newest first; summaries link to this page."""
    email = owner_of(token)
    return render(request, "self_service/subscriptions/news.html", {"token": token, **news_of(email=email)})


@private_page
@require_GET
def export(request: HttpRequest, token: str) -> JsonResponse:
    """Export all data held of a person."""
    return download(subscriptions.person_export(email=owner_of(token)), "ground-motion-subscriptions.json")


def download(content: dict[str, Any], name: str) -> JsonResponse:
    """Return a JSON file to save."""
    response = JsonResponse(content, json_dumps_params={"indent": 2})
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def owner_of(token: str) -> str:
    """Return the mail address of the link's owner. Raises Expired, Wrong."""
    subscription, membership = tokens.read_manage(token)
    own = Subscription.objects.filter(pk=subscription).exclude(email="").first()
    held = own or Membership.objects.filter(pk=membership).first()
    if held is None:
        raise Expired("everything of this person was deleted")
    return held.email
