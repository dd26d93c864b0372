"""Endpoints of people and organisations: added, checked by a first message, sent the news, and ended.

A failure delays only messages to the same endpoint, from seconds to a day. An endpoint that takes nothing for a week is
ended, and its owner gets one mail about that. `owner` is a keyword: email=… of a person, or organisation=….
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from detection.models import AlertTransition
from detection.rules.lifecycle import TAKEN_BACK
from detection.rules.lifecycle import State as AlertState
from monitor.models.messages import Endpoint, OutgoingMessage
from monitor.models.subscriptions import DEFAULT_CHANNEL
from monitor.subscribers.subscriptions import limits
from monitor.subscribers.subscriptions import selectors as subscriptions
from monitor.subscribers.subscriptions.members import owners
from monitor.subscribers.subscriptions.selectors import Wanted, step_of, wants
from monitor.web import outward
from monitor.wording.figures import whole
from monitor.wording.refusals import Refusal, number_or_none

BACK_OFF = [timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 7200, 21600, 43200, 86400, 86400, 86400)]
END_AFTER = timedelta(days=7)  # An endpoint ends if its server accepts nothing for this time.
MAX_RETRY_AFTER = timedelta(days=1)
MAX_PER_PERSON = 10  # The limit is for each channel by itself.
LISTED, MAX_URL_LENGTH = 20, 500
State, Kind = OutgoingMessage.State, OutgoingMessage.Kind


def endpoint_key(kind: str, about: object, endpoint: Endpoint) -> str:
    """Return the key of a message to an endpoint; it is the same for the same kind, subject and endpoint."""
    return f"{kind}:{about}:endpoint:{endpoint.pk}"


def message_id(message: OutgoingMessage) -> str:
    """Return the id by which receivers know a message, the same each time that it is delivered."""
    return f"msg_{hashlib.sha256(f'{message.channel}:{message.key}'.encode()).hexdigest()[:32]}"


def back_off(failures: int) -> timedelta:
    """Return how long to wait after `failures` failures in a row."""
    return BACK_OFF[min(failures, len(BACK_OFF)) - 1]


def endpoints_of(*, channel: str, **owner: Any) -> QuerySet[Endpoint]:
    """Return the endpoints of an owner on a channel."""
    return Endpoint.objects.filter(channel=channel, **owner)


def endpoint_add(*, channel: str, url: str, keys: dict[str, Any], name: str = "", **owner: Any) -> Endpoint:
    """Save an endpoint, or new keys of a known one, and queue a test message to it. Raises Refusal."""
    mine = endpoints_of(channel=channel, **owner)
    if mine.exclude(url=url).count() >= MAX_PER_PERSON:
        raise Refusal(_("You can have %(number)s of these at most.") % {"number": whole(MAX_PER_PERSON)})
    _refuse_sending(Endpoint(channel=channel, url=url, **owner))
    with transaction.atomic():
        new = {"keys": keys, "name": name, "verified_at": None}
        endpoint, _new = Endpoint.objects.update_or_create(channel=channel, url=url, **owner, defaults=new)
        _check_queue(endpoint)
    return endpoint


def url_refuse(*, channel: str, url: str, **owner: Any) -> None:
    """Raise Refusal if a URL that a person typed cannot be added as an endpoint of the owner on this channel."""
    fault = outward.url_fault(url)
    if not url:
        raise Refusal(_("Type the address that messages are to be sent to."))
    if fault == "scheme":
        raise Refusal(_("The address must begin with https://."))
    if fault or len(url) > MAX_URL_LENGTH:
        raise Refusal(_("This is not an address that messages can be sent to."))
    if endpoints_of(channel=channel, **owner).filter(url=url).exists():
        raise Refusal(_("This address is listed already."))


def endpoint_check(*, endpoint: Endpoint) -> None:
    """Queue a test message; an ended endpoint becomes active again. Raises Refusal."""
    _refuse_sending(endpoint)
    with transaction.atomic():
        _check_queue(endpoint)


def _refuse_sending(endpoint: Endpoint) -> None:
    """Raise Refusal after too many messages in a day, or if the address leads into a private network."""
    # An unknown name gets the same message, so that nobody can find out which names a private network knows.
    if not limits.allowed_for_endpoints(email=endpoint.email, organisation=endpoint.organisation):
        raise Refusal(_("Daily limit reached. Try again tomorrow."))
    if not outward.leads_out(endpoint.url):
        raise Refusal(
            _("Messages cannot be sent to this address: the host name is unknown or belongs to a private network.")
        )


def _check_queue(endpoint: Endpoint) -> None:
    well = {"failures": 0, "failing_since": None, "next_try_at": None, "ended_at": None, "end_reason": ""}
    Endpoint.objects.filter(pk=endpoint.pk).update(**well)
    OutgoingMessage.objects.filter(endpoint=endpoint, kind=Kind.CHECK, state=State.QUEUED).update(state=State.WITHDRAWN)
    message_to(endpoint, Kind.CHECK, uuid4().hex[:12]).save()


def message_to(endpoint: Endpoint, kind: str, about: object, **more: Any) -> OutgoingMessage:
    """Return an unsaved message to an endpoint, in the language of its owner."""
    own = {"channel": endpoint.channel, "language": endpoint.language, "endpoint": endpoint, **more}
    return OutgoingMessage.due(kind, endpoint_key(kind, about, endpoint), endpoint.email, **own)


def news_queue(*, news: AlertTransition) -> int:
    """Queue the messages of one transition to endpoints; return how many."""
    # Messages to endpoints are sent at once; only mails are gathered.
    if news.to_state == AlertState.MERGED:
        return 0
    now, ready = timezone.now(), Endpoint.objects.filter(verified_at__isnull=False, ended_at=None)
    if news.to_state in TAKEN_BACK:
        reached = [State.SENT, State.SENDING]
        informed = OutgoingMessage.objects.filter(transition__alert=news.alert_id, state__in=reached)
        ready, kind = ready.filter(pk__in=informed.exclude(endpoint=None).values("endpoint")), Kind.CORRECTION
    else:
        readers = subscriptions.subscriptions_matching(transition=news).order_by()
        shared = subscriptions.subscriptions_matching(transition=news, shared=True).order_by()
        of_person = Q(organisation=None, email__in=readers.values("email"))
        ready, kind = ready.filter(of_person | Q(organisation__in=shared.values("organisation"))), Kind.ALERT
    messages = [
        message_to(one, kind, news.pk, transition=news, next_try_at=max(now, one.next_try_at or now)) for one in ready
    ]
    return len(OutgoingMessage.objects.bulk_create(messages, batch_size=2000, ignore_conflicts=True))


def is_still_needed(*, message: OutgoingMessage, endpoint: Endpoint) -> bool:
    """Return whether this message still has to be sent: news only while a subscription of the owner wants it."""
    if message.channel == DEFAULT_CHANNEL:
        return endpoint.ended_at is not None
    if endpoint.ended_at:
        return False
    if message.transition is None:
        return True
    return not is_overtaken(message.transition) and bool(labels_of(message))


def is_overtaken(transition: AlertTransition) -> bool:
    """Return whether a step is outdated, because its alert has been withdrawn or restored since."""
    return (transition.to_state in TAKEN_BACK) != (transition.alert.state in TAKEN_BACK)


def labels_of(message: OutgoingMessage) -> list[str]:
    """Return the names of the owner's subscriptions that want this news, the oldest first."""
    if message.labels is None:
        news_read(messages=[message])
    return message.labels or []


