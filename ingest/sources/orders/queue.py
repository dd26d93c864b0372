"""Queue of pairs to order, and what was spent for them. This module imports no HTTP client."""

from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet, Sum
from django.utils import timezone

from core.failures import Cause
from core.leases import NO_FAULT, Lease
from ingest.models import Charge, PairOrder, SceneDownload, StandingOrder
from ingest.sources.queue import downloads_retry

State = PairOrder.State
LEASE = Lease(
    model=PairOrder,
    queued=State.WANTED,
    running=State.ORDERING,
    failed=State.FAILED,
    cancelled=State.CANCELLED,
    duration=timedelta(minutes=5),  # longer than the few requests of one order
)
PUT_OFF_BY_PROCESSOR = Q(cause__in=[Cause.ARCHIVE, Cause.SIGN_IN])


def orders_paid() -> QuerySet[StandingOrder]:
    """Return the orders that may order something: on, of a processor, with a budget."""
    return StandingOrder.objects.filter(is_on=True, processor__in=StandingOrder.PAID, credits_a_month__gt=0)


def pairs_due() -> QuerySet[PairOrder]:
    """Return pairs to be ordered, those of events first; none while the processor is away or refuses the sign-in."""
    if processor_is_paused():
        return PairOrder.objects.none()
    waiting = LEASE.due() | LEASE.is_expired() | Q(state=State.OVER_BUDGET)
    due = PairOrder.objects.filter(waiting, standing_order__in=orders_paid()).select_related("standing_order")
    first = F("event__priority").asc(nulls_last=True)
    return due.order_by(first, "standing_order__priority", "-secondary_at", "id")


def processor_is_paused() -> bool:
    """Return whether a pair waits because the whole processor was away or refused the sign-in."""
    return PairOrder.objects.filter(PUT_OFF_BY_PROCESSOR, next_try_at__gt=timezone.now()).exists()


def month_start(moment: datetime) -> datetime:
    """Return the start of the calendar month of a moment, UTC."""
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def credits_spent(*, order: StandingOrder, besides: str = "") -> float:
    """Return the credits spent on a standing order this month. besides: name of a job that does not count."""
    charges = Charge.objects.filter(standing_order=order, at__gte=month_start(timezone.now()))
    return float(charges.exclude(job_name=besides).aggregate(sum=Sum("credits"))["sum"] or 0.0)


def pairs_retry(*, pairs: QuerySet[PairOrder]) -> int:
    """Take up pairs that failed, expired, were cancelled or wait; return their number.

    What the processor still has is fetched again, and costs nothing. Otherwise a new job is ordered, which costs again.
    """
    over = pairs.filter(state__in=[State.FAILED, State.EXPIRED])
    kept = list(over.filter(expires_at__gt=timezone.now(), downloads__isnull=False).values_list("pk", flat=True))
    downloads_retry(downloads=SceneDownload.objects.filter(pair_orders__in=kept))
    again = {"error": "", "finished_at": None, **NO_FAULT}
    n_changed = over.filter(pk__in=kept).update(state=State.READY, **again)
    made = over.exclude(job_id="")
    n_changed += made.update(state=State.WANTED, number=F("number") + 1, job_id="", expires_at=None, **again)
    expired = pairs.filter(state=State.OVER_BUDGET)
    n_changed += expired.update(state=State.WANTED, **again)
    return n_changed + LEASE.retry(pairs, finished_at=None, **NO_FAULT)


def pairs_cancel(*, pairs: QuerySet[PairOrder], by: str) -> int:
    """Cancel pairs that are not ordered yet; return their number. What is ordered is paid, and is fetched."""
    pairs.filter(state=State.OVER_BUDGET).update(state=State.WANTED)
    return LEASE.cancel(pairs.filter(state=State.WANTED), by=by, finished_at=timezone.now())
