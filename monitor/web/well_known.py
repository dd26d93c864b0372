"""Pages that programs expect on every site: security.txt (contact for vulnerabilities) and robots.txt (crawlers)."""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

VALID_DAYS = 180  # RFC 9116 recommends less than a year
PLAIN = "text/plain; charset=utf-8"


@require_safe
def security_txt(request: HttpRequest) -> HttpResponse:
    """Serve the contact for vulnerabilities (RFC 9116), if SECURITY_CONTACT is set."""
    if not settings.SECURITY_CONTACT:
        raise Http404("This service names nobody to write to.")
    today = datetime.combine(timezone.now().astimezone(UTC), datetime.min.time(), UTC)
    lines = [f"Contact: {contact if ':' in contact else f'mailto:{contact}'}" for contact in settings.SECURITY_CONTACT]
    lines += [
        f"Expires: {today + timedelta(days=VALID_DAYS):%Y-%m-%dT%H:%M:%SZ}",
        f"Preferred-Languages: {', '.join(code for code, _name in settings.LANGUAGES)}",
        f"Canonical: {settings.PUBLIC_URL}{reverse('security-txt')}",
    ]
    return HttpResponse("\n".join(lines) + "\n", content_type=PLAIN)


@require_safe
def robots_txt(request: HttpRequest) -> HttpResponse:
    """Let crawlers read pages about alerts, regions and glaciers, but not costly or private ones (RFC 9309)."""
    return render(None, "web/site/robots.txt", content_type=PLAIN)
