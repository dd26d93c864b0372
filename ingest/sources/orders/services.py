"""Services that find new passes, form the pairs that are wanted, order them from HyP3, and collect the products.

A job is never ordered twice: its name is made of its pair, its charge is written before it is submitted, and a job of
that name is looked for at HyP3 before every submission, because an earlier attempt may have ended without its answer.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.gis.geos import GEOSGeometry
from django.db.models import Max, Q
from django.utils import timezone
from shapely import from_wkb
from shapely.geometry.base import BaseGeometry

from core.areas import polygons_of
from core.errors import one_line, promised
from core.failures import Cause, cause_of, delay, reason_of
from core.geos import geos
from core.http.faults import Hopeless, HostRefused, Later, SignInRefused, SourceError
from core.leases import NO_FAULT
from core.locks import Lock, hold_lock
from ingest.models import Charge, EventOrder, PairOrder, SceneDownload, StandingOrder
from ingest.sources import configured
from ingest.sources.client import asf, hyp3
from ingest.sources.client.scene import CatalogueScene, coarse
from ingest.sources.orders.queue import (
    LEASE,
    PUT_OFF_BY_PROCESSOR,
    credits_spent,
    orders_paid,
    pairs_due,
    processor_is_paused,
)
from ingest.sources.queue import LEASE as DOWNLOAD_LEASE
from ingest.sources.services import scenes_search, scenes_want

logger = logging.getLogger(__name__)

State, Download = PairOrder.State, SceneDownload.State
MAX_BASELINE = timedelta(days=48)
EARLIER_PASSES = 3  # A new pass is paired with so many earlier ones.
SEARCH_EVERY, EVENT_SEARCH_EVERY = timedelta(hours=6), timedelta(minutes=30)
SETTLED_AFTER = timedelta(days=1)  # Not all bursts of a pass appear at once.
BLOCK_BURSTS = 5  # Five bursts in three swaths are as many as one job takes.
LOST_AFTER = timedelta(days=15)  # HyP3 deletes products after 14 days.
POLL_MARGIN = timedelta(hours=1)  # Clocks differ.
MAX_ORDERS = 50  # One round orders so many pairs, each with two requests.
EVENT_AGE = timedelta(days=24)  # Two repeats of one satellite: the first pass after an event has appeared by then.
FAILED = "HyP3 could not make this product, and its credits are spent. Try again to order it once more."
EXPIRED = "HyP3 deleted the product before it was fetched."


class Pass(NamedTuple):
    """The bursts of one piece of a track on one day, by their number and swath."""

    track: int
    piece: str
    acquired_at: datetime
    bursts: dict[tuple[int, str], asf.Burst]


def pairs_order(*, area: BaseGeometry | GEOSGeometry, spans: datetime, purpose: str, priority: int) -> int:
    """Order the pairs of images of an area that span a moment before all others; return how many are on order.

    The standing orders whose ground intersects the area pay. The order is kept until the passes after the moment have
    appeared, so that one call is enough; the same order again changes nothing.

    Args:
        area: polygon or polygons, degrees, EPSG:4326.
        spans: the moment, such as that of an earthquake.
        purpose: what the pairs are for; with `spans` it identifies the order.
        priority: among the orders of events, 1 first.
    """
    ground = geos(polygons_of(from_wkb(bytes(area.wkb))))
    event, is_new = EventOrder.objects.get_or_create(
        purpose=one_line(purpose, 200), spans=spans, defaults={"area": ground, "priority": priority}
    )
    if is_new:
        _search(event, partial(_event_look, event), EVENT_SEARCH_EVERY)
    return event.pairs.count()


def orders_advance() -> None:
    """Do one round: settle what was fetched, look for new passes, and ask HyP3 about jobs and for new ones."""
    pairs_settle()
    passes_look()
    at_processor = PairOrder.objects.filter(state__in=PairOrder.AT_PROCESSOR).order_by("ordered_at")
    first = at_processor.first() or pairs_due().first()
    if first is None or processor_is_paused():
        return
    try:
        processor = configured.processor()
        jobs_poll(processor)
        pairs_submit(processor)
    except SourceError as fault:
        logger.warning("orders wait: %s", fault)
        PairOrder.objects.filter(pk=first.pk, state=first.state).update(**_put_off(fault))


def passes_look() -> None:
    """Search the catalogue for each order and event that is due, and want the pairs and products found."""
    now = timezone.now()
    due = Q(next_search_at=None) | Q(next_search_at__lte=now)
    for order in StandingOrder.objects.filter(due, is_on=True):
        if order.credits_a_month or not order.is_paid:
            _search(order, partial(_order_look, order), SEARCH_EVERY)
    for event in EventOrder.objects.filter(due, spans__gt=now - EVENT_AGE):
        _search(event, partial(_event_look, event), EVENT_SEARCH_EVERY)


def _search(row: StandingOrder | EventOrder, look: Callable[[], None], every: timedelta) -> None:
    """Run a search, and write down when the next one is due: later after each that failed."""
    now = timezone.now()
    try:
        look()
    except SourceError as fault:
        faults, cause = row.faults + 1, _cause(fault)
        values: dict[str, Any] = {"faults": faults, "cause": cause, "error": str(fault)}
        values["next_search_at"] = now + delay(cause, faults)
    else:
        values = {"faults": 0, "cause": "", "error": "", "searched_at": now, "next_search_at": now + every}
    type(row).objects.filter(pk=row.pk).update(**values)


def _order_look(order: StandingOrder) -> None:
    ground, now = from_wkb(bytes(order.outline.wkb)), timezone.now()
    since = (order.searched_at or order.created_at) - timedelta(days=settings.ACQUIRE_DAYS)
    areas = coarse([ground])
    if order.is_paid:
        found = configured.bursts(areas=areas, start=since - MAX_BASELINE, end=now, track=order.track)
        new = [
            _pair(order, earlier, later)
            for passes in _passes(found, ground, order.processor)
            for number, later in enumerate(passes)
            for earlier in passes[max(0, number - EARLIER_PASSES) : number]
            if later.acquired_at >= since and later.acquired_at - earlier.acquired_at <= MAX_BASELINE
        ]
        _want(order, [pair for pair in new if pair.reference])
        return
    days = (now - since) / timedelta(days=1)
    search = scenes_search(source=asf.SOURCE, areas=areas, days=days, products=[order.processor])
    mine = (scene for scene in search.new if order.track in (None, scene.track))
    scenes_want(scenes=[scene for scene in mine if scene.footprint and scene.footprint.intersects(ground)])
    if search.refused:
        raise HostRefused(search.refused[0][1])


def _event_look(event: EventOrder) -> None:
    """Want the last pass before the moment with the first one after it, of every piece of ground in the area."""
    area = from_wkb(bytes(event.area.wkb))
    paying = orders_paid().filter(outline__intersects=event.area)
    payers = sorted(paying, key=lambda order: credits_spent(order=order) - order.credits_a_month)
    if not payers:
        return
    end = min(timezone.now(), event.spans + MAX_BASELINE)
    found = configured.bursts(areas=coarse([area]), start=event.spans - MAX_BASELINE, end=end, track=None)
    payer_of = {
        track: next((order for order in payers if order.track in (None, track)), None)
        for track in {burst.track for burst in found}
    }
    for order in payers:
        mine = [burst for burst in found if payer_of[burst.track] == order]
        pairs = []
        for passes in _passes(mine, area, order.processor):
            before = [taken for taken in passes if taken.acquired_at < event.spans]
            after = [taken for taken in passes if taken.acquired_at >= event.spans]
            if before and after and after[0].acquired_at - before[-1].acquired_at <= MAX_BASELINE:
                pairs.append(_pair(order, before[-1], after[0], event))
        _want(order, [pair for pair in pairs if pair.reference])
        PairOrder.objects.filter(key__in=[pair.key for pair in pairs], event=None).update(event=event)


def _passes(bursts: Iterable[asf.Burst], ground: BaseGeometry, processor: str) -> list[list[Pass]]:
    """Return the passes over each piece of the ground, in the order of time; a piece is what one job takes."""
    single, settled = processor == hyp3.BURST, timezone.now() - SETTLED_AFTER
    pieces: dict[tuple[int, str], dict[date, dict[tuple[int, str], asf.Burst]]] = defaultdict(lambda: defaultdict(dict))
    for burst in sorted(bursts, key=lambda burst: burst.granule):
        if burst.footprint.intersects(ground) and (single or burst.acquired_at < settled):
            piece = f"{burst.number:06d}-{burst.swath}" if single else f"block-{burst.number // BLOCK_BURSTS}"
            pieces[burst.track, piece][burst.acquired_at.date()][burst.number, burst.swath] = burst
    return [
        [
            Pass(track, piece, min(burst.acquired_at for burst in held.values()), held)
            for _, held in sorted(days.items())
        ]
        for (track, piece), days in pieces.items()
    ]


def _pair(order: StandingOrder, earlier: Pass, later: Pass, event: EventOrder | None = None) -> PairOrder:
    """Return the row of a pair of the bursts that both passes hold; it names no granules where they share none."""
    shared = sorted(earlier.bursts.keys() & later.bursts.keys())
    days = f"{earlier.acquired_at:%Y%m%d}-{later.acquired_at:%Y%m%d}"
    return PairOrder(
        key=f"{order.processor}-{later.track:03d}-{later.piece}-{days}",
        standing_order=order,
        event=event,
        processor=order.processor,
        track=later.track,
        piece=later.piece,
        reference=[earlier.bursts[burst].granule for burst in shared],
        secondary=[later.bursts[burst].granule for burst in shared],
        reference_at=earlier.acquired_at,
        secondary_at=later.acquired_at,
    )


def _want(order: StandingOrder, pairs: list[PairOrder]) -> None:
    """Keep the pairs that are new; pay for those that wait because another order cannot."""
    PairOrder.objects.bulk_create(pairs, ignore_conflicts=True)
    waiting = PairOrder.objects.filter(key__in=[pair.key for pair in pairs], state__in=PairOrder.WAITING)
    unpaid = waiting.exclude(state=State.WANTED, standing_order__in=orders_paid()).exclude(standing_order=order)
    unpaid.update(standing_order=order, state=State.WANTED, error="")


def jobs_poll(processor: hyp3.Processor) -> None:
    """Ask for the state of the jobs that were ordered, and want the files of those that are done."""
    pairs = PairOrder.objects.filter(state__in=PairOrder.AT_PROCESSOR).order_by("ordered_at")
    oldest = pairs.values_list("ordered_at", flat=True).first()
    if oldest is None:
        return
    jobs = {job.job_id: job for job in processor.jobs_since(oldest - POLL_MARGIN)}
    pairs.filter(PUT_OFF_BY_PROCESSOR).update(**NO_FAULT, error="")
    for pair in pairs:
        job, held = jobs.get(pair.job_id), pairs.filter(pk=pair.pk)
        if job is None and promised(pair.ordered_at) > timezone.now() - LOST_AFTER:
            continue
        if job is None or (job.expires_at and job.expires_at <= timezone.now()):
            _expire(pair)
        elif job.state == "FAILED":
            held.update(state=State.FAILED, error=FAILED, finished_at=timezone.now())
        elif job.state == "SUCCEEDED":
            pair.downloads.set(_downloads(pair, job))
            held.update(state=State.READY, expires_at=job.expires_at)
        elif job.state == "RUNNING":
            held.update(state=State.RUNNING)


def _downloads(pair: PairOrder, job: hyp3.Job) -> list[SceneDownload]:
    """Want the files of a job; return their downloads."""
    scenes = [
        CatalogueScene(
            source=hyp3.SOURCE,
            scene_id=f"{job.job_id}/{file.name}",
            url=file.url,
            file_name=file.name,
            size_bytes=file.size_bytes,
            track=pair.track,
            acquired_at=pair.secondary_at,
        )
        for file in job.files
    ]
    scenes_want(scenes=scenes)
    names = [scene.scene_id for scene in scenes]
    return list(SceneDownload.objects.filter(source=hyp3.SOURCE, scene_id__in=names))


def pairs_settle() -> None:
    """Record which products were loaded, failed, or were deleted by the processor before they were fetched."""
    now = timezone.now()
    for pair in PairOrder.objects.filter(state=State.READY).prefetch_related("downloads"):
        rows = list(pair.downloads.all())
        failed = next((row for row in rows if row.state in (Download.FAILED, Download.CANCELLED)), None)
        missing = [row.pk for row in rows if row.job_id is None]
        values: dict[str, Any] = {}
        if all(row.state in (Download.LOADED, Download.DELETED) for row in rows):
            values = {"state": State.COLLECTED, "error": "", **NO_FAULT}
        elif missing and pair.expires_at and pair.expires_at <= now:
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


def pairs_submit(processor: hyp3.Processor) -> None:
    """Order the pairs that are due within the budgets of their orders and the credits of the account."""
    due = list(pairs_due())
    if not due:
        return
    left, costs = processor.credits_left(), processor.costs()
    too_much: dict[tuple[int, float], str] = {}
    waiting: dict[str, list[int]] = defaultdict(list)
    ordered = 0
    for pair in due:
        parameters = hyp3.parameters_of(pair.processor, pair.reference, pair.secondary)
        cost = hyp3.cost_of(costs, pair.processor, parameters)
        # An earlier attempt may have ended between the order and its answer; then the job is paid already.
        job = processor.find(name=pair.job_name) if pair.attempts else None
        why = "" if job else too_much.get((pair.standing_order_id, cost), "")
        if why := why or _claim(pair, cost, left, is_paid=job is not None):
            too_much[pair.standing_order_id, cost] = why
            waiting[why].append(pair.pk)
            continue
        _order(processor, pair, job, parameters)
        left = left if job or left is None else left - cost
        ordered += 1
        if ordered == MAX_ORDERS:
            break
    for why, keys in waiting.items():
        rows = PairOrder.objects.filter(pk__in=keys, state__in=PairOrder.WAITING).exclude(error=why)
        rows.update(state=State.OVER_BUDGET, error=why)


def _claim(pair: PairOrder, cost: float, account_left: float | None, *, is_paid: bool) -> str:
    """Claim a pair and write its charge; return why that cannot be now, or an empty text."""
    order, now = pair.standing_order, timezone.now()
    with hold_lock(Lock.ORDERS):
        left = order.credits_a_month - credits_spent(order=order, besides=pair.job_name)
        if not is_paid and cost > left:
            return f"It costs {cost:g} credits, and {left:g} of {order.credits_a_month} are left this month."
        if not is_paid and account_left is not None and cost > account_left:
            return f"It costs {cost:g} credits, and the account at HyP3 has {account_left:g} left."
        if not LEASE.claim(PairOrder.objects.filter(pk=pair.pk, state=pair.state, attempts=pair.attempts)):
            return "Another worker orders it."
        charge = {"standing_order": order, "pair": pair, "credits": cost, "at": now}
        Charge.objects.update_or_create(job_name=pair.job_name, defaults=charge)
    pair.refresh_from_db(fields=["state", "attempts"])
    return ""


def _order(processor: hyp3.Processor, pair: PairOrder, job: hyp3.Job | None, parameters: Mapping[str, Any]) -> None:
    """Submit the job of a claimed pair unless it exists, and record the outcome. Raises SourceError."""
    charge = Charge.objects.filter(job_name=pair.job_name)
    try:
        job = job or processor.find(name=pair.job_name)
        job = job or processor.submit(kind=pair.processor, name=pair.job_name, parameters=parameters)
    except Hopeless as fault:
        charge.delete()
        LEASE.settle(pair, State.FAILED, error=str(fault), finished_at=timezone.now())
    except SourceError as fault:
        LEASE.settle(pair, State.WANTED, **_put_off(fault))
        raise
    except Exception as fault:
        logger.exception("pair %s was not ordered", pair.pk)
        LEASE.give_back(pair, reason_of(fault), cause_of(fault))
    else:
        charge.update(at=job.requested_at, **({} if job.credits is None else {"credits": job.credits}))
        ordered = {"job_id": job.job_id, "ordered_at": job.requested_at, "error": ""}
        LEASE.settle(pair, State.ORDERED, **ordered, **NO_FAULT)


def _put_off(fault: SourceError) -> dict[str, Any]:
    """Return the columns of a pair for which the processor was away: the wait grows with every fault in a row."""
    cause = _cause(fault)
    before = PairOrder.objects.filter(PUT_OFF_BY_PROCESSOR).aggregate(faults=Max("faults"))["faults"] or 0
    asked = fault.after_seconds if isinstance(fault, Later) else None
    wait = max(delay(cause, before + 1), timedelta(seconds=asked or 0))
    return {"faults": before + 1, "cause": cause, "error": str(fault), "next_try_at": timezone.now() + wait}


def _cause(fault: SourceError) -> Cause:
    return Cause.SIGN_IN if isinstance(fault, SignInRefused) else Cause.ARCHIVE
