"""Subscribing: the form and its preview. No account, no password; the owner of the address confirms by mail."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple

from django.contrib.gis.geos import GEOSGeometry
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from shapely import from_wkb
from shapely.geometry import mapping

from detection.kinds import KIND_LABELS, Kind
from detection.models import AlertTransition
from detection.rules.lifecycle import TAKEN_BACK
from ground_motion.core.areas import MAX_RADIUS_M, area_of, simple_border
from ingest.context.regions import region_by_name, region_by_slug
from ingest.foundation.geos import geos
from monitor.maps.map.selectors import map_totals, urls
from monitor.maps.rasters.visibility import visibility_sentence
from monitor.models.messages import Notification
from monitor.models.subscriptions import DEFAULT_CHANNEL, Subscription
from monitor.notifications.digests import AUTOMATIC, HOLD, MANY_PLACES, Pace, last_moment, paces
from monitor.self_service.subscriptions.forms import ChoiceForm, EmailForm, SubscribeForm
from monitor.subscribers.quotas.known import is_known
from monitor.subscribers.subscriptions import limits, places, selectors
from monitor.subscribers.subscriptions import services as subscriptions
from monitor.subscribers.subscriptions.selectors import Wanted, step_of, steps_in, wants
from monitor.web.request_limits import GIVEN_FILES, PREVIEWS, costly, network_of
from monitor.wording import regions
from monitor.wording.cards.cards import alert_cards, what_happened
from monitor.wording.cards.filters import alert_or_404
from monitor.wording.dates import day_words
from monitor.wording.figures import whole
from monitor.wording.refusals import Refusal, finite_numbers
from monitor.wording.updates import preview_sentence

PREVIEW_YEARS = 2
SHOWN = 20
MOST = 300
ENTERED = ("email", "name", "sign_of_life", "bulletins")
DEFAULTS = {
    "where": "circle",
    "distance": "2000",
    "own_km": "5",
    "kinds": list(KIND_LABELS),
    "lowest_severity": "minor",
    "unreviewed": True,
    "updates": True,
    "least_exposure": "0",
    "frequency": "at-once",
}


@costly(posted=PREVIEWS, files=GIVEN_FILES)
@require_http_methods(["GET", "HEAD", "POST"])
def subscribe(request: HttpRequest) -> HttpResponse:
    """Show the form, perhaps filled in from the map (?bbox=…, ?lat=…&lon=…, ?region=…), or keep a subscription."""
    if request.method != "POST":
        return _page(request, SubscribeForm(initial=DEFAULTS | prefilled(request)))
    if "search" in request.POST:
        return _page(request, places.searched(SubscribeForm, request.POST))
    form = SubscribeForm(request.POST, request.FILES)
    if "look" in request.POST:  # The form may be sent before an address is given, and without a script.
        form.fields["email"].required = False
        return _page(request, form, with_past=True, status=200 if form.is_valid() else 422)
    if not form.is_valid():
        return _page(request, form, status=422)
    entered = {name: form.cleaned_data[name] for name in ENTERED}
    return _keep(request, **entered, **form.choice())


@require_POST
def subscribe_alert(request: HttpRequest, code: str) -> HttpResponse:
    """Show the form to follow the place of one alert, which asks only for an address."""
    alert, form = alert_or_404(code), EmailForm(request.POST)
    if not form.is_valid():
        page = "self_service/subscriptions/subscribe_alert.html"
        return render(request, page, {"alert": alert, "form": form}, status=422)
    return _keep(
        request,
        email=form.cleaned_data["email"],
        region=regions.around(from_wkb(bytes(alert.area.wkb)), _("the place of alert %(code)s") % {"code": alert.code}),
        kinds=[kind.value for kind in Kind],
        lowest_severity="minor",
        unreviewed=True,
        frequency=Subscription.Frequency.AT_ONCE.value,
    )


@require_GET
def subscribe_sent(request: HttpRequest) -> HttpResponse:
    """Show the page after a request, which is the same for every address."""
    return render(request, "self_service/subscriptions/subscribe_sent.html")


@costly(posted=PREVIEWS, files=GIVEN_FILES)
@require_POST
def subscribe_preview(request: HttpRequest) -> JsonResponse:
    """Count the mails that a form's subscription would have brought; by POST, as regions must not end up in logs."""
    form = ChoiceForm(request.POST, request.FILES)

    def found() -> dict[str, Any]:
        past = _past_news(form)
        items = [
            {
                "title": _("%(kind)s, %(place)s") % {"kind": row["card"].kind_label, "place": row["card"].place},
                "url": row["card"].url,
                "about": f"{day_words(timezone.localtime(row['at']))} · {row['happened']}",
            }
            for row in past["rows"]
        ]
        said = {name: past[name] for name in ("sentence", "unseen", "more")}
        return said | {"mails": past["n_mails"], "years": PREVIEW_YEARS, "items": items}

    return preview(form, found)


