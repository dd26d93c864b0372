"""Services that find new passes, form the pairs that are wanted, order them from HyP3, and collect the products.

A job is never ordered twice: its name is made of its pair, its charge is written before it is submitted, and a job of
that name is looked for at HyP3 before every submission, because an earlier attempt may have ended without its answer.
Before each round orders, it gives back the charges of attempts that turn out to have ordered nothing.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.gis.geos import GEOSGeometry
from django.db.models import Q
from django.utils import timezone
from shapely import from_wkb
from shapely.geometry.base import BaseGeometry

from ground_motion.core.areas import polygons_of
from ground_motion.core.errors import one_line, promised
from ground_motion.core.http.faults import Hopeless, HostRefused, SourceError
from ingest.foundation.failures import Cause, cause_of, next_step, reason_of
from ingest.foundation.geos import geos
from ingest.foundation.leases import NO_FAULT, Overtaken
from ingest.foundation.locks import Lock, hold_lock
from ingest.jobs.steps import attempt, rows_work
from ingest.models import Charge, EventOrder, PairOrder, SceneDownload, StandingOrder, StepFailure
from ingest.sources import configured
from ingest.sources.client import asf, hyp3
from ingest.sources.client.scene import coarse
from ingest.sources.orders.queue import LEASE, credits_left, orders_paid, pairs_due, pairs_in_doubt
from ingest.sources.queue import LEASE as DOWNLOAD_LEASE
from ingest.sources.services import scenes_search, scenes_want

logger = logging.getLogger(__name__)

State, Download, Step = PairOrder.State, SceneDownload.State, StepFailure.Step
MAX_BASELINE = timedelta(days=48)
EARLIER_PASSES = 3  # A new pass is paired with this number of earlier ones.
SEARCH_EVERY, EVENT_SEARCH_EVERY = timedelta(hours=6), timedelta(minutes=30)
EVENT_AGE = timedelta(days=24)  # Two repeats of one satellite: the first pass after an event has appeared by then.
SETTLED_AFTER = timedelta(days=1)  # Not all bursts of a pass appear at once.
BLOCK_BURSTS = 5  # Five bursts in three swaths are as many as one job takes.
LOST_AFTER = timedelta(days=15)  # HyP3 deletes products after 14 days.
POLL_MARGIN = timedelta(hours=1)  # Clocks differ.
MAX_ORDERS = 50  # One round orders at most this number of pairs, each with two requests.
FAILED = "HyP3 could not make this product, and its credits are spent. Try again to order it once more."
EXPIRED = "HyP3 deleted the product before it was fetched."


class Pass(NamedTuple):
    """The granules of one piece of a track on one day, by number and swath of the burst. One job takes a piece."""

    track: int
    piece: str
    at: datetime
    granules: dict[tuple[int, str], str]


def pairs_order(*, area: BaseGeometry | GEOSGeometry, spans: datetime, purpose: str, priority: int) -> int:
    """Order, before all others, the pairs of images of an area that span a moment; return how many the order has.

    The standing orders whose ground intersects the area pay. The order is kept until the passes after the moment have
    appeared, so that one call is enough; the same order again changes nothing.

    Args:
        area: polygon or polygons, degrees, EPSG:4326.
        spans: the moment, such as that of an earthquake.
        purpose: what the pairs are for; with `spans` it identifies the order.
        priority: among the orders of events, 1 first.
    """
    kept = {"area": geos(polygons_of(from_wkb(bytes(area.wkb)))), "priority": priority}
    event, is_new = EventOrder.objects.get_or_create(purpose=one_line(purpose, 200), spans=spans, defaults=kept)
    if is_new:
        with attempt(Step.EVENT_ORDERS, event):
            _event_look(event)
    return event.pairs.count()


def orders_advance() -> None:
    """Do one round: settle what was fetched, look for new passes, and ask HyP3 about jobs and for new ones."""
    pairs_settle()
    passes_look()
    at_processor = PairOrder.objects.filter(state__in=PairOrder.AT_PROCESSOR).order_by("ordered_at")
    first = at_processor.first() or pairs_due().first()
    away = PairOrder.objects.filter(cause__in=[Cause.ARCHIVE, Cause.SIGN_IN], next_try_at__gt=timezone.now())
    if first is None or away.exists():
        return
    try:
        processor = configured.processor()
        jobs_poll(processor)
        charges_settle(processor)
        pairs_submit(processor)
    except SourceError as fault:
        cause, now = cause_of(fault), timezone.now()
        step = next_step(cause, faults=first.faults, cause_before=first.cause, now=now)
        held = PairOrder.objects.filter(pk=first.pk, state=first.state)
        held.update(cause=cause, error=reason_of(fault), **step._asdict())
        logger.warning("orders wait: %s", fault)


def passes_look() -> None:
    """Search the catalogue for each order and event that is due, and queue the pairs and products found."""
    now = timezone.now()
    costly = Q(processor__in=StandingOrder.PAID, credits_a_month=0)
    orders = StandingOrder.objects.filter(_searched_before(now - SEARCH_EVERY), is_on=True).exclude(costly)
    rows_work(Step.ORDERS, orders, _order_look)
    events = EventOrder.objects.filter(_searched_before(now - EVENT_SEARCH_EVERY), spans__gt=now - EVENT_AGE)
    rows_work(Step.EVENT_ORDERS, events, _event_look)


def _searched_before(moment: datetime) -> Q:
    return Q(searched_at=None) | Q(searched_at__lte=moment)


def _order_look(order: StandingOrder) -> None:
    ground, now = from_wkb(bytes(order.outline.wkb)), timezone.now()
    since = (order.searched_at or order.created_at) - timedelta(days=settings.ACQUIRE_DAYS)
    areas = coarse([ground])
    if order.is_paid:
        found = configured.bursts(areas=areas, start=since - MAX_BASELINE, end=now, track=order.track)
        pairs = [
            _pair(order, earlier, later)
            for passes in _passes(found, ground, order.processor)
            for number, later in enumerate(passes)
            for earlier in passes[max(0, number - EARLIER_PASSES) : number]
            if later.at >= since
        ]
        _want(order, pairs)
    else:
        days = (now - since) / timedelta(days=1)
        search = scenes_search(source=asf.SOURCE, areas=areas, days=days, products=[order.processor])
        mine = (scene for scene in search.new if order.track in (None, scene.track))
        scenes_want(scenes=[scene for scene in mine if scene.footprint and scene.footprint.intersects(ground)])
        if search.refused:
            raise HostRefused(search.refused[0][1])
    StandingOrder.objects.filter(pk=order.pk).update(searched_at=now)


def _event_look(event: EventOrder) -> None:
    """Queue one pair for each piece of the area: the last pass before the moment and the first one after it."""
    area, now = from_wkb(bytes(event.area.wkb)), timezone.now()
    paying = orders_paid().filter(outline__intersects=event.area)
    payers = sorted(paying, key=lambda order: -credits_left(order=order))
    span = {"start": event.spans - MAX_BASELINE, "end": min(now, event.spans + MAX_BASELINE)}
    found = configured.bursts(areas=coarse([area]), **span, track=None) if payers else []
    for track in {burst.track for burst in found}:
        order = next((order for order in payers if order.track in (None, track)), None)
        if order is None:
            continue
        pairs = []
        for passes in _passes((burst for burst in found if burst.track == track), area, order.processor):
            before = [taken for taken in passes if taken.at < event.spans]
            after = [taken for taken in passes if taken.at >= event.spans]
            pairs += [_pair(order, before[-1], after[0], event)] if before and after else []
        _want(order, pairs, event)
    EventOrder.objects.filter(pk=event.pk).update(searched_at=now)


def _passes(bursts: Iterable[asf.Burst], ground: BaseGeometry, processor: str) -> list[list[Pass]]:
    """Return the passes over each piece of the ground, in the order of time."""
    single, settled = processor == hyp3.BURST, timezone.now() - SETTLED_AFTER
    pieces: dict[tuple[int, str], dict[date, Pass]] = defaultdict(dict)
    for burst in sorted(bursts, key=lambda burst: (burst.acquired_at, burst.granule)):
        if burst.footprint.intersects(ground) and (single or burst.acquired_at < settled):
            piece = f"{burst.number:06d}-{burst.swath}" if single else f"block-{burst.number // BLOCK_BURSTS}"
            new = Pass(burst.track, piece, burst.acquired_at, {})
            taken = pieces[burst.track, piece].setdefault(burst.acquired_at.date(), new)
            taken.granules[burst.number, burst.swath] = burst.granule
    return [list(days.values()) for days in pieces.values()]


def _pair(order: StandingOrder, first: Pass, later: Pass, event: EventOrder | None = None) -> PairOrder:
    """Return the unsaved pair of the bursts that both passes hold; it has no granules where they share none."""
    shared = sorted(first.granules.keys() & later.granules.keys())
    return PairOrder(
        key=f"{order.processor}-{later.track:03d}-{later.piece}-{first.at:%Y%m%d}-{later.at:%Y%m%d}",
        standing_order=order,
        event=event,
        track=later.track,
        piece=later.piece,
        reference=[first.granules[burst] for burst in shared],
        secondary=[later.granules[burst] for burst in shared],
        reference_at=first.at,
        secondary_at=later.at,
    )


def _want(order: StandingOrder, pairs: Iterable[PairOrder], event: EventOrder | None = None) -> None:
    """Queue the new pairs up to MAX_BASELINE; take over those that wait because another order cannot pay."""
    usable = [pair for pair in pairs if pair.reference and pair.secondary_at - pair.reference_at <= MAX_BASELINE]
    PairOrder.objects.bulk_create(usable, ignore_conflicts=True)
    same = PairOrder.objects.filter(key__in=[pair.key for pair in usable])
    can_pay = Q(state=State.WANTED, standing_order__in=orders_paid()) | Q(standing_order=order)
    same.filter(state__in=PairOrder.WAITING).exclude(can_pay).update(standing_order=order, state=State.WANTED)
    if event:
        same.filter(event=None).update(event=event)


def jobs_poll(processor: hyp3.Processor) -> None:
    """Ask for the state of the jobs that were ordered, and queue the files of those that are done."""
    pairs, now = PairOrder.objects.filter(state__in=PairOrder.AT_PROCESSOR).order_by("ordered_at"), timezone.now()
    if (oldest := pairs.first()) is None:
        return
    jobs = {job.job_id: job for job in processor.jobs(start=promised(oldest.ordered_at) - POLL_MARGIN)}
    pairs.exclude(cause="").update(**NO_FAULT, error="")
    for pair in pairs:
        job, held = jobs.get(pair.job_id), pairs.filter(pk=pair.pk)
        expires_at = job.expires_at if job else promised(pair.ordered_at) + LOST_AFTER
        if expires_at and expires_at <= now:
            _expire(pair)
        elif job and job.state == "FAILED":
            held.update(state=State.FAILED, error=FAILED, finished_at=now)
        elif job and job.state == "SUCCEEDED":
            files = [replace(file, track=pair.track, acquired_at=pair.secondary_at) for file in job.files]
            scenes_want(scenes=files)
            names = [file.scene_id for file in files]
            pair.downloads.set(SceneDownload.objects.filter(source=hyp3.SOURCE, scene_id__in=names))
            held.update(state=State.READY, expires_at=expires_at)
        elif job and job.state == "RUNNING":
            held.update(state=State.RUNNING)


def pairs_settle() -> None:
    """Record which products were loaded, failed, or were deleted by the processor before they were fetched."""
    now = timezone.now()
    for pair in PairOrder.objects.filter(state=State.READY).prefetch_related("downloads"):
        rows = list(pair.downloads.all())
        failed = next((row for row in rows if row.state in (Download.FAILED, Download.CANCELLED)), None)
        missing = [row.pk for row in rows if row.job_id is None]
        values: dict[str, Any] = {}
        if all(row.state in (Download.LOADED, Download.DELETED) for row in rows):
            values = {"state": State.COLLECTED}
        elif missing and promised(pair.expires_at) <= now:
            DOWNLOAD_LEASE.cancel(SceneDownload.objects.filter(pk__in=missing), by="the end of the product")
            _expire(pair)
        elif failed:
            values = {"state": State.FAILED, "error": failed.error, "cause": Cause.INPUT if failed.job_id else ""}
        if values:
            PairOrder.objects.filter(pk=pair.pk, state=State.READY).update(**values, finished_at=now)


def _expire(pair: PairOrder) -> None:
    """Order the product of a pair once more; a second time only a person does."""
    if pair.number == 1:
        values = {"state": State.WANTED, "number": 2, "job_id": "", "expires_at": None}
        values["error"] = f"{EXPIRED} It is ordered once more."
    else:
        values = {"state": State.EXPIRED, "finished_at": timezone.now()}
        values["error"] = f"{EXPIRED} See under Downloads why it took so long, then order it again."
    PairOrder.objects.filter(pk=pair.pk, state=pair.state).update(**values)


def charges_settle(processor: hyp3.Processor) -> None:
    """Ask whether each attempt without an answer ordered its job: follow the job, or give the charge back."""
    for pair in pairs_in_doubt():
        job = next(iter(processor.jobs(name=pair.job_name)), None)
        charge = Charge.objects.filter(job_name=pair.job_name)
        with hold_lock(Lock.ORDERS):  # No other worker claims the pair meanwhile.
            held = PairOrder.objects.filter(pk=pair.pk, state=pair.state, attempts=pair.attempts)
            if job:
                held.update(state=State.ORDERED, lease_until=None, finished_at=None, **_ordered(job))
                charge.update(**_paid(job))
            elif held.exists():
                charge.delete()


def pairs_submit(processor: hyp3.Processor) -> None:
    """Order the pairs that are due within the budgets of their orders and the credits of the account."""
    due = list(pairs_due())
    if not due:
        return
    account_left, costs = processor.credits_left(), processor.costs()
    too_much: dict[tuple[int, float], str] = {}
    ordered = 0
    for pair in due:
        parameters = hyp3.parameters_of(pair.processor, pair.reference, pair.secondary)
        cost = hyp3.cost_of(costs, pair.processor, parameters)
        why = too_much.get((pair.standing_order_id, cost), "")
        try:
            why = why or _claim(pair, cost, account_left)
        except Overtaken:
            continue
        if why:
            too_much[pair.standing_order_id, cost] = why
            if (pair.state, pair.error) != (State.OVER_BUDGET, why):
                waiting = PairOrder.objects.filter(pk=pair.pk, state__in=PairOrder.WAITING)
                waiting.update(state=State.OVER_BUDGET, error=why)
            continue
        _order(processor, pair, cost, parameters)
        account_left -= cost
        ordered += 1
        if ordered == MAX_ORDERS:
            return


def _claim(pair: PairOrder, cost: float, account_left: float) -> str:
    """Claim a pair and write its charge; return why it cannot be paid now, or an empty text. Raises Overtaken."""
    order = pair.standing_order
    with hold_lock(Lock.ORDERS):
        left = credits_left(order=order, besides=pair.job_name)
        if cost > left:
            return f"Credits needed: {cost:g}; left of this order's {order.credits_a_month} a month: {left:g}."
        if cost > account_left:
            return f"Credits needed: {cost:g}; left in the account at HyP3: {account_left:g}."
        if not LEASE.claim(PairOrder.objects.filter(pk=pair.pk, state=pair.state, attempts=pair.attempts)):
            raise Overtaken
        charge = {"standing_order": order, "credits": cost, "at": timezone.now()}
        Charge.objects.update_or_create(job_name=pair.job_name, defaults=charge)
    pair.refresh_from_db(fields=["state", "attempts"])
    return ""


def _order(processor: hyp3.Processor, pair: PairOrder, cost: float, parameters: dict[str, Any]) -> None:
    """Submit the job of a claimed pair unless it exists, and record the outcome. Raises SourceError."""
    name = pair.job_name
    try:
        job = next(iter(processor.jobs(name=name)), None)
        job = job or processor.submit(kind=pair.processor, name=name, parameters=parameters)
    except Hopeless as fault:
        Charge.objects.filter(job_name=name).delete()
        LEASE.settle(pair, State.FAILED, error=str(fault), finished_at=timezone.now())
    except Exception as fault:
        LEASE.give_back(pair, reason_of(fault), cause_of(fault))
        raise
    else:
        # The charge is gone if this worker was taken for dead while it waited for the answer.
        charge = {"standing_order": pair.standing_order, "credits": cost, **_paid(job)}
        Charge.objects.update_or_create(job_name=name, defaults=charge)
        LEASE.settle(pair, State.ORDERED, **_ordered(job))


def _paid(job: hyp3.Job) -> dict[str, Any]:
    """Return the values of the charge of a job that exists."""
    return {"at": job.requested_at, **({} if job.credits is None else {"credits": job.credits})}


def _ordered(job: hyp3.Job) -> dict[str, Any]:
    """Return the values of a pair whose job exists."""
    return {"job_id": job.job_id, "ordered_at": job.requested_at, "error": "", **NO_FAULT}
