"""Jobs: the table of their kinds, and selecting, showing with advice on failures, retrying and cancelling them."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy

from detection.reviews.audit import audit_write
from ingest.foundation.failures import Cause
from ingest.jobs.services import LEASE as JOB_LEASE
from ingest.jobs.services import jobs_retry
from ingest.jobs.steps import failures_retry
from ingest.models import IngestJob, PairOrder, SceneDownload, StepFailure
from ingest.sources.orders.queue import pairs_cancel, pairs_retry
from ingest.sources.queue import LEASE as DOWNLOAD_LEASE
from ingest.sources.queue import downloads_retry
from ml.models import Run
from ml.runs.queue import runs_cancel, runs_retry
from monitor.models.messages import OutgoingMessage
from monitor.notifications.outbox import LEASE as MESSAGE_LEASE
from monitor.wording.figures import percent, whole
from monitor.wording.images import TASKS

GROUPS = {
    "waiting": pgettext_lazy("jobs", "Waiting"),
    "running": pgettext_lazy("jobs", "Running"),
    "failed": pgettext_lazy("jobs", "Failed"),
    "refused": pgettext_lazy("jobs", "Refused"),
    "cancelled": pgettext_lazy("jobs", "Cancelled"),
    "done": pgettext_lazy("jobs", "Done"),
}
GROUP_OF_STATE = {  # Every state of every kind is named.
    **dict.fromkeys(("queued", "wanted", "over budget"), "waiting"),
    **dict.fromkeys(("running", "fetching", "sending", "ordering", "ordered", "ready"), "running"),
    **dict.fromkeys(("cancelled", "withdrawn"), "cancelled"),
    **dict.fromkeys(("fetched", "loaded", "deleted", "succeeded", "sent", "collected"), "done"),
    **dict.fromkeys(("failed", "expired"), "failed"),
    "rejected": "refused",
}
_STEPS = {
    StepFailure.Step.SEARCH: gettext_lazy("Search for moving areas"),
    StepFailure.Step.MEASURE: gettext_lazy("Measurement of glaciers"),
    StepFailure.Step.FOLLOW: gettext_lazy("Series of a glacier"),
    StepFailure.Step.COMPARE: gettext_lazy("Comparison of methods"),
    StepFailure.Step.ANNOUNCE: gettext_lazy("Messages about an alert"),
    StepFailure.Step.ASK: gettext_lazy("Questions of an organisation about alerts"),
    StepFailure.Step.ESCALATE: gettext_lazy("Next question about an alert"),
    StepFailure.Step.CAP: gettext_lazy("CAP message about an alert"),
    StepFailure.Step.TRENDS: gettext_lazy("Search for changes of trend"),
    StepFailure.Step.BUILDINGS: gettext_lazy("Ledger of buildings"),
    StepFailure.Step.LINES: gettext_lazy("Motion along a line"),
    StepFailure.Step.PASSES: gettext_lazy("New passes over a data set"),
    StepFailure.Step.BENDS: gettext_lazy("Alerts from new passes"),
    StepFailure.Step.RELEASE: gettext_lazy("Alerts from new passes that a release covers"),
    StepFailure.Step.REPLACE: gettext_lazy("Provisional values that a release replaces"),
    StepFailure.Step.SEAL: gettext_lazy("Sealed evidence of an alert"),
    StepFailure.Step.SETTLE: gettext_lazy("Versions of a data set"),
    StepFailure.Step.DATUM: gettext_lazy("Zero of a data set"),
    StepFailure.Step.ORDERS: gettext_lazy("Search for passes over an order"),
    StepFailure.Step.EVENT_ORDERS: gettext_lazy("Search for passes over an event"),
}
ADVICE = {
    Cause.DISK: gettext_lazy("It goes on by itself when there is room again."),
    Cause.MEMORY: gettext_lazy(
        "It is tried again by itself. If it fails again and again, it needs more memory than there is."
    ),
    Cause.DATABASE: gettext_lazy("It goes on by itself when the database answers again."),
    Cause.BROKER: gettext_lazy("It goes on by itself when the message broker answers again."),
    Cause.ARCHIVE: gettext_lazy("It goes on by itself when the archive answers again."),
    Cause.SIGN_IN: gettext_lazy(
        "It goes on by itself when the archive accepts the sign-in: show an administrator this line."
    ),
    Cause.LOST: gettext_lazy(
        "It is tried again by itself. If its worker ends again and again, show an administrator this line."
    ),
    Cause.STALLED: gettext_lazy(
        "It was ended and is tried again. If it stops again and again, show an administrator this line."
    ),
    Cause.INPUT: gettext_lazy("Trying again does not help: the data must be different."),
    Cause.PROGRAM: gettext_lazy("Show an administrator this line. Try again when the fault is mended."),
}
ORDER_STATES = {  # Labels of states for which the group says too little.
    PairOrder.State.OVER_BUDGET: gettext_lazy("beyond the budget"),
    PairOrder.State.ORDERED: gettext_lazy("ordered"),
    PairOrder.State.RUNNING: gettext_lazy("at HyP3"),
    PairOrder.State.READY: gettext_lazy("being fetched"),
    PairOrder.State.EXPIRED: gettext_lazy("deleted by HyP3 before it was fetched"),
}
ADDRESS = re.compile(r"\S+@\S+")  # Hidden, because a mail server's answer quotes the address that it refuses.
LATER = ("failed", "cancelled")
Message = OutgoingMessage.State
OPEN = ("waiting", "running", "failed")


@dataclass(frozen=True, kw_only=True)
class JobKind:
    """Kind of job. retry, cancel: functions that change the rows of a queryset and return how many."""

    label: Promise
    model: type[IngestJob | Run | SceneDownload | PairOrder | OutgoingMessage | StepFailure]

    related: tuple[str, ...] = ()
    title: Callable[[Any], str]
    progress: Callable[[Any], str] = lambda row: ""
    retry: Callable[[QuerySet[Any]], int]
    cancel: Callable[[QuerySet[Any], str], int] | None = None
    may_cancel: tuple[str, ...] = ("waiting", "running")
    may_retry: Callable[[Any], bool] = lambda row: True  # Called only for rows that failed or were cancelled.

    @property
    def states(self) -> dict[str, str]:
        """Return the group (waiting, running, …) of each state of a row."""
        return {state.value: GROUP_OF_STATE[state.value] for state in self.model.State}

    def rows(self) -> QuerySet[Any]:
        """Return the rows of this kind with what their titles need."""
        return self.model._default_manager.select_related(*self.related)

    def counts(self) -> Counter[str]:
        """Return the number of rows in each group."""
        n_rows = self.model._default_manager.order_by().values_list("state").annotate(n=Count("pk"))
        return sum((Counter({self.states[state]: n}) for state, n in n_rows), Counter())


def _order_title(order: PairOrder) -> str:
    """Return the days of a pair, its track and burst, and what it is for if an event needs it."""
    days = f"{order.reference_at:%Y-%m-%d} – {order.secondary_at:%Y-%m-%d}"
    place = _("track %(track)s, %(piece)s") % {"track": order.track, "piece": order.piece}
    return f"{days}, {place}" + (f": {order.event}" if order.event else "")


def _share(done: float, everything: float | None) -> str:
    return percent(done / everything) if everything else ""


def _points(n_points: int) -> str:
    return ngettext("%(number)s point", "%(number)s points", n_points) % {"number": whole(n_points)}


KINDS = {
    "files": JobKind(
        label=pgettext_lazy("jobs", "Files"),
        model=IngestJob,
        title=lambda job: job.original_name,
        progress=lambda job: _points(job.points_done) if job.points_done else "",
        retry=lambda rows: jobs_retry(jobs=rows),
        may_retry=lambda job: bool(job.stored_path),
        cancel=lambda rows, by: JOB_LEASE.cancel(rows, by=by, finished_at=timezone.now()),
    ),
    "runs": JobKind(
        label=pgettext_lazy("jobs", "Computations"),
        model=Run,
        related=("model_version", "product", "pair__reference", "pair__secondary"),
        title=lambda run: ": ".join([str(TASKS.get(run.model_version.task) or _("Ground motion")), str(run.input)]),
        progress=lambda run: _share(run.share_done, 1.0) if run.state == Run.State.RUNNING else "",
        retry=lambda rows: runs_retry(runs=rows),
        cancel=lambda rows, by: runs_cancel(runs=rows, by=by),
    ),
    "downloads": JobKind(
        label=pgettext_lazy("jobs", "Downloads"),
        model=SceneDownload,
        title=lambda download: download.scene_id,
        progress=lambda download: _share(download.bytes_done, download.size_bytes) if download.bytes_done else "",
        retry=lambda rows: downloads_retry(downloads=rows),
        may_retry=lambda download: download.job_id is None,
        cancel=lambda rows, by: DOWNLOAD_LEASE.cancel(rows, by=by, finished_at=timezone.now()),
    ),
    "orders": JobKind(
        label=pgettext_lazy("jobs", "Orders"),
        model=PairOrder,
        related=("event",),
        title=_order_title,
        progress=lambda order: str(ORDER_STATES.get(order.state, "")),
        retry=lambda rows: pairs_retry(pairs=rows),
        may_retry=lambda order: order.cause != Cause.INPUT,
        cancel=lambda rows, by: pairs_cancel(pairs=rows, by=by),
        may_cancel=("waiting",),
    ),
    "messages": JobKind(
        label=pgettext_lazy("jobs", "Messages"),
        model=OutgoingMessage,
        related=("transition__alert",),
        title=lambda message: " ".join(
            [message.get_kind_display(), *([message.transition.alert.code] if message.transition else [])]
        ),
        retry=lambda rows: MESSAGE_LEASE.retry(rows.exclude(state=Message.WITHDRAWN), next_try_at=timezone.now()),
        may_retry=lambda message: message.state == Message.FAILED,
        cancel=lambda rows, by: MESSAGE_LEASE.cancel(rows.filter(state=Message.QUEUED), by=by),
        may_cancel=("waiting",),
    ),
    "steps": JobKind(
        label=pgettext_lazy("jobs", "Follow-up steps"),
        model=StepFailure,
        title=lambda failure: f"{_STEPS[failure.step]}: {failure.subject}",
        retry=lambda rows: failures_retry(failures=rows),
    ),
}


def job_row(name: str, job: Any) -> dict[str, Any]:
    """Return a job of the kind of this name as a row of the page."""
    kind = KINDS[name]
    group, cause = kind.states[job.state], getattr(job, "cause", "")
    is_later = group == "waiting" and job.next_try_at and job.next_try_at > timezone.now()
    next_try_at = job.next_try_at if is_later else None
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


def job_change(*, kind: str, pk: int, verb: str, by: User) -> bool:
    """Cancel a waiting or running job, or retry one that failed, was cancelled or is delayed. Return whether it worked.

    verb: retry or cancel.
    """
    job, n_changed = KINDS[kind].model._default_manager.filter(pk=pk), 0
    with transaction.atomic():
        if verb == "retry":
            n_changed = KINDS[kind].retry(job)
        elif cancel := KINDS[kind].cancel:
            n_changed = cancel(job, by.get_username())
        if n_changed:
            audit_write(actor=by, action=f"{verb} a job", subject=f"{kind} {pk}")
    return n_changed == 1


class JobChoice(NamedTuple):
    """Selection of jobs. kind: of KINDS; group: of GROUPS, or empty for waiting, running and failed ones."""

    kind: str
    group: str

    def jobs(self) -> QuerySet[Any]:
        """Return the selected jobs, the newest first."""
        kind, groups = KINDS[self.kind], [self.group] if self.group else OPEN
        states = [state for state, group in kind.states.items() if group in groups]
        return kind.rows().filter(state__in=states).order_by("-pk")