def preview(form: places.WhereForm, found: Callable[[], dict[str, Any]]) -> JsonResponse:
    """Answer with the outline of a form's region and with what `found` returns, or with the faults of its fields."""
    form.asks_geocoder = bool(form.data.get("hit"))  # The geocoder's answer is known already then.
    if not form.is_valid():
        return JsonResponse({"errors": {name: list(faults) for name, faults in form.errors.items()}}, status=422)
    region = form.cleaned_data["region"]
    outline = {"outline": mapping(region.outline), "area_km2": round(area_of(region.outline) / 1e6, 3)}
    return JsonResponse({"label": region.label, **outline, **found()})


def _past_news(form: ChoiceForm) -> dict[str, Any]:
    """Return the past news that a valid form's choices would have brought, for the page and its script."""
    choice = form.choice()
    region, frequency = choice.pop("region"), choice.pop("frequency")
    outline = geos(region.outline)
    past = replay(region=outline, wish=Wanted(**choice), frequency=frequency)
    n_more = len(past.steps) - SHOWN
    more = ngettext("And %(n)s older one.", "And %(n)s older ones.", max(0, n_more))
    return {
        "label": region.label,
        "n_mails": past.n_mails,
        "rows": rows_of(past.steps[:SHOWN]),
        "more": more % {"n": whole(n_more)} if n_more > 0 else "",
        "sentence": preview_sentence(past.n_mails, PREVIEW_YEARS, selectors.records_begin()),
        "unseen": visibility_sentence(outline),
    }


@costly(posted=PREVIEWS)
@require_http_methods(["GET", "HEAD", "POST"])
def subscription_link(request: HttpRequest) -> HttpResponse:
    """Send the link to one's subscriptions again. The answer does not reveal whether the address is known."""
    form = EmailForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        status = 422 if form.is_bound else 200
        return render(request, "self_service/subscriptions/link.html", {"form": form}, status=status)
    email = form.cleaned_data["email"]
    return _mailed(request, email, lambda: subscriptions.link_request(email=email))


def too_many(request: HttpRequest) -> HttpResponse:
    """Answer that too many mails were requested today."""
    return render(request, "self_service/subscriptions/subscribe_limit.html", status=429)


def _keep(request: HttpRequest, **choice: Any) -> HttpResponse:
    choice["time_zone"] = request.POST.get("time_zone", "")
    return _mailed(request, choice["email"], lambda: subscriptions.subscription_request(**choice))


def _mailed(request: HttpRequest, email: str, send: Callable[[], object]) -> HttpResponse:
    """Send a mail if the limits allow it; a known address gets it even beyond the limits, which the answer hides."""
    if within_limits(request):
        send()
        return redirect("subscribe-sent")
    if is_known(email=email):
        with suppress(Refusal):
            send()
    return too_many(request)


def within_limits(request: HttpRequest) -> bool:
    """Count a mail that this network asks for; return False if it has reached its daily limit."""
    return limits.allowed_for_connection(ip=network_of(request))


def _page(request: HttpRequest, form: ChoiceForm, status: int = 200, with_past: bool = False) -> HttpResponse:
    context = {
        "form": form,
        "past": _past_news(form) if with_past and form.is_valid() else None,
        "where_config": where_config(form),
    }
    return render(request, "self_service/subscriptions/subscribe.html", context, status=status)


def where_config(form: places.WhereForm, kept: GEOSGeometry | None = None) -> dict[str, Any]:
    """Return the configuration of the map to choose a place on. kept: the present region of a subscription."""
    return {
        "region": _outline(form),
        "kept": mapping(from_wkb(bytes(kept.wkb))) if kept else None,
        "bounds": map_totals()["bounds"],
        "alerts_url": urls()["alerts"],
        "farthest_km": MAX_RADIUS_M / 1000,
    }


