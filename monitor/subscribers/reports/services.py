"""Services of residents' reports: save and confirm them by mail, and let an operator decide on each."""

from datetime import date

from django.contrib.auth.models import User
from django.contrib.gis.geos import Point
from django.db import transaction
from django.utils import timezone

from detection.reviews.audit import audit_write
from monitor.models.messages import OutgoingMessage
from monitor.models.operations import ResidentReport, UnconfirmedPhoto
from monitor.subscribers.quotas.known import is_known
from monitor.subscribers.quotas.services import Claim, mailbox_key, network_key, room_check, room_held
from monitor.subscribers.quotas.stores import PHOTOS
from monitor.subscribers.subscriptions import limits
from monitor.subscribers.subscriptions.services import email_normal
from monitor.web.secret_links import signed_link

MAX_TEXT_LENGTH, MAX_REASON_LENGTH = 1000, 300
DIGITS = 4  # Coordinates are kept to about 10 m.
report_token, read_report_token = signed_link("monitor.report")  # The token confirms, shows and deletes a report.
State, Kind = ResidentReport.State, OutgoingMessage.Kind


def report_request(
    *, email: str, kind: str, place: tuple[float, float], seen_on: date, text: str, photo: bytes | None, ip: str
) -> ResidentReport | None:
    """Save an unconfirmed report and queue the mail to confirm it. Return None after too many mails today.

    place: longitude, latitude, degrees; photo: re-encoded; ip: of the sender. Raises Refusal without room for it.
    """
    email = email_normal(email)
    claim = Claim(len(photo or b""), network=network_key(ip=ip))
    room_check(store=PHOTOS, claim=claim)
    if not limits.allowed_for_address(email=email):
        return None
    longitude, latitude = (round(degrees, DIGITS) for degrees in place)
    at = Point(longitude, latitude, srid=4326)
    known = {"size_bytes": claim.size_bytes, "network": claim.network, "place": at, "seen_on": seen_on}
    with transaction.atomic(), room_held(store=PHOTOS, claim=claim):
        report = ResidentReport.objects.create(email=email, kind=kind, text=text.strip(), **known)
        if photo:
            UnconfirmedPhoto.objects.create(report=report, content=photo)
        OutgoingMessage.queue(Kind.REPORT, f"report:{report.pk}", email, report=report)
    return report


def report_confirm(*, report: ResidentReport) -> None:
    """Show a report to operators and forget its address. Raises Refusal if the mailbox has no room for its photo."""
    mailbox = mailbox_key(email=report.email)
    network = "" if is_known(email=report.email) else report.network
    claim = Claim(report.size_bytes, mailbox, network, report.pk)
    with transaction.atomic(), room_held(store=PHOTOS, claim=claim):
        photo = UnconfirmedPhoto.objects.filter(report=report)
        shown = {"confirmed_at": timezone.now(), "email": "", "photo": photo.values("content")[:1]}
        first = ResidentReport.objects.filter(pk=report.pk, confirmed_at=None)
        if first.update(**shown, mailbox=mailbox, network=network):
            photo.delete()
            OutgoingMessage.objects.filter(report=report).delete()


def report_decide(*, report: ResidentReport, by: User, state: str, reason: str = "") -> bool:
    """Accept or reject a confirmed report, with an entry in the audit; return False if it has been decided before."""
    decided = {"state": State(state), "reason": reason.strip()[:MAX_REASON_LENGTH], "decided_by": by}
    if decided["state"] == State.ACCEPTED:  # Accepted reports count against no quota.
        decided |= {"mailbox": "", "network": ""}
    with transaction.atomic():
        waiting = ResidentReport.objects.filter(pk=report.pk, state=State.WAITING, confirmed_at__isnull=False)
        if not waiting.update(**decided, decided_at=timezone.now()):
            return False
        # The reason may quote the report, which its sender can delete; the audit is never deleted.
        known = {"before": State.WAITING.value, "after": state}
        audit_write(actor=by, action="resident report", subject=f"report {report.pk}", **known)
        return True
