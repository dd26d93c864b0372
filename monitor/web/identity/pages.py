"""Pages of a site's identity: its logo, imprint, contact and accessibility statement; and the check of its colours."""

from django.conf import settings
from django.core.checks import Error
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from monitor.web.identity.site_file import contrast_faults, logo_type

TITLES = {
    "imprint": _("Imprint"),
    "contact": _("Contact"),
    "accessibility": _("Accessibility"),
}
WITHOUT_TEXT = {"accessibility"}  # the product has something to say itself


@require_safe
def logo(request: HttpRequest) -> HttpResponse:
    """Serve the logo of the site; its address changes with its content."""
    if settings.SITE.logo is None:
        raise Http404("This site has no logo of its own.")
    content = settings.SITE.logo.read_bytes()
    answer = HttpResponse(content, content_type=logo_type(content))
    answer["Cache-Control"] = "public, max-age=86400"
    return answer


@require_safe
def site_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show a page whose text the site's file has, or lead to the address that it has instead."""
    texts = getattr(settings.SITE, name)
    if not texts and name not in WITHOUT_TEXT:
        raise Http404("This site has no such page.")
    text = texts.get(get_language()) or next(iter(texts.values()), "")
    if text.startswith("https://") and len(text.split()) == 1:
        return HttpResponseRedirect(text)
    context = {"name": name, "title": TITLES[name], "text": text, "has_contact": bool(settings.SITE.contact)}
    return render(request, "web/site/page.html", context)


def pages_linked() -> list[tuple[str, str]]:
    """Return the names and titles of the pages that this site has."""
    return [(name, title) for name, title in TITLES.items() if getattr(settings.SITE, name) or name in WITHOUT_TEXT]


def check_colours(**kwargs: object) -> list[Error]:
    """Check that the accent can be read in light and dark."""
    return [
        Error(
            f"GROUND_MOTION_SITE: {fault}.", hint="Text needs a contrast of 4.5 to what is behind it.", id="site.E001"
        )
        for fault in contrast_faults(settings.SITE)
    ]