def _outline(form: places.WhereForm) -> dict[str, Any] | None:
    chosen = form.chosen_region() if form["where"].value() == "region" else None
    if chosen is None:
        return None
    try:
        return mapping(regions.administrative(from_wkb(bytes(chosen.outline.wkb)), chosen.name).outline)
    except Refusal:
        return None  # The region is too large to be drawn, and the form says so as an error.


def prefilled(request: HttpRequest) -> dict[str, Any]:
    """Return initial values of a WhereForm from ?bbox=, ?alert=, ?region=, or ?lat= and ?lon=."""
    box = _numbers(request.GET.get("bbox", ""), 4)
    if box and box[0] != box[2] and box[1] < box[3]:
        return {"where": "drawn", "drawn": regions.rectangle(*box)}
    if code := request.GET.get("alert", ""):
        outline = regions.around(from_wkb(bytes(alert_or_404(code).area.wkb)), code).outline
        return {"where": "drawn", "drawn": json.dumps(mapping(simple_border(outline)))}
    region = region_by_slug(slug=request.GET.get("region", ""))
    if region:
        namesake = region_by_name(text=region.name)
        return {"where": "region", "region": region.name if namesake == region else region.slug}
    place = _numbers(f"{request.GET.get('lat', '')},{request.GET.get('lon', '')}", 2)
    return {"latitude": f"{place[0]:.5f}", "longitude": f"{place[1]:.5f}"} if place else {}


def _numbers(text: str, count: int) -> list[float]:
    numbers = finite_numbers(text)
    return numbers if len(numbers) == count else []


class Replay(NamedTuple):
    """Past news of a subscription: the steps that it would have reported, newest first, and the number of mails."""

    steps: list[AlertTransition]
    n_mails: int


def replay(*, region: GEOSGeometry, wish: Wanted, frequency: str) -> Replay:
    """Return the news that a subscription would have brought, without alerts that were rejected later."""
    past = steps_in(region=region, years=PREVIEW_YEARS).exclude(alert__state__in=TAKEN_BACK)
    past = past.order_by("-created_at", "-id")
    steps = [one for one in past if wants(wish, step_of(one))]
    if frequency == Subscription.Frequency.AT_ONCE:
        pace = paces().get(DEFAULT_CHANNEL, Pace(timedelta(0), timedelta(0)))
        return Replay(steps, _gathered(steps, pace))
    return Replay(steps, len({last_moment(frequency=frequency, now=step.created_at) for step in steps}))


def rows_of(steps: Sequence[AlertTransition]) -> list[dict[str, Any]]:
    """Return steps as rows for a list: the card of the alert, the time, and what happened."""
    alerts = {step.alert_id: step.alert for step in steps}
    cards = dict(zip(alerts, alert_cards(alerts.values()), strict=True))
    return [{"card": cards[step.alert_id], "at": step.created_at, "happened": what_happened(step)} for step in steps]


def _gathered(steps: Sequence[AlertTransition], pace: Pace) -> int:
    """Return the number of mails that `monitor.notifications.digests` would have made of these steps."""
    waiting = [(step.created_at, step) for step in sorted(steps, key=lambda step: step.created_at)]
    count, last = 0, None
    while waiting:
        leaves = waiting[0][0] + pace.delay
        leaves = max(leaves, last + pace.rest) if last else leaves
        reported = {one.alert_id for at, one in waiting if at <= leaves}
        waiting = [each for each in waiting if each[0] > leaves]
        if len(reported) > MANY_PLACES:
            held = [(max(at, leaves + HOLD) if one.actor == AUTOMATIC else at, one) for at, one in waiting]
            waiting = sorted(held, key=lambda each: each[0])
        count, last = count + 1, leaves
    return count


def news_of(*, email: str) -> dict[str, Any]:
    """Return `rows`, a person's news with regions, newest first, each step once; `more`: whether older ones exist."""
    brought = (
        Notification.objects.filter(subscription__email=email, withdrawn_at=None)
        .select_related("subscription", "transition__alert", "transition__update", "transition__review")
        .defer("subscription__region")
        .order_by("-transition_id", "subscription_id")
    )
    steps: dict[int, list[Notification]] = {}
    for one in brought[: 2 * MOST]:
        steps.setdefault(one.transition_id, []).append(one)
    shown = list(steps.values())[:MOST]
    rows = [
        row | {"regions": list(dict.fromkeys(one.subscription.label for one in each))}
        for row, each in zip(rows_of([each[0].transition for each in shown]), shown, strict=True)
    ]
    return {"rows": rows, "more": len(steps) > MOST, "most": MOST}
