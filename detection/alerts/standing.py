"""Alerts whose data were taken back: they end, or keep what other data show, and return after an undo."""

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from detection.alerts.life import alert_transition, life_of
from detection.alerts.services import alert_observe_again, figures_refresh, take_over
from detection.kinds import FAMILIES, Family
from detection.models import Alert, AlertLife, AlertMotion, AlertRelation, Detection
from detection.rules.lifecycle import LIVING, Source, State
from detection.rules.passes import passes_of
from detection.selectors import FOLLOWED_STATES, RUN, UNMEASURED, detections_current
from detection.tables.alerts import MERGED_INTO
from ground_motion.core.errors import promised
from ingest.foundation.locks import Lock, lock
from ingest.models import Product, ProductEvent, StepFailure
from ml.models import LivingDate, LivingSeries, Run
from ml.runs.selectors import velocity_fields

Act = ProductEvent.Act
REASONS = {Act.WITHDRAWN: "the data were taken back", Act.CORRECTED: "the data had been declared wrongly"}
STANDS_AGAIN = "the data are valid again"
OTHER_ZERO = "the zero of the data was moved, and against the new one no motion was found"
OBSERVED = Q(kind__in=FAMILIES[Family.VELOCITY], state__in=FOLLOWED_STATES)
STANDING = Detection.objects.filter(alert=OuterRef("pk"))


def product_restored(*, product: Product) -> None:
    """Let alerts return to their states before a withdrawal that is undone, in the transaction of the undo."""
    lock(Lock.ALERTS)
    LivingDate.objects.filter(series__product=product).update(followed_at=None)
    seen = Detection.every.filter(Q(**{f"{RUN}__product": product}) | Q(**{f"{RUN}__companions": product}))
    series = list(LivingSeries.every.filter(product=product).values_list("pk", flat=True))
    rested = Alert.objects.filter(Q(pk__in=seen.values("alert")) | Q(passes__series__in=series))
    for alert in rested.filter(state__in=[*FOLLOWED_STATES, State.WITHDRAWN]).order_by("pk"):
        rests = _rest_on_current(alert)
        if alert.state == State.WITHDRAWN and (rests or alert.passes):
            _return(alert, STANDS_AGAIN)
        if rests:
            take_over(alert)
    here = Alert.objects.filter(OBSERVED, area__intersects=product.footprint, simulated=product.simulated)
    for alert in here.order_by("pk"):
        alert_observe_again(alert)


@transaction.atomic
def alerts_settle() -> None:
    """Let alerts follow withdrawals and corrections of their data, as far as the searches that they need are over."""
    lock(Lock.ALERTS)
    hidden = list(LivingSeries.every.exclude(product__withdrawn_at=None).values_list("pk", flat=True))
    gone = _steps_since(OuterRef(OuterRef("updated_at"))).values("product")
    used = Q(**{f"{RUN}__product__in": gone}) | Q(**{f"{RUN}__companions__in": gone})
    lost = Q(Exists(Detection.every.filter(used, alert=OuterRef("pk")))) | Q(passes__series__in=hidden)
    here = {"product__footprint__intersects": OuterRef("area"), "product__simulated": OuterRef("simulated")}
    beside = OBSERVED & Exists(_steps_since(OuterRef("updated_at")).filter(**here)) & Exists(STANDING)
    there = Alert.objects.annotate(lost=lost, beside=beside, awaits_search=_awaits_search())
    there = there.filter(Q(lost=True) | Q(beside=True), state__in=FOLLOWED_STATES)
    # An end is judged when all data on its ground are searched, for example the corrected ones.
    for alert in there.exclude(state=State.FINISHED, awaits_search=True).order_by("pk"):
        if alert.lost and _rest_on_current(alert):
            _free_parts(alert, of=alert)
        elif alert.lost and alert.source == Source.PERSON:
            Alert.objects.filter(pk=alert.pk).update(passes=None, updated_at=timezone.now(), **UNMEASURED)
            AlertMotion.every.filter(alert=alert).delete()
        if alert.beside:
            alert_observe_again(alert)
    _end_without_data(hidden)


