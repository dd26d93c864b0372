"""Template tags: addresses that depend on a language, and clock times."""

from datetime import UTC, datetime
from typing import Any

from django import template
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import translation
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from monitor.web.languages.views import words_version

register = template.Library()


@register.simple_tag
def words_address() -> str:
    """Of the words of the scripts; empty in English, which they speak by themselves."""
    language = translation.get_language() or settings.LANGUAGE_CODE
    return "" if language == settings.LANGUAGE_CODE else reverse("words", args=[language, words_version(language)])


@register.simple_tag
def languages_spoken() -> list[tuple[str, str]]:
    """Codes, and names as each language writes its own, whatever language is active."""
    return settings.LANGUAGES


@register.simple_tag(takes_context=True)
def in_language(context: dict[str, Any], language: str = "") -> str:
    """Path and query of this page in a language; without one, in the reader's own."""
    request: HttpRequest = context["request"]
    query = request.GET.copy()
    query.pop("language", None)
    if language:
        query["language"] = language
    return f"{request.path}?{query.urlencode()}" if query else request.path


@register.simple_tag
def clock(at: datetime, short: bool = False) -> SafeString:
    """A day and the time of day in UTC, which `times.js` turns into the reader's own."""
    shown = date_format(at.astimezone(UTC), "SHORT_DATETIME_FORMAT" if short else "DATETIME_FORMAT")
    return format_html('<time class="clock" datetime="{}">{} UTC</time>', at.isoformat(), shown)
