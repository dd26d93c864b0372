"""Visits on site: planned for a day and a person, with a result that can become a verdict in the same step."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from detection.models import Alert, FieldVisit, Proposal
from detection.reviews.audit import audit_write
from detection.reviews.claims import Overtaken
from detection.reviews.notes import Given, note_add
from detection.reviews.outlines import Unfit
from detection.reviews.services import alert_review
from detection.rules.lifecycle import LIVING, State
from detection.rules.verdicts import Verdict, verdicts_open

Result = FieldVisit.Result
RESULTS = (Result.SEEN, Result.NOTHING, Result.UNREACHED)  # A visitor can report these results.
VERDICTS = {Result.SEEN: (Verdict.CONFIRM, "seen-on-site"), Result.NOTHING: (Verdict.REJECT, "nothing-on-site")}
MAX_AHEAD = timedelta(days=2 * 366)


class Plan(NamedTuple):
    """Plan of a visit: the day, the visitor, and whether to remind the visitor by mail."""

    day: date
    visitor: User
    remind: bool = True


def visits_open() -> QuerySet[FieldVisit]:
    """Return visits that have no result and whose verdict has not been taken back."""
    return FieldVisit.objects.filter(result="", review__taken_back_by=None).select_related("review__alert", "visitor")


def visits_coming(*, visitor: User) -> list[FieldVisit]:
    """Return a person's open visits until tomorrow, of living alerts."""
    tomorrow = timezone.now().date() + timedelta(days=1)
    followed = visits_open().filter(visitor=visitor, day__lte=tomorrow, review__alert__state__in=LIVING)
    return list(followed.order_by("day", "pk"))


def visit_of(*, alert: Alert) -> FieldVisit | None:
    """Return the visit of an alert that has no result yet, if there is one."""
    return visits_open().filter(review__alert=alert).last()


def visit_plan(
    *, alert: Alert, plan: Plan, by: User, expected_state: str, public_note: str = "", internal_note: str = ""
) -> FieldVisit:
    """Plan a visit and record the verdict for it, in one transaction; an earlier plan is replaced.

    Raises Unfit for a day in the past or too far ahead, and the errors of `alert_review`.
    """
    today = timezone.now().date()
    if not today <= plan.day <= today + MAX_AHEAD:
        raise Unfit(_("The day of the visit must be today or later, within two years."))
    with transaction.atomic():
        review = alert_review(
            alert=alert,
            verdict=Verdict.FIELD_VISIT,
            reason_code="visit",
            public_note=public_note,
            internal_note=internal_note,
            reviewer=by,
            expected_state=expected_state,
        )
        if isinstance(review, Proposal):
            raise TypeError("a field visit needs no second person")
        earlier = FieldVisit.objects.filter(review__alert=alert, result="")
        earlier.update(result=Result.MOVED, reported_by=by, reported_at=timezone.now())
        visit = FieldVisit.objects.create(review=review, day=plan.day, visitor=plan.visitor, remind=plan.remind)
        detail = f"{plan.day:%Y-%m-%d}, {plan.visitor.get_username()}"
        audit_write(actor=by, action="visit.planned", subject=alert.code, detail=detail)
        return visit


def visit_report(
    *,
    visit: FieldVisit,
    by: User,
    result: str,
    text: str = "",
    files: Sequence[Given] = (),
    judge: bool = False,
    expected_state: str = "",
) -> FieldVisit:
    """Record the result of a visit and, if `judge`, the verdict on its alert, in one transaction.

    Raises Overtaken if the visit has a result or was planned anew, Unfit for invalid input; if `judge`, also what
    `alert_review` raises.
    """
    if result not in RESULTS:
        raise Unfit(_("Please choose what was seen."))
    if judge and result not in VERDICTS:
        raise Unfit(_("A place that could not be reached brings no verdict."))
    with transaction.atomic():
        row = FieldVisit.objects.select_for_update().get(pk=visit.pk)
        alert = row.review.alert
        if row.result:
            raise Overtaken(f"the visit of {alert.code} has been reported")
        row.note = note_add(alert=alert, author=by, text=text, files=files) if text.strip() or files else None
        row.result, row.reported_by, row.reported_at = Result(result), by, timezone.now()
        row.save()
        audit_write(actor=by, action="visit.reported", subject=alert.code, after=result)
        if judge:
            verdict, reason = VERDICTS[Result(result)]
            alert_review(alert=alert, verdict=verdict, reason_code=reason, reviewer=by, expected_state=expected_state)
        return row


def results_that_judge(*, state: str) -> list[Result]:
    """Return results that can become a verdict on an alert in this state."""
    possible = verdicts_open(State(state))
    return [result for result, (verdict, _reason) in VERDICTS.items() if verdict in possible]
