"""The feeds of a subscription."""

import uuid
from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import translation
from django.utils.cache import get_conditional_response
from django.utils.http import http_date
from django.views.decorators.http import require_safe

from core.errors import promised
from ml.runtime.code_version import code_version
from monitor.models.messages import CapMessage
from monitor.models.subscriptions import Subscription
from monitor.open_data.feeds.subscription import (
    Entry,
    calendar_of,
    entries_of,
    subscription_atom,
    subscription_cap,
)

KEEP_SECONDS = 300

Make = Callable[[HttpRequest, Subscription, list[Entry]], HttpResponseBase]


def _private_feed(make: Make) -> Callable[[HttpRequest, str], HttpResponseBase]:
    """Return a view that serves a feed in its reader's language, if it has changed; shared caches may not store it."""

    @require_safe
    @wraps(make)
    def feed(request: HttpRequest, token: str) -> HttpResponseBase:
        subscription = get_object_or_404(Subscription, feed_key=token)
        if subscription.ended_at:
            return _private(HttpResponse("This subscription has ended.\n", content_type="text/plain", status=410))
        with translation.override(subscription.language):
            entries = entries_of(subscription=subscription)
            alerts = [entry.alert.pk for entry in entries]
            issued = dict(CapMessage.objects.filter(alert__in=alerts).order_by("pk").values_list("pk", "sent_at"))
            etag = _etag(request, subscription, entries, list(issued))
            changed = [*(entry.changed for entry in entries), *issued.values()]
            stamp = int(max(changed, default=promised(subscription.confirmed_at)).timestamp())
            unchanged = get_conditional_response(request, etag=etag, last_modified=stamp)
            response = unchanged or make(request, subscription, entries)
        response["ETag"], response["Last-Modified"] = etag, http_date(stamp)
        response["Content-Language"] = subscription.language
        return _private(response)

    return feed


atom, cap = _private_feed(subscription_atom), _private_feed(subscription_cap)


@_private_feed
def calendar(request: HttpRequest, subscription: Subscription, entries: list[Entry]) -> HttpResponseBase:
    """Return the feed as a calendar file (iCalendar)."""
    body = calendar_of(subscription=subscription, entries=entries)
    response = HttpResponse(body, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'inline; filename="ground-motion.ics"'
    return response


def _etag(request: HttpRequest, subscription: Subscription, entries: list[Entry], messages: list[int]) -> str:
    """Return the ETag of an answer. messages: keys of the entries' CAP messages, which are issued after the steps."""
    versions = [(entry.alert.pk, entry.changed.isoformat(), len(entry.steps)) for entry in entries]
    reader = (subscription.language, subscription.title, subscription.time_zone)
    made_of = f"{request.build_absolute_uri()} {reader} {versions} {messages} {code_version()}"
    return f'"{uuid.uuid5(uuid.NAMESPACE_URL, made_of).hex}"'


def _private(response: HttpResponseBase) -> HttpResponseBase:
    response["Cache-Control"] = f"private, max-age={KEEP_SECONDS}"
    response["X-Robots-Tag"] = "noindex"
    return response