def news_read(*, messages: Sequence[OutgoingMessage]) -> None:
    """Set, for each message to an endpoint, `transition` and the `labels` of the owner's subscriptions that want it."""
    # This takes one query, and one more for each step; a step is shared by all messages about it.
    by_step: dict[int, list[OutgoingMessage]] = defaultdict(list)
    for message in messages:
        if message.transition_id:
            by_step[message.transition_id].append(message)
    steps = AlertTransition.objects.select_related("alert__exposure", "update", "review").in_bulk(list(by_step))
    for pk, step in steps.items():
        about, asked, labels = by_step[pk], step_of(step), defaultdict[str | int, list[tuple[str, bool]]](list)
        of_people = subscriptions.subscriptions_active().filter(email__in=[message.address for message in about])
        groups = [*filter(None, map(_group, about))]
        of_organisations = subscriptions.subscriptions_shared().filter(organisation__in=groups)
        there = (of_people | of_organisations).filter(region__intersects=step.alert.area)
        fields = ("email", "organisation", "shared", "name", "label", *Wanted._fields)
        for email, organisation, seat, name, label, *wish in there.values_list(*fields):
            called = label if seat else name or label
            labels[email or organisation].append((called, wants(Wanted(*wish), asked)))
        for message in about:
            message.transition = step
            correction = message.kind == Kind.CORRECTION
            of_owner = labels[_group(message) or message.address]
            message.labels = [label for label, wanted in of_owner if wanted or correction]


