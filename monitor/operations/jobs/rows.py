"""Jobs for the page: selecting, showing as rows with advice on failures, retrying and cancelling them."""

import re
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy, pgettext

from detection.reviews.audit import audit_write
from ingest.failures import Cause
from monitor.operations.jobs.kinds import GROUPS, KINDS, JobKind

ADVICE = {
    Cause.DISK: gettext_lazy("It goes on by itself when there is room again."),
    Cause.MEMORY: gettext_lazy(
        "It is tried again by itself. If it fails again and again, it needs more memory than there is."
    ),
    Cause.DATABASE: gettext_lazy("It goes on by itself when the database answers again."),
    Cause.BROKER: gettext_lazy("It goes on by itself when the message broker answers again."),
    Cause.LOST: gettext_lazy(
        "It is tried again by itself. If its worker ends again and again, show an administrator this line."
    ),
    Cause.STALLED: gettext_lazy(
        "It was ended and is tried again. If it stops again and again, show an administrator this line."
    ),
    Cause.INPUT: gettext_lazy("Trying again does not help: the data must be different."),
    Cause.PROGRAM: gettext_lazy("Show an administrator this line. Try again when the fault is mended."),
}
ADDRESS = re.compile(r"\S+@\S+")  # hidden, because a server's answer quotes the address that it refuses
LATER = ("failed", "cancelled")


def job_rows(kind: str, jobs: list[Any]) -> list[dict[str, Any]]:
    """Return jobs of a kind as rows of the page."""
    now = timezone.now()
    return [_row(KINDS[kind], kind, job, now) for job in jobs]


def _row(kind: JobKind, name: str, job: Any, now: datetime) -> dict[str, Any]:
    group = kind.states[job.state]
    next_try_at = job.next_try_at if group == "waiting" and job.next_try_at and job.next_try_at > now else None
    cause = getattr(job, "cause", "")
    return {
        "kind": name,
        "id": job.pk,
        "title": kind.title(job),
        "group": group,
        "state_words": pgettext("jobs", "Waiting to be tried again") if next_try_at else GROUPS[group],
        "progress": kind.progress(job),
        "reason": ADDRESS.sub("…", job.error) if group != "done" else "",
        "advice": ADVICE[Cause(cause)] if cause and group in ("waiting", "failed") else "",
        "created_at": job.created_at,
        "next_try_at": next_try_at,
        "tries": getattr(job, "attempts", getattr(job, "faults", 0)),
        "may_retry": bool(next_try_at) or (group in LATER and kind.may_retry(job)),
        "may_cancel": kind.cancel is not None and group in kind.may_cancel,
    }


def job_change(*, kind: str, pk: int, verb: str, by: AbstractBaseUser) -> bool:
    """Cancel a waiting or running job, or retry one that failed, was cancelled or is delayed; False for any other.

    verb: retry or cancel.
    """
    job, cancel = KINDS[kind].model._default_manager.filter(pk=pk), KINDS[kind].cancel
    with transaction.atomic():
        n_changed = KINDS[kind].retry(job) if verb == "retry" else cancel(job, by.get_username()) if cancel else 0
        if n_changed:
            audit_write(actor=by, action=f"{verb} a job", subject=f"{kind} {pk}")
    return n_changed == 1


OPEN = ("waiting", "running", "failed")


class JobChoice(NamedTuple):
    """Selection of jobs. kind: of KINDS; group: of GROUPS, or empty for waiting, running and failed ones."""

    kind: str
    group: str


def job_counts() -> dict[str, dict[str, int]]:
    """Count jobs by kind and group, with one query per kind."""
    counts = {}
    for name, kind in KINDS.items():
        numbers = dict.fromkeys(GROUPS, 0)
        rows = kind.model._default_manager.order_by().values_list("state").annotate(n=Count("pk"))
        for state, n in rows:
            numbers[kind.states[state]] += n
        counts[name] = numbers
    return counts


def jobs_of(*, choice: JobChoice) -> QuerySet[Any]:
    """Return the selected jobs, the newest first."""
    kind, groups = KINDS[choice.kind], [choice.group] if choice.group else OPEN
    return (
        kind.rows().filter(state__in=[state for state, group in kind.states.items() if group in groups]).order_by("-pk")
    )
