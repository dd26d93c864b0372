"""Services of subscriptions: requesting, confirming, pausing, changing, ending and deleting them."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from detection.kinds import KIND_LABELS
from ground_motion.core.areas import MAX_RADIUS_M
from ground_motion.core.errors import one_line
from ingest.foundation.geos import geos
from monitor.models.escalations import Escalation
from monitor.models.messages import Endpoint, Notification, OutgoingMessage
from monitor.models.operations import RequestCount, ResidentReport
from monitor.models.subscriptions import Membership, Subscription
from monitor.subscribers.subscriptions import endpoints, limits, members, selectors
from monitor.subscribers.subscriptions.selectors import RESUMED, WISH
from monitor.subscribers.subscriptions.tokens import CONFIRM_FOR, INVITED_FOR
from monitor.wording import regions
from monitor.wording.figures import whole
from monitor.wording.refusals import Refusal, number_or_none
from monitor.wording.regions import Region

MAX_PER_ADDRESS = 20
DEMO_ADDRESS = "resident@example.org"
DEMO_PLACE = (-12.0, 47.0)  # The middle of the simulated region
VILLAGE_ADDRESS, VILLAGE_RADIUS_M = "mayor@example.org", 2_000.0  # The demo's reader who watches one village.
KEEP_ENDED = timedelta(days=30)
MAX_PAUSE = timedelta(days=2 * 365)
KEEP_LETTERS = timedelta(days=7)
KEEP_NEWS = timedelta(days=2 * 365)
MAX_LABEL_LENGTH = 200
MAX_NAME_LENGTH = 80
State, Kind = OutgoingMessage.State, OutgoingMessage.Kind
LETTERS = {Kind.CONFIRM, Kind.LINK, Kind.INVITATION, Kind.MEMBERSHIP, Kind.RESET, Kind.TEST, Kind.CHECK, Kind.ENDED}
LETTERS |= {Kind.DISSOLVED, Kind.REPORT}
OWN_FIELDS = ("language", "time_zone", "sign_of_life", "bulletins", "paused_until")
DEEDS: dict[str, dict[str, Any]] = {  # Actions on the page of a person's subscriptions, with the fields that each sets.
    "sign": {"sign_of_life": True},
    "no-sign": {"sign_of_life": False},
    "bulletins": {"bulletins": True},
    "no-bulletins": {"bulletins": False},
    "resume": RESUMED,  # Events during the pause are not sent.
}
LEAST = {  # Alerts of lower severity are not sent.
    "minor": gettext_lazy("Of any importance."),
    "moderate": gettext_lazy("Of medium or high importance."),
    "strong": gettext_lazy("Of high importance only."),
}


def subscription_request(
    *,
    email: str,
    region: Region,
    kinds: Sequence[str],
    time_zone: str = "",
    name: str = "",
    **wish: Any,
) -> Subscription | None:
    """Save an unconfirmed subscription and queue the mail to confirm it. Return None after too many mails today."""
    # Known and unknown addresses are treated alike, so that nobody can find out who is subscribed. wish: other fields
    # of the subscription, from lowest_severity to sign_of_life.
    email = email_normal(email)
    if not limits.allowed_for_address(email=email):
        return None
    with transaction.atomic():
        wanted = Subscription.objects.create(
            email=email,
            name=one_line(name)[:MAX_NAME_LENGTH],
            kinds=sorted(kinds),
            time_zone=time_zone_known(time_zone),
            **place_of(region),
            **wish,
        )
        OutgoingMessage.queue(Kind.CONFIRM, f"confirm:{wanted.pk}", email, subscription=wanted)
    return wanted


def place_of(region: Region) -> dict[str, Any]:
    """Return the fields of a subscription that describe its place."""
    return {"region": geos(region.outline), "label": region.label[:MAX_LABEL_LENGTH]}


def demo_subscription_make(
    *, email: str = DEMO_ADDRESS, place: tuple[float, float] = DEMO_PLACE, radius_m: float = MAX_RADIUS_M
) -> Subscription:
    """Make a confirmed subscription to simulated ground, by default the region, so that the demo has a mail to show."""
    subscription, _ = Subscription.objects.get_or_create(
        email=email,
        defaults={
            **place_of(regions.circle(*place, radius_m)),
            "kinds": sorted(KIND_LABELS),
            "lowest_severity": "minor",
            "unreviewed": True,
            "frequency": Subscription.Frequency.AT_ONCE,
            "confirmed_at": timezone.now(),
        },
    )
    return subscription


def subscription_confirm(*, subscription: Subscription) -> None:
    """Confirm a subscription, or change nothing. Raises Refusal if its owner has too many."""
    if subscription.confirmed_at:
        return
    held = selectors.subscriptions_of(email=subscription.email).filter(ended_at=None, shared=None)
    if held.exclude(confirmed_at=None).count() >= MAX_PER_ADDRESS:
        most = _("one address may follow %(number)s regions at most")
        raise Refusal(most % {"number": whole(MAX_PER_ADDRESS)})
    waiting = Subscription.objects.filter(pk=subscription.pk, confirmed_at=None, ended_at=None)
    waiting.update(confirmed_at=timezone.now())


def subscription_pause(*, subscription: Subscription, until: date | None = None) -> None:
    """Pause a subscription until its owner resumes it or, if `until` is given, until the morning of that day."""
    ends = datetime.combine(until, time(), ZoneInfo(subscription.time_zone)) if until else None
    pause = {"paused_at": timezone.now(), "paused_until": ends, "pause_reason": Subscription.PauseReason.OWNER}
    Subscription.objects.filter(pk=subscription.pk, paused_at=None).update(**pause)


def subscription_move(*, subscription: Subscription, name: str, region: Region | None) -> None:
    """Change a subscription's name, and its region if one is given. Queued messages are still sent."""
    changed = {"name": one_line(name)[:MAX_NAME_LENGTH]} | (place_of(region) if region else {})
    Subscription.objects.filter(pk=subscription.pk, ended_at=None).update(**changed)


