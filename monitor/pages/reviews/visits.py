"""Forms of visits on site: their plan, their result, and reminders of them."""

from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from detection.models import Alert, FieldVisit
from detection.reviews.claims import Overtaken
from detection.reviews.notes import MAX_BYTES, MAX_FILES, MAX_NOTE_LENGTH, SUFFIXES, Given, too_many_files
from detection.reviews.outlines import Unfit
from detection.reviews.visits import (
    RESULTS,
    Plan,
    Result,
    results_that_judge,
    visit_of,
    visit_report,
    visits_open,
)
from ground_motion.core.errors import promised
from ground_motion.core.text import distinct_values
from monitor.models.messages import OutgoingMessage
from monitor.models.subscriptions import AccountLanguage, language_of_request
from monitor.subscribers.accounts.selectors import reviewers
from monitor.web.guards import account_in

RESULT_WORDS = {
    Result.SEEN: gettext_lazy("Traces of motion were seen"),
    Result.NOTHING: gettext_lazy("Nothing was seen"),
    Result.UNREACHED: gettext_lazy("The place could not be reached"),
    Result.MOVED: gettext_lazy("The visit was planned again"),
}
VERDICT_WORDS = {
    Result.SEEN: gettext_lazy("and confirm the alert"),
    Result.NOTHING: gettext_lazy("and record it as not motion"),
}
PLAN_FIELDS = ("visit_day", "visitor", "remind")


def plan_of(request: HttpRequest) -> Plan | None:
    """Read the plan of a visit from the form of a verdict; None without a day. Raises Unfit."""
    written = request.POST.get("visit_day", "").strip()
    if not written:
        return None
    try:
        day = date.fromisoformat(written)
    except ValueError as fault:
        raise Unfit(_("The day of the visit must be today or later, within two years.")) from fault
    chosen = request.POST.get("visitor", "") or str(request.user.pk)
    visitor = next((reviewer for reviewer in reviewers() if str(reviewer.pk) == chosen), None)
    if visitor is None:
        raise Unfit(_("There is no such colleague. Nothing was changed."))
    return Plan(day, visitor, "remind" in request.POST)


def report_of(request: HttpRequest, alert: Alert) -> FieldVisit:
    """Record the result of a visit; 'RESULT:judge' also records the verdict. Raises Overtaken and as `visit_report`."""
    visit = visit_of(alert=alert)
    if visit is None or str(visit.pk) != request.POST.get("visit", ""):
        raise Overtaken(f"the visit of {alert.code} has been reported or planned anew")
    result, _colon, judge = request.POST.get("result", "").partition(":")
    return visit_report(
        visit=visit,
        by=account_in(request),
        result=result,
        text=request.POST.get("note", ""),
        files=files_of(request),
        judge=judge == "judge",
        expected_state=request.POST.get("expected_state", ""),
    )


def files_of(request: HttpRequest) -> list[Given]:
    """Read the files of a note or a visit, but no more bytes than show that one is too large. Raises Unfit."""
    sent = distinct_values(request.FILES.getlist("files"), MAX_FILES, lambda _number: too_many_files())
    return [Given(file.name or "", file.read(MAX_BYTES + 1)) for file in sent]


def visit_block(request: HttpRequest, alert: Alert) -> dict[str, Any] | None:
    """Return the open visit of an alert and the values of its form; None without a visit."""
    visit = visit_of(alert=alert)
    if visit is None:
        return None
    judging = results_that_judge(state=alert.state)
    results = [(result.value, RESULT_WORDS[result]) for result in RESULTS]
    judged = [(f"{one.value}:judge", RESULT_WORDS[one], VERDICT_WORDS[one]) for one in judging]
    return {
        "pk": visit.pk,
        "day": visit.day,
        "visitor": visit.visitor or _("an account that is gone"),
        "due": visit.day <= timezone.now().date(),
        "results": [*((value, words, "") for value, words in results), *judged],
        "result": request.POST.get("result", ""),
        "note": request.POST.get("note", ""),
        "longest_note": MAX_NOTE_LENGTH,
        "types": ",".join(SUFFIXES),
    }


def visits_remind() -> int:
    """Queue one mail to each visitor with reminders due until tomorrow; return the number of mails."""
    tomorrow = timezone.now().date() + timedelta(days=1)
    with transaction.atomic():
        wished = visits_open().filter(remind=True, reminded_at=None, day__lte=tomorrow, visitor__is_active=True)
        due = list(wished.exclude(visitor__email="").select_for_update(of=("self",)))
        visitors = {visit.visitor_id: promised(visit.visitor) for visit in due}
        languages = dict(AccountLanguage.objects.filter(account__in=list(visitors)).values_list("account", "language"))
        for visitor in visitors.values():
            last = max(visit.pk for visit in due if visit.visitor_id == visitor.pk)
            about = {"account": visitor, "language": languages.get(visitor.pk, language_of_request())}
            OutgoingMessage.queue(OutgoingMessage.Kind.VISITS, f"visits:{last}", visitor.email, **about)
        FieldVisit.objects.filter(pk__in=[visit.pk for visit in due]).update(reminded_at=timezone.now())
    return len(visitors)
