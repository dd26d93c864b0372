"""Alerts whose data were taken back: they end, or keep what other data show, and return after an undo."""

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from detection.alerts.life import alert_transition, life_of
from detection.alerts.services import figures_refresh, take_over
from detection.models import Alert, AlertLife, AlertMotion, AlertRelation, Detection
from detection.rules.lifecycle import LIVING, Source, State
from detection.rules.passes import passes_of
from detection.selectors import FOLLOWED_STATES, RUN, UNMEASURED, detections_current
from detection.tables.alerts import MERGED_INTO
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
        if current:
            take_over(alert)


@transaction.atomic
def alerts_settle() -> None:
    """Let alerts follow withdrawals and corrections of their data, as far as the searches that they need are over."""
    lock(Lock.ALERTS)
    # The time of the step counts, not that of the seal, which is the beginning of a transaction that may last.
    steps = ProductEvent.objects.filter(act__in=REASONS, at__gt=OuterRef(OuterRef("updated_at")))
    gone = steps.filter(product__withdrawn_at__isnull=False).values("product")
    used = Q(**{f"{RUN}__product__in": gone}) | Q(**{f"{RUN}__companions__in": gone})
    lost = Detection.every.filter(used, alert=OuterRef("pk"))
    hidden = list(LivingSeries.every.exclude(product__withdrawn_at=None).values_list("pk", flat=True))
    there = Alert.objects.filter(state__in=FOLLOWED_STATES)
    for alert in there.filter(Exists(lost) | Q(passes__series__in=hidden)).order_by("pk"):
        if current := list(detections_current(alert=alert)):
            _rest_on(alert, current)
            _free_parts(alert, of=alert)
        elif alert.source == Source.PERSON:
            Alert.objects.filter(pk=alert.pk).update(passes=None, updated_at=timezone.now(), **UNMEASURED)
            AlertMotion.every.filter(alert=alert).delete()
    _end_without_data(hidden)


def _end_without_data(hidden: list[int]) -> None:
    """End alerts that only sealed data showed, or data that were deleted at once."""
    seen, standing = (manager.filter(alert=OuterRef("pk")) for manager in (Detection.every, Detection.objects))
    deleted = Q(passes__isnull=True, state__in=LIVING) & ~Exists(seen)
    bereft = Alert.objects.filter(Exists(seen) | Q(passes__series__in=hidden) | deleted, state__in=FOLLOWED_STATES)
    over = Q(prediction__scan__isnull=False) | Q(state__in=[Run.State.FAILED, Run.State.CANCELLED])
    over |= Q(state=Run.State.SUCCEEDED, prediction__isnull=True)  # Its result was deleted, because it showed nothing.
    searched = Run.objects.filter(over, product=OuterRef("pk"))
    for alert in bereft.filter(source=Source.COMPUTER).exclude(Exists(standing)).order_by("pk"):
        passes = passes_of(alert)
        if passes and LivingSeries.objects.filter(pk=passes.series).exists():
            continue
        here = velocity_fields().filter(footprint__intersects=alert.area, simulated=alert.simulated)
        if here.exclude(Exists(searched)).exists():
            continue  # A search of other data on this ground is still to come.
        own = Q(runs__prediction__scan__detections__alert=alert) | Q(living__pk=passes.series if passes else None)
        joint = Run.every.filter(prediction__scan__detections__alert=alert).values("companions")
        gone = Product.every.filter(own | Q(pk__in=joint)).exclude(withdrawn_at=None)
        last = ProductEvent.objects.filter(product__in=gone.values("pk"), act__in=REASONS).last()
        said = (REASONS[Act(last.act)], last.why.rstrip(".")) if last else (REASONS[Act.WITHDRAWN],)
        alert_transition(alert=alert, to=State.WITHDRAWN, reason=": ".join(part for part in said if part))
        _free_parts(alert, of=alert)


def _free_parts(whole: Alert, *, of: Alert) -> None:
    """Let alerts return that were merged into one whose data were taken back, where standing data still show them.

    A person's verdict that two are one place holds while the other one lasts.

    Args:
        whole: The alert into which they were merged.
        of: The alert that lost data, which the reason names; `whole` is a part of it, or itself.
    """
    merged = AlertRelation.objects.filter(other=whole, relation=MERGED_INTO, alert__state=State.MERGED)
    for relation in merged.select_related("alert"):
        part, step = relation.alert, relation.alert.transitions.filter(to_state=State.MERGED).last()
        if step is None or (of.state != State.WITHDRAWN and step.actor != "automatic"):
            continue
        current = list(detections_current(alert=part))
        if not current:
            _free_parts(part, of=of)
            continue
        relation.delete()
        _rest_on(part, current)
        reason = f"the data of alert {of.code}, of which it was part, were taken back"
        alert_transition(alert=part, to=State(step.from_state), reason=reason)


def _rest_on(alert: Alert, current: list[Detection]) -> None:
    """Update an alert's figures from its current detections, with which later news will be compared."""
    passes = passes_of(alert)
    if passes and not LivingSeries.objects.filter(pk=passes.series).exists():
        alert.passes = None
        alert.save(update_fields=["passes"])
    figures_refresh(alert, current)
    AlertLife.objects.filter(alert=alert).delete()
    life_of(alert, current)