def _steps_since(moment: OuterRef) -> QuerySet[ProductEvent]:
    """Return withdrawals and corrections after a moment."""
    return ProductEvent.objects.filter(act__in=REASONS, at__gt=moment, product__withdrawn_at__isnull=False)


def _awaits_search() -> Exists:
    """Return the condition that data on an alert's ground are still to be searched."""
    over = Q(prediction__scan__isnull=False) | Q(state__in=[Run.State.FAILED, Run.State.CANCELLED])
    over |= Q(state=Run.State.SUCCEEDED, prediction__isnull=True)  # Its result was deleted, because it showed nothing.
    given_up = StepFailure.objects.filter(step=StepFailure.Step.SEARCH, state=StepFailure.State.FAILED)
    over |= Q(prediction__in=given_up.values("subject_id"))
    fields = velocity_fields().filter(footprint__intersects=OuterRef("area"), simulated=OuterRef("simulated"))
    return Exists(fields.exclude(Exists(Run.objects.filter(over, product=OuterRef("pk")))))


def _end_without_data(hidden: list[int]) -> None:
    """End alerts that were shown only by sealed data, or by data that have been deleted."""
    seen = Q(Exists(Detection.every.filter(alert=OuterRef("pk")))) | Q(passes__series__in=hidden)
    deleted = Q(passes__isnull=True, state__in=LIVING) & ~Exists(Detection.every.filter(alert=OuterRef("pk")))
    bereft = Alert.objects.filter(seen | deleted, state__in=FOLLOWED_STATES, source=Source.COMPUTER)
    for alert in bereft.exclude(Exists(STANDING)).exclude(_awaits_search()).order_by("pk"):
        passes = passes_of(alert)
        if passes and LivingSeries.objects.filter(pk=passes.series).exists():
            continue
        own = Q(runs__prediction__scan__detections__alert=alert) | Q(living__pk=passes.series if passes else None)
        joint = Run.every.filter(prediction__scan__detections__alert=alert).values("companions")
        gone = Product.every.filter(own | Q(pk__in=joint)).exclude(withdrawn_at=None)
        last = ProductEvent.objects.filter(product__in=gone.values("pk"), act__in=REASONS).last()
        own_way = {"simulated": alert.simulated} | ({"component": alert.component} if alert.component else {})
        here = Product.objects.filter(footprint__intersects=alert.area, **own_way)
        is_moved = here.filter(datum_moved_at__gt=alert.updated_at).exists()
        without_step = (OTHER_ZERO if is_moved else REASONS[Act.WITHDRAWN],)
        said = (REASONS[Act(last.act)], last.why.rstrip(".")) if last else without_step
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
        step = relation.alert.transitions.filter(to_state=State.MERGED).last()
        if of.state != State.WITHDRAWN and promised(step).actor != "automatic":
            continue
        if _rest_on_current(relation.alert):
            relation.delete()
            _return(relation.alert, f"the data of alert {of.code}, of which it was part, were taken back")
        else:
            _free_parts(relation.alert, of=of)


def _return(alert: Alert, reason: str) -> None:
    """Let an alert return to the state before its last end."""
    ended = promised(alert.transitions.filter(to_state=alert.state).last())
    alert_transition(alert=alert, to=State(ended.from_state), reason=reason)


def _rest_on_current(alert: Alert) -> bool:
    """Update an alert's figures from its current detections, for later comparisons; return whether it has any."""
    current = list(detections_current(alert=alert))
    if not current:
        return False
    passes = passes_of(alert)
    if passes and not LivingSeries.objects.filter(pk=passes.series).exists():
        alert.passes = None
        alert.save(update_fields=["passes"])
    figures_refresh(alert, current)
    AlertLife.objects.filter(alert=alert).delete()
    life_of(alert, current)
    return True
