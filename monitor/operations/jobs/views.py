"""Pages about the service's jobs, for operators: what runs, what failed, and why."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from monitor.operations.health.alarms import alarms_open, with_remedies
from monitor.operations.jobs import kinds as jobs
from monitor.operations.jobs.kinds import GROUPS, KINDS, JobChoice, job_counts, job_rows, jobs_of
from monitor.web.guards import account_in, job_keepers_only

PER_PAGE = 50
ANSWERS = {  # by verb: messages after success and after refusal
    "retry": (gettext_lazy("%(job)s is tried again."), gettext_lazy("%(job)s cannot be tried again now.")),
    "cancel": (gettext_lazy("%(job)s is cancelled."), gettext_lazy("%(job)s cannot be cancelled any more.")),
}


@require_safe
@job_keepers_only
def job_list(request: HttpRequest) -> HttpResponse:
    """List jobs by kind and state."""
    choice = _choice(request.GET)
    page = Paginator(jobs_of(choice=choice), PER_PAGE).get_page(request.GET.get("page"))
    counts = job_counts()
    kinds = [{"name": name, "label": kind.label, "counts": counts[name]} for name, kind in KINDS.items()]
    context = {
        "choice": choice,
        "kinds": kinds,
        "label": KINDS[choice.kind].label,
        "groups": [(name, GROUPS[name]) for name in GROUPS if name in KINDS[choice.kind].states.values()],
        "failed": sum(numbers["failed"] for numbers in counts.values()),
        "alarms": with_remedies(alarms_open()),
        "jobs": job_rows(choice.kind, list(page)),
        "page": page,
    }
    return render(request, "operations/jobs/list.html", context)


@require_POST
@job_keepers_only
def job_change(request: HttpRequest, kind: str, pk: int, verb: str) -> HttpResponse:
    """Retry or cancel a job."""
    row = KINDS[kind].rows().filter(pk=pk).first() if kind in KINDS else None
    if row is None:
        raise Http404("There is no such job.")
    changed = jobs.job_change(kind=kind, pk=pk, verb=verb, by=account_in(request))
    done, refused = ANSWERS[verb]
    words = (done if changed else refused) % {"job": KINDS[kind].title(row)}
    (messages.success if changed else messages.error)(request, words)
    back = _choice({"kind": kind, "state": request.POST.get("state", "")})
    return redirect(f"{reverse('job-list')}?{urlencode({'kind': back.kind, 'state': back.group})}")


def _choice(given: Any) -> JobChoice:
    kind, group = given.get("kind", ""), given.get("state", "")
    return JobChoice(kind if kind in KINDS else next(iter(KINDS)), group if group in GROUPS else "")
