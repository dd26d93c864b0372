"""Template tags, known to every template: the site's identity, languages, clock times, words, style sheets."""

from datetime import UTC, datetime
from typing import Any

from django import template
from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils import translation
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import pgettext

from monitor.storages import sheet_path
from monitor.web.identity.pages import pages_linked
from monitor.web.identity.site_file import SURFACES, Site, tint
from monitor.web.languages import words_version
from monitor.wording.glossary import BY_NAME

register = template.Library()
register.simple_tag(pages_linked, name="site_pages")


@register.simple_tag
def words_address() -> str:
    """Return the address of the scripts' translations; empty in English, which the scripts contain."""
    language = translation.get_language() or settings.LANGUAGE_CODE
    return "" if language == "en" else reverse("words", args=[language, words_version(language)])


@register.simple_tag
def languages_spoken() -> list[tuple[str, str]]:
    """Return the codes of the languages, each with its own name for itself."""
    return settings.LANGUAGES


@register.simple_tag(takes_context=True)
def in_language(context: dict[str, Any], language: str = "") -> str:
    """Return path and query of this page in a language; if none is given, without one, so that the reader's applies."""
    request: HttpRequest = context["request"]
    query = request.GET.copy()
    query.pop("language", None)
    if language:
        query["language"] = language
    return f"{request.path}?{query.urlencode()}" if query else request.path


@register.simple_tag
def clock(at: datetime, short: bool = False) -> SafeString:
    """Return a day and the time of day in UTC, which `times.js` converts to the reader's time zone."""
    shown = date_format(at.astimezone(UTC), "SHORT_DATETIME_FORMAT" if short else "DATETIME_FORMAT")
    return format_html('<time class="clock" datetime="{}">{} UTC</time>', at.isoformat(), shown)


@register.simple_tag
def term(name: str) -> SafeString:
    """Return the attributes of a link to a glossary entry, shown on hover. name: its English name. Raises KeyError."""
    known = BY_NAME[name.lower()]
    address = f"{reverse('reading')}#{known.slug}"
    return format_html('class="term" href="{}" title="{}"', address, known.meaning)


@register.simple_tag
def styles(*names: str) -> SafeString:
    """Return the link to one style sheet of these components; after the variables, the site's own accent."""
    accent = accent_style() if "variables" in names else ""
    return format_html('<link rel="stylesheet" href="{}">{}', static(sheet_path(names)), accent)


@register.filter
def strong(text: object) -> SafeString:
    """Make a text bold: HTML mails then share the translated sentence of plain-text mails."""
    return format_html("<strong>{}</strong>", text)


@register.filter
def marked_by(fault: object, name: str) -> SafeString:
    """Return the attributes of a field that a fault, shown under the id `name`, is about; none without a fault."""
    return format_html('aria-invalid="true" aria-describedby="{}"', name) if fault else SafeString("")


@register.filter
def saying(label: object, text: object) -> str:
    """Join a label and a text: 'Landslide: 3 km south of Aldwick', spaced as the language wants."""
    return pgettext("what something is, and more of it", "%(label)s: %(text)s") % {"label": label, "text": text}


@register.simple_tag
def site(field: str) -> object:
    """Return a field of the site's identity, such as its name or an accent colour."""
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
