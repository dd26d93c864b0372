"""Comparison of the rows from which beat sends tasks with their plan (`monitor.schedule`).

Missing rows are put back. Rows that an administrator has switched off stay off, and are reported meanwhile.
"""

import json
import logging
from collections import defaultdict
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import transaction
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import ModelEntry

from detection.models import AuditEntry
from monitor.celery import app
from monitor.operations.health.condition import Wrong, condition
from monitor.operations.health.selectors import BEAT, database_now, sign_ages
from monitor.schedule import BEAT_SCHEDULE

logger = logging.getLogger(__name__)

BEAT_SILENT_SECONDS = 60.0
LATE_AFTER = timedelta(minutes=15)  # Beat stores every three minutes when it sent its tasks.
MAX_NAMES = 5
OTHER_KINDS = ("crontab_id", "solar_id", "clocked_id", "one_off", "expires", "start_time")  # Our plan uses none.


class Fault(StrEnum):
    """Difference of a stage's row from the plan."""

    MISSING = "missing"
    OFF = "switched off"
    CHANGED = "changed"
    LATE = "late"


def stage_faults() -> dict[str, Fault]:
    """Return how each stage's row differs from the plan, by name. While beat is silent, no stage is called late."""
    rows = {row.name: row for row in PeriodicTask.objects.select_related("interval")}
    now = database_now() if sign_ages().get(BEAT, BEAT_SILENT_SECONDS) < BEAT_SILENT_SECONDS else None
    faults = {name: _fault(rows.get(name), entry, now) for name, entry in BEAT_SCHEDULE.items()}
    return {name: fault for name, fault in faults.items() if fault}


@condition(
    "schedule",
    "Switch on what is off under Periodic tasks in the admin. Missing rows come back within a minute, changed ones when"
    " beat starts again; if a stage stays late, look into the log of beat.",
)
def schedule() -> str:
    """Check that every stage of the plan has its row, is switched on, and was sent in time."""
    faults = defaultdict(list)
    for name, fault in stage_faults().items():
        faults[fault].append(name)
    if faults:
        more = {fault: len(names) - MAX_NAMES for fault, names in faults.items()}
        parts = (
            f"{fault.value}: {', '.join(names[:MAX_NAMES])}" + (f" and {more[fault]} more" if more[fault] > 0 else "")
            for fault, names in faults.items()
        )
        raise Wrong("; ".join(parts))
    return f"{len(BEAT_SCHEDULE)} stages as planned"


def missing_stages_restore() -> list[str]:
    """Put back the rows of the plan that are missing, once beat has made them; return their names."""
    if BEAT not in sign_ages():
        return []
    known = set(PeriodicTask.objects.values_list("name", flat=True))
    missing = [name for name in BEAT_SCHEDULE if name not in known]
    with transaction.atomic():
        for name in missing:
            ModelEntry.from_entry(name, app=app, **BEAT_SCHEDULE[name])
        if missing:
            logger.warning("stages that were missing in the schedule are put back: %s", "; ".join(missing))
            AuditEntry.objects.create(
                actor="the watchman", action="schedule.put-back", subject="schedule", detail="; ".join(missing)
            )
    return missing


def _fault(row: PeriodicTask | None, entry: dict[str, Any], now: datetime | None) -> Fault | None:
    if row is None:
        return Fault.MISSING
    if not row.enabled:
        return Fault.OFF
    interval, options = row.interval, entry["options"]
    period = timedelta(**{interval.period: interval.every}) if interval else None
    there = (row.task, period, json.loads(row.args), row.queue or None, row.expire_seconds, json.loads(row.kwargs))
    planned = (entry["task"], entry["schedule"], entry["args"], options.get("queue"), options["expire_seconds"])
    if there != (*planned, {}) or any(getattr(row, name) for name in OTHER_KINDS):
        return Fault.CHANGED
    sent_at = row.last_run_at or row.date_changed
    return Fault.LATE if now is not None and now - sent_at > entry["schedule"] + LATE_AFTER else None
