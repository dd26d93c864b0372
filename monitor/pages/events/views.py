"""Event response: an operator reports what happened where; the pairs across it run first and are shown together."""

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from detection.reviews.audit import audit_write
from ml.events import event_report
from ml.models import GroundEvent
from monitor.pages.events.forms import EventForm
from monitor.pages.events.rows import event_context, event_rows
from monitor.pages.pairs.views import HIGHEST
from monitor.web.guards import operators_only


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@operators_only
@csrf_protect
def event_list(request: HttpRequest) -> HttpResponse:
    """Show the reported events, or report one."""
    form = EventForm(request.POST) if request.method == "POST" else EventForm()
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            event = event_report(**form.report(), reported_by=request.user.get_username())
            audit_write(actor=request.user, action="event", subject=f"event {event.pk}", detail=str(event))
        return HttpResponseRedirect(f"{event.pk}/")
    context = {"form": form, "events": event_rows()}
    return render(request, "pages/events/list.html", context, status=422 if form.is_bound else 200)


@require_safe
@never_cache
@operators_only
def event_detail(request: HttpRequest, event: int) -> HttpResponse:
    """Show the page of an event."""
    reported = GroundEvent.objects.filter(pk=event).first() if event <= HIGHEST else None
    if reported is None:
        raise Http404("There is no such event.")
    return render(request, "pages/events/detail.html", event_context(reported))
