"""Template tags of a site's identity, which every template knows without loading them."""

from django import template
from django.conf import settings
from django.templatetags.static import static
from django.urls import reverse
from django.utils.safestring import SafeString

from monitor.web.identity.pages import pages_linked
from monitor.web.identity.site_file import SURFACES, Site, tint

register = template.Library()
register.simple_tag(pages_linked, name="site_pages")


@register.simple_tag
def site(field: str) -> str:
    """Return a field of the site's identity: its name, or an accent colour."""
    return getattr(settings.SITE, field)


@register.simple_tag
def site_logo() -> str:
    """Return the address of the site's logo, which changes with the file."""
    if (path := settings.SITE.logo) is None:
        return static("img/favicon.svg")
    return f"{reverse('site-logo')}?v={path.stat().st_mtime_ns:x}"


def accent_style() -> SafeString:
    """Return a style element with the site's own accent colours; nothing where they are those of the product."""
    if all(getattr(settings.SITE, name) == getattr(Site, name) for name in SURFACES):
        return SafeString("")
    rules = {}
    for name, (grounds, _text) in SURFACES.items():
        accent = getattr(settings.SITE, name)
        rules[name] = f":root{{--accent:{accent};--focus:{accent};--surface-accent:{tint(accent, grounds[0])}}}"
    dark = f"@media screen and (prefers-color-scheme:dark){{{rules['accent_dark']}}}"
    return SafeString(f"<style>{rules['accent']}{dark}</style>")
