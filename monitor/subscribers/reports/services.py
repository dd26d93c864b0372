"""Services of residents' reports: save and confirm them by mail, and let an operator decide on each."""

from datetime import date

from django.contrib.auth.models import User
from django.contrib.gis.geos import Point
from django.db import transaction
from django.utils import timezone

from detection.reviews.audit import audit_write
from monitor.models.messages import OutgoingMessage
from monitor.models.operations import ResidentReport
from monitor.subscribers.subscriptions import limits
from monitor.subscribers.subscriptions.services import email_normal
from monitor.web.secret_links import signed_link

MAX_TEXT_LENGTH, MAX_REASON_LENGTH = 1000, 300
DIGITS = 4  # Coordinates are kept to about 10 m.
report_token, read_report_token = signed_link("monitor.report")  # The token confirms, shows and deletes a report.
State, Kind = ResidentReport.State, OutgoingMessage.Kind


def report_request(
    *, email: str, kind: str, place: tuple[float, float], seen_on: date, text: str
) -> ResidentReport | None:
    """Save an unconfirmed report and queue the mail to confirm it. Return None after too many mails today.

    place: longitude, latitude, degrees.
    """
    email = email_normal(email)
    if not limits.allowed_for_address(email=email):
        return None
    longitude, latitude = (round(degrees, DIGITS) for degrees in place)
    known = {"kind": kind, "place": Point(longitude, latitude, srid=4326), "seen_on": seen_on, "text": text.strip()}
    with transaction.atomic():
        report = ResidentReport.objects.create(email=email, **known)
        OutgoingMessage.queue(Kind.REPORT, f"report:{report.pk}", email, report=report)
    return report


def report_confirm(*, report: ResidentReport) -> None:
    """Show a report to operators and forget its address."""
    with transaction.atomic():
        first = ResidentReport.objects.filter(pk=report.pk, confirmed_at=None)
        if first.update(confirmed_at=timezone.now(), email=""):
            OutgoingMessage.objects.filter(report=report).delete()


def report_decide(*, report: ResidentReport, by: User, state: str, reason: str = "") -> bool:
    """Accept or reject a confirmed report, with an entry in the audit; return False if it has been decided before."""
    decided = {"state": State(state), "reason": reason.strip()[:MAX_REASON_LENGTH], "decided_by": by}
    with transaction.atomic():
        waiting = ResidentReport.objects.filter(pk=report.pk, state=State.WAITING, confirmed_at__isnull=False)
        if not waiting.update(**decided, decided_at=timezone.now()):
            return False
        # The reason may quote the report, which its sender can delete; the audit is never deleted.
        known = {"before": State.WAITING.value, "after": state}
        audit_write(actor=by, action="resident report", subject=f"report {report.pk}", **known)
        return True
