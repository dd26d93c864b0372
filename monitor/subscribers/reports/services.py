"""Services of residents' reports: save and confirm them by mail, and let an operator decide on each."""

from datetime import date

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.gis.geos import Point
from django.db import transaction
from django.utils import timezone

from detection.reviews.audit import audit_write
from monitor.models.messages import OutgoingMessage
from monitor.models.reports import ResidentReport
from monitor.subscribers.subscriptions import limits
from monitor.subscribers.subscriptions.services import email_normal
from monitor.web.secret_links import signed_link

LONGEST_TEXT, LONGEST_REASON = 1000, 300
DIGITS = 4  # of coordinates, about 10 m
report_token, read_report_token = signed_link("monitor.report")  # confirms, shows and deletes a report
State, Kind = ResidentReport.State, OutgoingMessage.Kind


def report_request(
    *, email: str, kind: str, place: tuple[float, float], seen_on: date, text: str, photo: bytes | None
) -> ResidentReport | None:
    """Save an unconfirmed report and queue the mail to confirm it. Return None after too many mails today.

    place: longitude and latitude in degrees. photo: already encoded anew.
    """
    email = email_normal(email)
    if not limits.allowed_for_address(email=email):
        return None
    at = Point(*(round(degrees, DIGITS) for degrees in place), srid=4326)
    with transaction.atomic():
        report = ResidentReport.objects.create(
            email=email, kind=kind, place=at, seen_on=seen_on, text=text.strip(), photo=photo
        )
        OutgoingMessage.queue(Kind.REPORT, f"report:{report.pk}", email, report=report)
    return report


def report_confirm(*, report: ResidentReport) -> None:
    """Show a report to operators and forget its mail address, which is needed for nothing else."""
    with transaction.atomic():
        first = ResidentReport.objects.filter(pk=report.pk, confirmed_at=None)
        if first.update(confirmed_at=timezone.now(), email=""):
            OutgoingMessage.objects.filter(report=report).delete()


def report_decide(*, report: ResidentReport, by: AbstractBaseUser, state: str, reason: str = "") -> bool:
    """Accept or reject a confirmed report, with an entry in the audit; return False if it has been decided before."""
    decided = {"state": State(state), "reason": reason.strip()[:LONGEST_REASON], "decided_by": by}
    with transaction.atomic():
        waiting = ResidentReport.objects.filter(pk=report.pk, state=State.WAITING, confirmed_at__isnull=False)
        if not waiting.update(**decided, decided_at=timezone.now()):
            return False
        # The reason may quote the report, which its sender can delete; the audit is never deleted.
        known = {"before": State.WAITING.value, "after": state}
        audit_write(actor=by, action="resident report", subject=f"report {report.pk}", **known)
        return True
