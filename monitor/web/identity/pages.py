"""Pages of a site's identity (logo, imprint, contact and more), security.txt and robots.txt; a check of its colours."""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.core.checks import Error
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from monitor.web.identity.site_file import contrast_faults, logo_type

TITLES = {"imprint": _("Imprint"), "contact": _("Contact"), "accessibility": _("Accessibility")}
VALID_DAYS = 180  # RFC 9116 recommends less than a year
PLAIN = "text/plain; charset=utf-8"
WITHOUT_TEXT = {"accessibility"}  # These pages exist without a text of the site, because the product has its own.


@require_safe
def logo(request: HttpRequest) -> HttpResponse:
    """Serve the logo of the site; pages add the time of the file to its address, so that browsers may keep it."""
    if settings.SITE.logo is None:
        raise Http404("This site has no logo of its own.")
    content = settings.SITE.logo.read_bytes()
    answer = HttpResponse(content, content_type=logo_type(content))
    answer["Cache-Control"] = "public, max-age=86400"
    return answer


@require_safe
def manifest(request: HttpRequest) -> HttpResponse:
    """Describe the site as an app for home screens, without a start page: each app opens the page it was added on."""
    icons = [("img/icon-180.png", "180x180", "any"), ("img/icon-512.png", "512x512", "any maskable")]
    described = {
        "name": settings.SITE.name,
        "short_name": settings.SITE.name,
        "id": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#ffffff",
        "theme_color": settings.SITE.accent,
        "icons": [
            {"src": static(path), "sizes": sizes, "type": "image/png", "purpose": purpose}
            for path, sizes, purpose in icons
        ],
    }
    return JsonResponse(described, content_type="application/manifest+json")


@require_safe
def site_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show a page whose text the site's file has, or lead to the address that it has instead."""
    texts = getattr(settings.SITE, name)
    if not texts and name not in WITHOUT_TEXT:
        raise Http404("This site has no such page.")
    text = texts.get(get_language()) or texts.get("") or next(iter(texts.values()), "")
    if text.startswith("https://") and len(text.split()) == 1:
        return HttpResponseRedirect(text)
    context = {"name": name, "title": TITLES[name], "text": text, "has_contact": bool(settings.SITE.contact)}
    return render(request, "web/site/page.html", context)


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


def pages_linked() -> list[tuple[str, Promise]]:
    """Return the names and titles of the pages that this site has."""
    return [(name, title) for name, title in TITLES.items() if getattr(settings.SITE, name) or name in WITHOUT_TEXT]


def check_colours(**kwargs: object) -> list[Error]:
    """Check that the accent can be read on light and on dark pages."""
    return [
        Error(
            f"GROUND_MOTION_SITE: {fault}.", hint="Text needs a contrast of 4.5 to what is behind it.", id="site.E001"
        )
        for fault in contrast_faults(settings.SITE)
    ]
