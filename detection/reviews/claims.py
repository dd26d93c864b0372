"""Claims: one person at a time holds a case, until they release it or it expires; each step locks the alert's row."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from detection.models import Alert, Claim
from detection.rules.lifecycle import State


class Overtaken(ValueError):
    """Conflict: another person or new data have changed the alert since this person saw it."""


class Claimed(ValueError):
    """Conflict: another person holds the alert. claim: names that person and the time at which the claim ends."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(f"alert {claim.alert.code} is held by {claim.holder.get_username()}")
        self.claim = claim


def claim_take(*, alert: Alert, holder: User) -> Claim:
    """Claim an alert unless somebody else holds it; return the claim in force. A person holds one alert at a time."""
    Claim.objects.filter(holder=holder).exclude(alert=alert).delete()
    with alone(alert) as now:
        claim = Claim.objects.select_related("holder").filter(alert=alert).first()
        if claim and claim.holder == holder:
            if claim.until < now:
                claim.since = now
            claim.until = _ends(now)
            claim.save(update_fields=["since", "until"])
            return claim
        if claim and claim.until >= now:
            return claim
        if claim:
            claim.delete()
        return Claim.objects.create(alert=alert, holder=holder, since=now, until=_ends(now))


def claim_renew(*, alert: Alert, holder: User) -> Claim | None:
    """Extend a claim; return None if it has been released or taken by another person."""
    with alone(alert) as now:
        if not Claim.objects.filter(alert=alert, holder=holder).update(until=_ends(now)):
            return None
        return Claim.objects.get(alert=alert)


def claim_release(*, alert: Alert, holder: User) -> None:
    """Release a person's own claim on an alert; claims of others stay."""
    Claim.objects.filter(alert=alert, holder=holder).delete()


def lock(alert: Alert, person: User, expected_state: str | None = None) -> State:
    """Lock an alert's row until the end of the transaction, refresh the object, and return its state.

    Raises Overtaken if the state is another than the expected one, Claimed if another person holds the alert.
    """
    alert.refresh_from_db(from_queryset=Alert.objects.select_for_update())
    if expected_state is not None and alert.state != expected_state:
        raise Overtaken(f"alert {alert.code} was changed by somebody else; look at it again")
    living = Claim.objects.select_related("holder", "alert").filter(alert=alert, until__gte=timezone.now())
    if claim := living.exclude(holder=person).first():
        raise Claimed(claim)
    return State(alert.state)


@contextmanager
def alone(alert: Alert) -> Iterator[datetime]:
    """Yield the current time, with the alert's row locked until the end of the block."""
    with transaction.atomic():
        Alert.objects.select_for_update().only("pk").get(pk=alert.pk)
        yield timezone.now()


def _ends(now: datetime) -> datetime:
    return now + timedelta(minutes=settings.REVIEW_CLAIM_MINUTES)