def reader_set(*, email: str, language: str, time_zone: str) -> None:
    """Set the language and time zone of all messages to a person, as a form sends them; unknown ones change nothing."""
    mine = selectors.subscriptions_of(email=email)
    if language in dict(settings.LANGUAGES):
        mine.update(language=language)
    if time_zone_known(time_zone) == time_zone:
        mine.update(time_zone=time_zone)


def time_zone_known(name: str) -> str:
    """Return a name of a time zone if the tz database has it, else UTC."""
    try:
        return ZoneInfo(name[:64]).key
    except (KeyError, ValueError, OSError):  # The name is unknown, leads out of the tz database, or is a folder of it.
        return "UTC"


def change(*, email: str, pk: str, deed: str, until: str = "") -> str:
    """Apply the action `deed` to a subscription, if valid. Return the page's notice: test-sent, test-limit or ""."""
    mine = Subscription.objects.filter(email=email, ended_at=None, pk=number_or_none(pk) or 0).first()
    if mine is None:
        return ""
    if deed == "pause":
        subscription_pause(subscription=mine, until=_day_to_come(until))
    elif deed == "test":
        if not mine.confirmed_at or not limits.allowed_for_address(email=mine.email):
            return "test-limit"
        OutgoingMessage.queue(Kind.TEST, f"test:{uuid4()}", mine.email, channel=mine.channel, subscription=mine)
        return "test-sent"
    elif deed == "stop":
        subscriptions_end(ids=[mine.pk])
    elif deed in DEEDS:
        Subscription.objects.filter(pk=mine.pk).update(**DEEDS[deed])
    elif deed in Subscription.Frequency.values and mine.shared_id is None:
        Subscription.objects.filter(pk=mine.pk).update(frequency=deed)
    return ""


