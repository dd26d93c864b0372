"""Template tags and filters: what a word of the field means on hover, words to stress, and style sheets."""

from django import template
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import pgettext

from monitor.wording.glossary import BY_NAME

register = template.Library()


@register.simple_tag
def term(name: str) -> SafeString:
    """Return the attributes of a link to a word of the glossary, whose meaning shows on hover.

    name: the English one. KeyError: the glossary lacks it.
    """
    known = BY_NAME[name.lower()]
    address = f"{reverse('reading')}#{known.slug}"
    return format_html('class="term" href="{}" title="{}"', address, known.meaning)


@register.simple_tag
def styles(*names: str) -> SafeString:
    """Link style sheets of static/css, by their names."""
    links = ((static(f"css/{name}.css"),) for name in names)
    return format_html_join("\n  ", '<link rel="stylesheet" href="{}">', links)


@register.filter
def strong(text: object) -> SafeString:
    """Stress a text, so that a mail's HTML shares its sentence with its plain text."""
    return format_html("<strong>{}</strong>", text)


@register.filter
def saying(label: object, text: object) -> str:
    """Join a label and a text: 'Landslide: 3 km south of Aldwick', spaced as the language wants."""
    return pgettext("what something is, and more of it", "%(label)s: %(text)s") % {"label": label, "text": text}
