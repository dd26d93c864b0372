"""Pages for operators about the service's jobs (what runs, what failed, and why) and about standing orders.

Operators make, change and stop standing orders, and see what they cost.
"""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.gis.geos import MultiPolygon
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count, Q, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from detection.reviews.audit import audit_write
from ground_motion.core.areas import polygons_of
from ingest.foundation.geos import geos
from ingest.models import AdministrativeRegion, PairOrder, StandingOrder
from ingest.sources.orders.queue import charges_of_month
from monitor.operations.health.alarms import alarms_open, with_remedies
from monitor.operations.jobs import kinds as jobs
from monitor.operations.jobs.kinds import GROUPS, KINDS, JobChoice, job_row
from monitor.subscribers.subscriptions.watched_areas import area_of
from monitor.web.guards import account_in, job_keepers_only

PER_PAGE = 50
ANSWERS = {  # Verb -> (message after success, message after refusal).
    "retry": (gettext_lazy("%(job)s is tried again."), gettext_lazy("%(job)s cannot be tried again now.")),
    "cancel": (gettext_lazy("%(job)s is cancelled."), gettext_lazy("%(job)s cannot be cancelled any more.")),
}
Processor, State = StandingOrder.Processor, PairOrder.State
PROCESSORS: dict[str, Promise] = {
    Processor.BURST: gettext_lazy("Interferograms of single bursts, ordered from HyP3"),
    Processor.MULTI_BURST: gettext_lazy("Interferograms of up to 15 bursts, ordered from HyP3"),
    Processor.ARIA: gettext_lazy("Interferograms that ARIA publishes"),
    Processor.NISAR: gettext_lazy("Interferograms of NISAR"),
    Processor.DISP: gettext_lazy("Displacement that OPERA publishes"),
}
COUNTED = {
    "n_waiting": [State.WANTED],
    "n_over_budget": [State.OVER_BUDGET],
    "n_on_order": [State.ORDERING, *PairOrder.AT_PROCESSOR, State.READY],
    "n_loaded": [State.COLLECTED],
    "n_failed": [State.FAILED, State.EXPIRED],
}
MAX_BUDGET, MAX_PRIORITY, MAX_TRACK = 100_000, 9, 175


@require_safe
@job_keepers_only
def job_list(request: HttpRequest) -> HttpResponse:
    """List jobs by kind and state."""
    choice = _choice(request.GET)
    page = Paginator(choice.jobs(), PER_PAGE).get_page(request.GET.get("page"))
    counts = {name: kind.counts() for name, kind in KINDS.items()}
    kinds = [{"name": name, "label": kind.label, "counts": counts[name]} for name, kind in KINDS.items()]
    context = {
        "choice": choice,
        "kinds": kinds,
        "label": KINDS[choice.kind].label,
        "groups": [(name, GROUPS[name]) for name in GROUPS if name in KINDS[choice.kind].states.values()],
        "failed": sum(one["failed"] for one in counts.values()),
        "alarms": with_remedies(alarms_open()),
        "jobs": [job_row(choice.kind, job) for job in page],
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


class OrderForm(forms.Form):
    """Form of a standing order. order: the one that is changed, whose ground stays unless another is typed."""

    name = forms.CharField(max_length=120, label=gettext_lazy("Name"))
    ground = forms.CharField(
        max_length=20_000,
        label=gettext_lazy("Ground"),
        help_text=gettext_lazy("A loaded region by name, or west, south, east, north in degrees, or WKT."),
    )
    processor = forms.ChoiceField(choices=PROCESSORS.items, label=gettext_lazy("Products"))
    track = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MAX_TRACK,
        label=gettext_lazy("Track"),
        help_text=gettext_lazy("Empty: every track."),
    )
    credits_a_month = forms.IntegerField(
        min_value=0,
        max_value=MAX_BUDGET,
        initial=0,
        label=gettext_lazy("Budget, in credits a month"),
        help_text=gettext_lazy("With 0, nothing is ordered. What is published anyway costs nothing."),
    )
    priority = forms.IntegerField(
        min_value=1, max_value=MAX_PRIORITY, initial=5, label=gettext_lazy("Priority, 1 is first")
    )
    is_on = forms.BooleanField(required=False, initial=True, label=gettext_lazy("This order is on."))

    def __init__(self, *args: Any, order: StandingOrder | None = None, **kwargs: Any) -> None:
        if order:
            fields = ("name", "processor", "track", "credits_a_month", "priority", "is_on")
            kwargs["initial"] = {field: getattr(order, field) for field in fields} | {"ground": ground_words(order)}
        super().__init__(*args, **kwargs)
        self._order = order

    def clean_ground(self) -> tuple[MultiPolygon, str]:
        """Return the outline and the name of its region, if it has one. Raises ValidationError."""
        text: str = self.cleaned_data["ground"].strip()
        if self._order and text == ground_words(self._order):
            return self._order.outline, self._order.region
        regions = AdministrativeRegion.objects.filter(name__iexact=text).order_by("level", "id")
        if region := regions.first():
            return region.outline, region.name
        try:
            outline = polygons_of(area_of(text))
        except ValueError:
            outline = polygons_of()
        if outline.is_empty:
            raise forms.ValidationError(
                _("No loaded region has this name. Type another, or four numbers: west, south, east, north.")
            )
        return geos(outline), ""


def ground_words(order: StandingOrder) -> str:
    """Return the ground of an order in words: its region, or the edges of its outline in degrees."""
    return order.region or ", ".join(f"{edge:.3f}".rstrip("0").rstrip(".") for edge in order.outline.extent)


@require_safe
@job_keepers_only
def order_list(request: HttpRequest) -> HttpResponse:
    """List standing orders with what they have cost this month, and what waits, failed or was loaded."""
    spent = dict(charges_of_month().order_by().values_list("standing_order").annotate(Sum("credits")))
    counts = {name: Count("pairs", filter=Q(pairs__state__in=states)) for name, states in COUNTED.items()}
    orders = StandingOrder.objects.annotate(**counts).order_by("-is_on", "priority", "id")
    rows = [
        {"order": order, "spent": spent.get(order.pk, 0.0), "ground": ground_words(order)}
        | {"processor": PROCESSORS[order.processor]}
        for order in orders
    ]
    return render(request, "operations/jobs/orders.html", {"orders": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@job_keepers_only
def order_edit(request: HttpRequest, order: int | None = None) -> HttpResponse:
    """Make a standing order, or change, start or stop one, with an entry in the audit."""
    before = get_object_or_404(StandingOrder, pk=order) if order is not None else None
    form = OrderForm(request.POST if request.method == "POST" else None, order=before)
    if not form.is_valid():
        status = 422 if form.is_bound else 200
        return render(request, "operations/jobs/order.html", {"form": form, "order": before}, status=status)
    actor, values = account_in(request), dict(form.cleaned_data)
    values["outline"], values["region"] = values.pop("ground")
    with transaction.atomic():
        row = before or StandingOrder(made_by=actor.get_username())
        for name, value in values.items():
            setattr(row, name, value)
        row.save()
        detail = f"{row.name}: {row.processor}, {row.credits_a_month} credits a month, on: {row.is_on}"
        audit_write(actor=actor, action="standing order", subject=f"order {row.pk}", detail=detail)
    messages.success(request, _("%(order)s is saved.") % {"order": row.name})
    return redirect("order-list")