def _day_to_come(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if timezone.now().date() < day < timezone.now().date() + MAX_PAUSE else None


def subscriptions_end(*, ids: Sequence[int]) -> int:
    """End subscriptions for good and withdraw their unsent news; return how many had not ended before."""
    now = timezone.now()
    ended = Subscription.objects.filter(pk__in=ids, ended_at=None).update(ended_at=now)
    Notification.objects.filter(subscription__in=ids, message=None, withdrawn_at=None).update(withdrawn_at=now)
    return ended


def link_request(*, email: str) -> OutgoingMessage | None:
    """Queue a mail with the link to all data held of an address. Return None if it got too many such mails today."""
    email = email_normal(email)
    if not limits.allowed_for_address(email=email):
        return None
    return OutgoingMessage.queue(Kind.LINK, f"link:{uuid4()}", email)


def person_export(*, email: str) -> dict[str, Any]:
    """Return all data held of a person, in machine-readable form."""
    mails = OutgoingMessage.objects.filter(address=email)
    return {
        "email": email,
        "subscriptions": [_exported_of_person(one) for one in selectors.subscriptions_of(email=email)],
        "mails": list(mails.values("kind", "state", created=F("created_at"), sent=F("sent_at"))),
        "endpoints": endpoints.endpoints_exported(email=email),
        "organisations": members.person_exported(email=email),
        "reports": list(ResidentReport.objects.filter(email=email).values("kind", "seen_on", "text", "created_at")),
    }


def person_delete(*, email: str) -> None:
    """Delete all data held of a person."""
    with transaction.atomic():
        members.person_forget(email=email)
        OutgoingMessage.objects.filter(address=email).delete()
        ResidentReport.objects.filter(email=email).delete()
        Endpoint.objects.filter(email=email).delete()
        selectors.subscriptions_of(email=email).delete()


def purge() -> None:
    """Delete expired rows: requests unconfirmed after two days, ended subscriptions, old messages, news and counts."""
    now = timezone.now()
    Subscription.objects.filter(confirmed_at=None, created_at__lt=now - CONFIRM_FOR).delete()
    unanswered = Q(confirmed_at=None, left_at=None, created_at__lt=now - INVITED_FOR)
    Membership.objects.filter(unanswered | Q(left_at__lt=now - KEEP_ENDED)).delete()
    # Keep members' subscriptions of places still watched: an ended one records that its member wants no mail.
    mine = Q(organisation=OuterRef("shared__organisation"), email=OuterRef("email"))
    kept = Subscription.objects.filter(Exists(Membership.objects.filter(members.ACTIVE, mine)), shared__ended_at=None)
    ended = Subscription.objects.filter(ended_at__lt=now - KEEP_ENDED).exclude(pk__in=kept.values("pk"))
    emails = list(ended.filter(organisation=None).order_by().values_list("email", flat=True).distinct())
    Subscription.objects.filter(pk__in=list(ended.values_list("pk", flat=True))).delete()
    finished = OutgoingMessage.objects.exclude(state__in=[State.QUEUED, State.SENDING])
    gone = set(emails)
    for held in (Subscription, Membership):
        gone -= set(held.objects.filter(email__in=emails).values_list("email", flat=True))
    finished.filter(address__in=gone).delete()
    Endpoint.objects.filter(email__in=gone).delete()
    finished.filter(kind__in=LETTERS, created_at__lt=now - KEEP_LETTERS).delete()
    Notification.objects.filter(created_at__lt=now - KEEP_NEWS).delete()
    Escalation.objects.filter(closed_at__lt=now - KEEP_NEWS).delete()
    finished.filter(created_at__lt=now - KEEP_NEWS).delete()
    RequestCount.objects.filter(day__lt=now.date()).delete()


def described(one: Subscription) -> dict[str, Any]:
    """Return a subscription for its owner's page: its row and filters in words, and how much it has sent."""
    kinds = [str(label) for kind, label in KIND_LABELS.items() if kind in one.kinds]
    unreviewed = _("Also what no specialist has confirmed yet.")
    every_kind = len(kinds) == len(KIND_LABELS)
    exposure = ngettext(
        "Only where somebody lives or a building stands, or where that is not known.",
        "Only where at least %(n)s people live or as many buildings stand, or where that is not known.",
        one.least_exposure,
    )
    return {
        "row": one,
        "wanted": [
            _("Every kind of motion.") if every_kind else _("Kinds: %(kinds)s.") % {"kinds": ", ".join(kinds)},
            LEAST[one.lowest_severity],
            unreviewed if one.unreviewed else _("Only what a specialist has confirmed."),
            _("Also what changes later.") if one.updates else _("Without what changes later."),
            *([exposure % {"n": whole(one.least_exposure)}] if one.least_exposure else []),
        ],
        "n_sent": one.notifications.filter(message__state=State.SENT).count(),
    }


def email_normal(email: str) -> str:
    """Return the spelling in which an address is stored: in lower case, without spaces around it."""
    return email.strip().lower()


def exported(one: Subscription) -> dict[str, Any]:
    """Return the settings of a subscription in machine-readable form."""
    return {
        "name": one.name,
        "label": one.label,
        "region": one.region.json,
        **{name: getattr(one, name) for name in WISH},
        "created": one.created_at,
        "ended": one.ended_at,
    }


def _exported_of_person(one: Subscription) -> dict[str, Any]:
    return exported(one) | {
        "shared": bool(one.shared_id),
        **{name: getattr(one, name) for name in OWN_FIELDS},
        **{name: getattr(one, f"{name}_at") for name in ("confirmed", "paused", "last_sign", "last_digest")},
        "notifications": [
            {"alert": each.transition.alert.code, "state": each.transition.to_state, "at": each.created_at}
            for each in one.notifications.select_related("transition__alert").defer("transition__alert__area")
        ],
    }
