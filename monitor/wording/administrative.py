"""Administrative regions in words: their level, and the number of moving places in them."""

from datetime import date

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext, pgettext_lazy

from monitor.wording.dates import day_words
from monitor.wording.figures import whole

LEVELS = {
    0: pgettext_lazy("level of a region", "country"),
    1: pgettext_lazy("level of a region", "province or state"),
    2: pgettext_lazy("level of a region", "district"),
}


def level_label(level: int) -> str:
    """Return the name of a level: 'country', 'province or state', …; 'smaller unit' below districts."""
    return str(LEVELS[level]) if level in LEVELS else pgettext("level of a region", "smaller unit")


def moving_sentence(name: str, n_moving: int, n_unreviewed: int, is_measured: bool) -> str:
    """Return sentences on how many places move and how many are reviewed; if none moves, on what that means."""
    if n_moving:
        moves = ngettext(
            "The ground moves at one place in %(region)s.",
            "The ground moves at %(number)s places in %(region)s.",
            n_moving,
        ) % {"region": name, "number": whole(n_moving)}
        return f"{moves} {_checked(n_moving, n_unreviewed)}"
    if is_measured:
        return _(
            "No place where the ground moves is known in %(region)s. That does not mean that it is still everywhere: "
            "slow motion, small places and ground without measurements are not seen."
        ) % {"region": name}
    return _("No measurements of %(region)s are loaded here, so nothing is known of how its ground moves.") % {
        "region": name
    }


def _checked(n_moving: int, n_unreviewed: int) -> str:
    if not n_unreviewed:
        return ngettext("A specialist has checked it.", "Specialists have checked all of them.", n_moving)
    if n_unreviewed == n_moving:
        return ngettext("No specialist has confirmed it yet.", "No specialist has confirmed any of them yet.", n_moving)
    return ngettext(
        "%(number)s of them is not confirmed yet.", "%(number)s of them are not confirmed yet.", n_unreviewed
    ) % {"number": whole(n_unreviewed)}


def year_sentence(year: int, n_found: int, n_finished: int) -> str:
    """Return the numbers of places found and come to rest: 'In 2026, 3 places were found. 1 came to rest.'."""
    if n_found:
        found = ngettext(
            "In %(year)s, %(number)s place was found.", "In %(year)s, %(number)s places were found.", n_found
        )
    else:
        found = _("In %(year)s, no place was found.")
    rested = (
        ngettext("%(number)s came to rest.", "%(number)s came to rest.", n_finished)
        if n_finished
        else _("None came to rest.")
    )
    sentences = found % {"year": str(year), "number": whole(n_found)}, rested % {"number": whole(n_finished)}
    return " ".join(sentences)


def measured_sentence(n_products: int, last_measured: date | None, last_image: date | None) -> str:
    """Return sentences on the last measurement of a region, its velocity fields and its last image; empty if none."""
    parts = []
    if last_measured:
        sentence = ngettext(
            "The last measurement here is of %(day)s, in %(number)s velocity field.",
            "The last measurement here is of %(day)s, in %(number)s velocity fields.",
            n_products,
        )
        parts.append(sentence % {"day": day_words(last_measured), "number": whole(n_products)})
    if last_image:
        parts.append(_("The last radar image is of %(day)s.") % {"day": day_words(last_image)})
    return " ".join(parts)


def contact_sentence(region: str, office: str) -> str:
    """Return who is responsible in a region. office: its name, telephone number and page in one line."""
    # Translators: %(office)s is "Geological Survey of Westshore, +43 1 234, https://example.org/"
    return _("Responsible in %(region)s: %(office)s") % {"region": region, "office": office}
