"""Residents' reports as people send them, and photos as telephones take them."""

import io
from datetime import date, timedelta

from django.contrib.auth.models import User
from PIL import Image

from monitor.models.operations import ResidentReport
from monitor.subscribers.reports.services import report_confirm, report_decide, report_request

SENDER = "resident@example.org"
FORM = {"kind": "cracks", "place": "47.0, -12.0", "seen_on": "2026-05-03", "text": "In the cellar.", "email": SENDER}
CAMERA = "SECRETCAM"


def photo(form: str = "JPEG", size: tuple[int, int] = (40, 20)) -> bytes:
    """A photo that lies on its side, with its position and the camera's name."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif.get_ifd(0x8825)[2] = (50.0, 6.0, 0.0)
    exif[0x010F] = CAMERA
    out = io.BytesIO()
    Image.new("RGB", size, "brown").save(out, form, exif=exif)
    return out.getvalue()


def make_report(
    place: tuple[float, float] = (-12.0, 47.0), accepted_by: User | None = None, confirmed: bool = True, **values
) -> ResidentReport:
    """A report of cracks; confirmed, and accepted where somebody is named who does that."""
    known = {"kind": "cracks", "seen_on": date(2026, 5, 3), "text": "In the cellar."}
    n = ResidentReport.objects.count()
    report = report_request(email=f"resident{n}@example{n}.org", place=place, **known | values)
    if confirmed:
        report_confirm(report=report)
    if accepted_by:
        report_decide(report=report, by=accepted_by, state="accepted")
    report.refresh_from_db()
    return report


def aged(report: ResidentReport, days: float) -> None:
    """Set back every time of a report."""
    back = timedelta(days=days)
    moments = {name: getattr(report, name) for name in ("created_at", "confirmed_at", "decided_at")}
    past = {name: moment and moment - back for name, moment in moments.items()}
    ResidentReport.objects.filter(pk=report.pk).update(**past)
