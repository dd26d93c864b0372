"""Alerts whose data were taken back: they end, or keep what other data show, and return after an undo."""

from functools import reduce
from operator import or_

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from detection.alerts.life import alert_transition, life_of
from detection.alerts.services import figures_refresh
from detection.models import Alert, AlertLife, AlertMotion, Detection
from detection.rules.lifecycle import Source, State
from detection.rules.passes import passes_of
from detection.selectors import FOLLOWED_STATES, RUN, UNMEASURED, detections_current
from ingest.foundation.locks import Lock, lock
from ingest.models import Product, ProductEvent
from ml.models import LivingDate, LivingSeries, Run
from ml.runs.selectors import velocity_fields

Act = ProductEvent.Act
REASONS = {Act.WITHDRAWN: "the data were taken back", Act.CORRECTED: "the data had been declared wrongly"}
STANDS_AGAIN = "the data are valid again"


def product_restored(*, product: Product) -> None:
    """Let alerts return to their states before a withdrawal that is undone, in the transaction of the undo."""
    lock(Lock.ALERTS)
    LivingDate.objects.filter(series__product=product).update(followed_at=None)
    seen = Detection.every.filter(Q(**{f"{RUN}__product": product}) | Q(**{f"{RUN}__companions": product}))
    series = list(LivingSeries.every.filter(product=product).values_list("pk", flat=True))
    rested = Alert.objects.filter(Q(pk__in=seen.values("alert")) | Q(passes__series__in=series))
    for alert in rested.filter(state__in=[*FOLLOWED_STATES, State.WITHDRAWN]).order_by("pk"):
        if current := list(detections_current(alert=alert)):
            _rest_on(alert, current)
        ended = alert.transitions.filter(to_state=State.WITHDRAWN).last()
        if ended is not None and alert.state == State.WITHDRAWN and (current or alert.passes):
            alert_transition(alert=alert, to=State(ended.from_state), reason=STANDS_AGAIN)


@transaction.atomic
def alerts_settle(*, waits: bool = True) -> None:
    """Let alerts follow withdrawals and corrections. waits: whether alerts wait for the searches that they need."""
    lock(Lock.ALERTS)
    since = {f"{RUN}__{name}__withdrawn_at__gt": OuterRef("updated_at") for name in ("product", "companions")}
    lost = Detection.every.filter(reduce(or_, (Q(**{name: at}) for name, at in since.items())), alert=OuterRef("pk"))
    hidden = LivingSeries.every.exclude(product__withdrawn_at=None).values_list("pk", flat=True)
    there = Alert.objects.filter(state__in=FOLLOWED_STATES)
    for alert in there.filter(Exists(lost) | Q(passes__series__in=list(hidden))).order_by("pk"):
        if current := list(detections_current(alert=alert)):
            _rest_on(alert, current)
        elif alert.source == Source.PERSON:
            Alert.objects.filter(pk=alert.pk).update(passes=None, updated_at=timezone.now(), **UNMEASURED)
            AlertMotion.every.filter(alert=alert).delete()
    _end_without_data(waits)


def _end_without_data(waits: bool) -> None:
    standing = Detection.objects.filter(alert=OuterRef("pk"))
    withdrawn = Product.every.exclude(withdrawn_at=None).filter(
        footprint__intersects=OuterRef("area"), simulated=OuterRef("simulated")
    )
    over = Q(prediction__scan__isnull=False) | Q(state__in=[Run.State.FAILED, Run.State.CANCELLED])
    searched = Run.objects.filter(over, product=OuterRef("pk"))
    bereft = Alert.objects.filter(Exists(withdrawn), state__in=FOLLOWED_STATES, source=Source.COMPUTER)
    for alert in bereft.exclude(Exists(standing)).order_by("pk"):
        passes = passes_of(alert)
        if passes and LivingSeries.objects.filter(pk=passes.series).exists():
            continue
        here = velocity_fields().filter(footprint__intersects=alert.area, simulated=alert.simulated)
        if waits and here.exclude(Exists(searched)).exists():
            continue  # A search of other data on this ground is still to come.
        gone = Product.every.exclude(withdrawn_at=None).filter(footprint__intersects=alert.area)
        last = ProductEvent.objects.filter(product__in=gone, act__in=REASONS).latest("pk")
        said = ": ".join(part for part in (REASONS[Act(last.act)], last.why.rstrip(".")) if part)
        alert_transition(alert=alert, to=State.WITHDRAWN, reason=said)


def _rest_on(alert: Alert, current: list[Detection]) -> None:
    """Update an alert's figures from its current detections, with which later news will be compared."""
    passes = passes_of(alert)
    if passes and not LivingSeries.objects.filter(pk=passes.series).exists():
        alert.passes = None
        alert.save(update_fields=["passes"])
    figures_refresh(alert, current)
    AlertLife.objects.filter(alert=alert).delete()
    life_of(alert, current)
