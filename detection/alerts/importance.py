"""Importance and severity of alerts, computed from their stored rows by `detection.rules.importance`."""

from collections.abc import Iterator, Sequence

from django.db.models import F, Func, JSONField, QuerySet, Value
from django.utils import timezone

from detection.alerts.describe import cause_refresh, describe, exposure_refresh
from detection.by_hand import as_computed, keep_by_hand
from detection.models import Alert, AlertLife, AuditEntry
from detection.rules.importance import AT_REST, Terms, importance, severity
from detection.rules.severity import Severity
from detection.selectors import Tilt, detections_current, steepest_tilts
from detection.tables.reviews import SetByHand
from ground_motion.runtime.code_version import code_version
from ingest.foundation.locks import Lock, hold_lock

BATCH = 500
COLUMNS = ["importance", "severity"]
BY_SURROUNDINGS = ("kind", "class_shares")


def terms_of(alert: Alert, tilt: Tilt | None = None) -> Terms:
    """Return the terms of an alert's importance. tilt: the alert's entry of `steepest_tilts`, if it has one."""
    judgement = alert.by_hand.severity if hasattr(alert, "by_hand") else ""
    weight = alert.exposure.weight if hasattr(alert, "exposure") else None
    return importance(alert, exposure_weight=weight, tilt_mm_m_yr=tilt[1] if tilt else None, judgement=judgement)


def severity_as_moving(*, alert: Alert) -> Severity:
    """Return the severity that an alert would have in motion: the higher of people's and computed values."""
    ((fresh, tilt),) = _alerts_and_tilts([alert.pk])
    versions = (fresh, as_computed(fresh))
    grades = (severity(version, terms_of(version, tilt)._replace(standing=0.0)) for version in versions)
    return max(grades, key=list(Severity).index)


def importance_refresh(*, alert: Alert) -> None:
    """Compute an alert's importance and severity from its rows; a severity that a person gave stays."""
    ((fresh, tilt),) = _alerts_and_tilts([alert.pk])
    before = fresh.severity
    _compute(fresh, tilt)
    values = {name: getattr(fresh, name) for name in COLUMNS}
    values |= {"updated_at": timezone.now()} if fresh.severity != before else {}
    Alert.objects.filter(pk=alert.pk).update(**values)
    for name, value in values.items():
        setattr(alert, name, value)


def importances_recompute() -> int:
    """Compute the importance of every alert again, after a change of the rule; return how many have changed.

    Nobody is notified: last reports are changed to state the new severity. The audit log gets each change.
    """
    numbers, n_changed = list(Alert.objects.order_by("pk").values_list("pk", flat=True)), 0
    for at in range(0, len(numbers), BATCH):
        with hold_lock(Lock.ALERTS):
            n_changed += _recompute(numbers[at : at + BATCH])
    return n_changed


def alert_recount(*, alert: Alert) -> bool:
    """Update exposure, cause, kind and severity from the loaded layers; return whether kind or severity changed."""
    with hold_lock(Lock.ALERTS):
        alert.refresh_from_db()
        exposure_refresh(alert=alert)
        current, before = list(detections_current(alert=alert)), (alert.kind, alert.severity)
        if current:
            cause_refresh(alert=alert, detections=current)
            description = keep_by_hand(alert=alert, columns=describe(current))
            for name in BY_SURROUNDINGS:
                setattr(alert, name, description.get(name, getattr(alert, name)))
            alert.save(update_fields=[*BY_SURROUNDINGS, *(["updated_at"] if alert.kind != before[0] else [])])
        importance_refresh(alert=alert)
        return (alert.kind, alert.severity) != before


def _alerts_and_tilts(numbers: Sequence[int]) -> Iterator[tuple[Alert, Tilt | None]]:
    rows: QuerySet[Alert] = Alert.objects.filter(pk__in=numbers).select_related("motion", "exposure", "by_hand")
    alerts = list(rows.defer("area", "motion__fit", "exposure__sources", "by_hand__area").order_by("pk"))
    tilts = steepest_tilts(alerts=alerts)
    return ((alert, tilts.get(alert.pk)) for alert in alerts)


def _compute(alert: Alert, tilt: Tilt | None) -> None:
    """Set the importance and the severity; if a person gave one, also store the computed one."""
    terms = terms_of(alert, tilt)
    alert.importance = terms.score
    by_hand: SetByHand | None = getattr(alert, "by_hand", None)
    if by_hand and by_hand.computed:
        plain = as_computed(alert)
        by_hand.computed["severity"] = severity(plain, terms_of(plain, tilt))
        by_hand.save(update_fields=["computed"])
    judged = by_hand.severity if by_hand and terms.standing != AT_REST else ""  # People judge ground that moves.
    alert.severity = judged or severity(alert, terms)


def _recompute(numbers: Sequence[int]) -> int:
    changed: list[Alert] = []
    entries: list[AuditEntry] = []
    graded: dict[tuple[str, str], list[int]] = {}
    for alert, tilt in _alerts_and_tilts(numbers):
        importance_before, before = alert.importance, alert.severity
        _compute(alert, tilt)
        if (alert.importance, alert.severity) != (importance_before, before):
            changed.append(alert)
            was, now = f"{before}, {importance_before:g} steps", f"{alert.severity}, {alert.importance:g} steps"
            about = {"actor": "prepare", "action": "importance", "subject": alert.code}
            detail = f"the rule of version {code_version()}"
            entries.append(AuditEntry(**about, before=was, after=now, detail=detail))
        if alert.severity != before:
            graded.setdefault((before, alert.severity), []).append(alert.pk)
    Alert.objects.bulk_update(changed, COLUMNS)
    AuditEntry.objects.bulk_create(entries)
    for (before, after), alerts in graded.items():
        told = Func(F("told"), Value("{severity}"), Value(after, JSONField()), function="jsonb_set")
        AlertLife.objects.filter(alert__in=alerts, told__severity=before).update(told=told)
    return len(changed)
