"""Queue of pairs to order, and what was spent for them. This module imports no HTTP client."""

from datetime import timedelta

from django.db.models import CharField, Exists, F, OuterRef, Q, QuerySet, Sum, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from ingest.foundation.failures import Cause
from ingest.foundation.leases import NO_FAULT, Lease
from ingest.models import Charge, PairOrder, SceneDownload, StandingOrder
from ingest.sources.queue import downloads_retry

State = PairOrder.State
LEASE = Lease(
    model=PairOrder,
    queued=State.WANTED,
    running=State.ORDERING,
    duration=timedelta(minutes=5),  # The few requests of one order take less.
)


def orders_paid() -> QuerySet[StandingOrder]:
    """Return the standing orders that may spend credits: switched on, of a paid processor, with a budget."""
    return StandingOrder.objects.filter(is_on=True, processor__in=StandingOrder.PAID, credits_a_month__gt=0)


def pairs_due() -> QuerySet[PairOrder]:
    """Return pairs to be ordered, or whose worker died: those of events first, then by priority, the newest first."""
    due = LEASE.due() | LEASE.is_expired() | Q(state=State.OVER_BUDGET)
    first = F("event__priority").asc(nulls_last=True)
    pairs = PairOrder.objects.filter(due, standing_order__in=orders_paid()).select_related("standing_order")
    return pairs.order_by(first, "standing_order__priority", "-secondary_at", "id")


def pairs_in_doubt() -> QuerySet[PairOrder]:
    """Return pairs with a charge but without a job, held by no worker: an attempt to order them had no answer."""
    name = Concat("key", Value("-"), Cast("number", CharField()))  # This is the same as `PairOrder.job_name`.
    over = Q(state__in=[State.OVER_BUDGET, State.FAILED, State.CANCELLED])
    pairs = PairOrder.objects.filter(LEASE.due() | LEASE.is_expired() | over, job_id="", attempts__gt=0)
    return pairs.alias(name=name).filter(Exists(Charge.objects.filter(job_name=OuterRef("name")))).order_by("id")


def charges_of_month() -> QuerySet[Charge]:
    """Return what was spent in this calendar month, UTC."""
    return Charge.objects.filter(at__gte=timezone.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0))


def credits_left(*, order: StandingOrder, besides: str = "") -> float:
    """Return what an order may still spend this month. besides: name of a job that does not count."""
    charges = charges_of_month().filter(standing_order=order).exclude(job_name=besides)
    return order.credits_a_month - float(charges.aggregate(sum=Sum("credits"))["sum"] or 0.0)


def pairs_retry(*, pairs: QuerySet[PairOrder]) -> int:
    """Try pairs again that failed, expired, were cancelled or are delayed; return their number.

    What the processor still has is fetched again for nothing. Otherwise a new job is ordered, which costs again.
    """
    again = {"error": "", "finished_at": None, **NO_FAULT}
    over = pairs.filter(state__in=[State.FAILED, State.EXPIRED]).exclude(cause=Cause.INPUT).exclude(job_id="")
    kept = list(over.filter(expires_at__gt=timezone.now()).values_list("pk", flat=True))
    downloads_retry(downloads=SceneDownload.objects.filter(pair_orders__in=kept))
    n_changed = over.filter(pk__in=kept).update(state=State.READY, **again)
    n_changed += over.update(state=State.WANTED, number=F("number") + 1, job_id="", expires_at=None, **again)
    return n_changed + LEASE.retry(pairs.exclude(cause=Cause.INPUT), finished_at=None, **NO_FAULT)


def pairs_cancel(*, pairs: QuerySet[PairOrder], by: str) -> int:
    """Cancel pairs that are not ordered yet; return their number. An ordered pair is paid for, and is still fetched."""
    pairs.filter(state=State.OVER_BUDGET).update(state=State.WANTED)
    return LEASE.cancel(pairs.filter(state=State.WANTED), by=by, finished_at=timezone.now())
