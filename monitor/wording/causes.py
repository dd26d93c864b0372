"""Evidence for a cause, in words. Pure: facts of `ml.deformation.places.context` in, sentences out."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from detection.kinds import KIND_OF_CLASS, KINDS
from monitor.wording.figures import length_words, whole

ROUND, LONG = 1.5, 3.0
FLAT_DEG = 2.0
INSIDE_M = 1.0
OTHER_WORDS = gettext_lazy("another cause")
JUDGED = gettext_lazy(
    "How much its surroundings count is judged, except the slope, which was counted on simulated ground."
)
# Of a known mine, by how it is listed: inside it, and so far from it.
# Translators: %(distance)s is "300 metres"
MINES = {
    "": (gettext_lazy("It lies inside a known mine."), gettext_lazy("It lies %(distance)s from a known mine.")),
    "active": (
        gettext_lazy("It lies inside a known mine that is listed as active."),
        gettext_lazy("It lies %(distance)s from a known mine that is listed as active."),
    ),
    "closed": (
        gettext_lazy("It lies inside a known mine that is listed as closed."),
        gettext_lazy("It lies %(distance)s from a known mine that is listed as closed."),
    ),
}


def because_sentences(
    across_m: float, elongation: float, terms: Sequence[Mapping[str, Any]], named: Collection[str]
) -> list[str]:
    """Return the shape ('It is round, about 600 metres across.'), then each fact with causes it supports or not.

    named: classes of the network that are named as likely. A fact against one of them has lowered its share already;
    the sentence says so, because the cause stays likely in spite of it.
    """
    # Translators, here and below: %(size)s is "600 metres"
    if elongation < ROUND:
        shape = _("It is round, about %(size)s across.")
    elif elongation < LONG:
        shape = _("It is longer than wide, about %(size)s across.")
    else:
        shape = _("It is long and thin, about %(size)s across.")
    return [shape % {"size": length_words(across_m / 1000)}, *(_sentence(**term, named=named) for term in terms)]


def _sentence(fact: str, value: float, factors: Mapping[str, float], detail: str, named: Collection[str]) -> str:
    strongest = sorted(factors, key=lambda name: (-factors[name], name))
    speaks_for = ", ".join(_words(name) for name in strongest if factors[name] > 1)
    less = [name for name in strongest if factors[name] < 1]
    against = ", ".join(_words(name) for name in less if name not in named)
    in_spite = ", ".join(_words(name) for name in less if name in named)
    # Translators, here and below: %(causes)s is a list, such as "mining, fill or a quarry"
    return " ".join(
        [
            _fact(fact, value, detail),
            *([_("Evidence for: %(causes)s.") % {"causes": speaks_for}] if speaks_for else []),
            *([_("Evidence against: %(causes)s.") % {"causes": against}] if against else []),
            *([_("Likely in spite of it: %(causes)s.") % {"causes": in_spite}] if in_spite else []),
        ]
    )


def _fact(fact: str, value: float, detail: str) -> str:
    away = {"distance": length_words(value / 1000)}
    match fact:
        case "mine":
            inside, near = MINES.get(detail, MINES[""])
            return str(inside) if value < INSIDE_M else str(near % away)
        case "no mine":
            return _("The nearest known mine is %(distance)s away.") % away
        case "landslide" if value < INSIDE_M:
            return _("A landslide was reported here.")
        case "landslide":
            return _("A landslide was reported %(distance)s away.") % away
        case "slope" if value < FLAT_DEG:
            return _("It lies on nearly flat ground.")
        case "slope":
            return _("It lies on a slope of about %(degrees)s°.") % {"degrees": whole(value)}
        case "ice":
            return _("It lies on a glacier.")
        case "line":
            return _("It follows a mapped road or railway.")
        case "tunnel":
            return _("It follows a mapped tunnel.")
    raise KeyError(fact)


def _words(name: str) -> str:
    return str(KINDS[KIND_OF_CLASS[name]].class_words if name in KIND_OF_CLASS else OTHER_WORDS)
