"""Template tags: words of the field with their meaning on hover."""

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from monitor.wording.glossary import BY_NAME

register = template.Library()


@register.simple_tag
def term(name: str, shown: str = "") -> SafeString:
    """A link to a word of the glossary, which says what it means on hover. KeyError: the glossary lacks it."""
    known = BY_NAME[name.lower()]
    address = f"{reverse('reading')}#{known.slug}"
    return format_html('<a class="term" href="{}" title="{}">{}</a>', address, known.meaning, shown or name)
