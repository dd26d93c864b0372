"""A sheet of the workbench as HTML, which the page shows until Dash has drawn the same sheet."""

from typing import Any

from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from monitor.pages.desk import sheets

# Without names of elements, which would stand twice on the page, and without places to focus, which are replaced.
ATTRIBUTES = {"className": "class", "href": "href", "scope": "scope", "role": "role", "aria-label": "aria-label"}


def first_sheet(search: str) -> SafeString:
    """Return the sheet of an address as HTML, with room for its charts and maps; empty unless it is cached.

    search: query string of the page's address. A sheet that has to be computed would delay the page.
    """
    shown = sheets.sheet(search, "light", is_cached=True)
    if not any(_named(one, "chosen") for one in shown):
        return _html(shown, "")
    series = sheets.chosen(None, search, "light", is_cached=True)
    return _html(shown, _html(series, "")) if series else SafeString()


def _named(node: Any, name: str) -> bool:
    """Return whether a component, or one of those in it, has a name."""
    if isinstance(node, list):
        return any(_named(one, name) for one in node)
    return isinstance(node, dict) and (node["props"].get("id") == name or _named(node["props"].get("children"), name))


def _html(node: Any, series: str) -> SafeString:
    """Return components as HTML. series: content of the part with the series of the chosen points."""
    if isinstance(node, list):
        return format_html_join("", "{}", ((_html(one, series),) for one in node))
    if not isinstance(node, dict):
        return conditional_escape("" if node is None else node)
    kind, props = node["type"], node["props"]
    if kind == "Store":
        return SafeString()
    if kind == "Graph":
        return format_html('<div style="height: {}px"></div>', props["figure"]["layout"]["height"])
    if kind == "Checklist":
        return format_html_join("", "<p>{}</p>", ((one["label"],) for one in props["options"]))
    content = series if props.get("id") == "chosen" else _html(props.get("children"), series)
    pairs = ((ATTRIBUTES[name], value) for name, value in props.items() if value and name in ATTRIBUTES)
    opened = mark_safe(" open") if props.get("open") else ""
    tag = mark_safe(kind.lower())  # noqa: S308
    return format_html("<{}{}{}>{}</{}>", tag, format_html_join("", ' {}="{}"', pairs), opened, content, tag)