def _group(message: OutgoingMessage) -> int | None:
    """Return the key of the organisation that owns the message's endpoint; None if a person does."""
    return message.endpoint.organisation_id if message.endpoint else None


def endpoint_answered(*, endpoint: Endpoint, checked: bool) -> None:
    """Record that an endpoint took a message. checked: whether it was a test, after which the endpoint gets news."""
    now = timezone.now()
    if endpoint.failures or endpoint.failing_since:
        mine = Endpoint.objects.filter(pk=endpoint.pk, ended_at=None)
        mine.update(failures=0, failing_since=None, next_try_at=None)
    if checked:
        Endpoint.objects.filter(pk=endpoint.pk, verified_at=None).update(verified_at=now)


def endpoint_failed(*, endpoint: Endpoint, gone: bool, retry_after: timedelta | None) -> datetime:
    """Record a failure, and end an endpoint that is gone or fails for a week; return the time of the next attempt."""
    now = timezone.now()
    with transaction.atomic():
        mine = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
        mine.failures = min(mine.failures + 1, 1000)
        mine.failing_since = mine.failing_since or now
        delay = min(retry_after or timedelta(0), MAX_RETRY_AFTER)
        until = mine.next_try_at = now + max(delay, back_off(mine.failures))
        if gone or mine.failing_since < now - END_AFTER:
            _end(mine, Endpoint.EndReason.GONE if gone else Endpoint.EndReason.FAILING)
        mine.save(update_fields=["failures", "failing_since", "next_try_at", "ended_at", "end_reason"])
    endpoint.ended_at = mine.ended_at
    return until


def _end(endpoint: Endpoint, reason: str) -> None:
    """Switch an endpoint off; if it had worked, queue a mail to its owners."""
    if endpoint.ended_at:
        return
    endpoint.ended_at, endpoint.end_reason = timezone.now(), reason
    if not endpoint.verified_at:
        return
    about, readers = f"{endpoint.ended_at:%Y%m%d%H%M%S}", [endpoint.email]
    if endpoint.organisation_id is not None:
        readers = list(owners(organisation=endpoint.organisation_id).values_list("email", flat=True))
    for number, address in enumerate(readers):
        key = endpoint_key(Kind.ENDED, f"{about}:{number}" if number else about, endpoint)
        OutgoingMessage.queue(Kind.ENDED, key, address, language=endpoint.language, endpoint=endpoint)


def deliveries(*, endpoint: Endpoint) -> QuerySet[OutgoingMessage]:
    """Return the last messages to an endpoint, the newest first."""
    mine = OutgoingMessage.objects.filter(endpoint=endpoint, channel=endpoint.channel).order_by("-id")
    return mine.select_related("transition__alert").defer("transition__alert__area")[:LISTED]


def delivery_replay(*, endpoint: Endpoint, pk: str) -> None:
    """Send one of the last messages again, with the same id; ignore an unknown pk. Raises Refusal."""
    wanted = number_or_none(pk)
    if wanted not in [delivery.pk for delivery in deliveries(endpoint=endpoint)] or endpoint.ended_at:
        return
    _refuse_sending(endpoint)
    again = {"state": State.QUEUED, "attempts": 0, "error": "", "next_try_at": timezone.now()}
    OutgoingMessage.objects.filter(pk=wanted).exclude(state=State.SENDING).update(**again)


def endpoints_exported(**owner: Any) -> Sequence[dict[str, Any]]:
    """Return the data held about an owner's endpoints, without their secrets, which are shown only once."""
    times = {"created": F("created_at"), "verified": F("verified_at"), "ended": F("ended_at")}
    mine = Endpoint.objects.filter(**owner)
    return list[Any](mine.values("channel", "url", "name", "language", "failing_since", "end_reason", **times))
