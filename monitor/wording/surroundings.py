"""Surroundings of a place in words, and what they say for or against a cause. Pure: names, figures and facts in."""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from detection.kinds import KIND_OF_CLASS, KINDS
from monitor.wording.dates import day_words
from monitor.wording.figures import length_words, listed_few, whole
from monitor.wording.places import toward

FLAT_DEG = 2.0
MAX_LISTED = 5
_NAMED_AND_KNOWN_TO = {
    "observed": gettext_lazy("%(glacier)s, which is known to surge"),
    "probable": gettext_lazy("%(glacier)s, which probably surges"),
    "possible": gettext_lazy("%(glacier)s, which may surge"),
    "none": gettext_lazy("%(glacier)s, which is not known to surge"),
}
KIND_WORDS = {
    "regions": gettext_lazy("administrative regions"),
    "places": gettext_lazy("names of places"),
    "glaciers": gettext_lazy("outlines of glaciers"),
    "mines": gettext_lazy("outlines of mines"),
    "landslides": gettext_lazy("reported landslides"),
    "elevation": gettext_lazy("elevation"),
    "buildings": gettext_lazy("buildings"),
    "roads": gettext_lazy("roads"),
    "railways": gettext_lazy("railways"),
    "population": gettext_lazy("people per cell"),
    "rivers": gettext_lazy("rivers and streams"),
    "lakes": gettext_lazy("lakes"),
}
# Each is an eighth of a turn, clockwise from north, as one place sees another.
_AWAY = (
    gettext_lazy("%(distance)s km north of %(place)s"),
    gettext_lazy("%(distance)s km north-east of %(place)s"),
    gettext_lazy("%(distance)s km east of %(place)s"),
    gettext_lazy("%(distance)s km south-east of %(place)s"),
    gettext_lazy("%(distance)s km south of %(place)s"),
    gettext_lazy("%(distance)s km south-west of %(place)s"),
    gettext_lazy("%(distance)s km west of %(place)s"),
    gettext_lazy("%(distance)s km north-west of %(place)s"),
)
ROUND, LONG = 1.5, 3.0
INSIDE_M = 1.0
OTHER_WORDS = gettext_lazy("another cause")
JUDGED = gettext_lazy(
    "How much its surroundings count is judged, except the slope, which was counted on simulated ground."
)
# How a mine is listed: sentences for a place inside it, and for one at a distance.
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


def near_words(name: str, distance_m: float, bearing_deg: float, reach_m: float = 1000.0) -> str:
    """Return '3 km south of Aldwick', or the name alone within its reach. bearing_deg: from the place, from north."""
    if distance_m <= reach_m:
        return name
    words = str(_AWAY[round(bearing_deg / 45.0) % 8]) % {"distance": whole(distance_m / 1000), "place": name}
    if get_language() == "fr" and unicodedata.normalize("NFD", name)[:1].lower() in "aeiouœ":
        return words.replace(f"de {name}", f"d’{name}")
    return words


def where_sentence(near: str, region: str, country: str) -> str:
    """Return '3 km south of Aldwick, in Westshore, Atlantis.'; empty if none of the three is known."""
    inside = ", ".join(dict.fromkeys(part for part in (region, country) if part))
    if near and inside:
        # Translators: "3 km south of Aldwick, in Westshore, Atlantis."
        return _("%(near)s, in %(region)s.") % {"near": capfirst(near), "region": inside}
    if near:
        return f"{capfirst(near)}."
    return _("In %(region)s.") % {"region": inside} if inside else ""


def mine_sentence(names: Sequence[str]) -> str:
    """Return a sentence on the mines that an area touches. names: '' for a mine without a name."""
    if not names:
        return ""
    known, n = [name for name in names if name], len(names)
    nameless = ngettext(
        "It touches the known outline of a mine.", "It touches the known outline of %(number)s mines.", n
    )
    named = ngettext(
        "It touches the known outline of a mine: %(names)s.",
        "It touches the known outline of %(number)s mines: %(names)s.",
        n,
    )
    return (named if known else nameless) % {"number": whole(n), "names": listed_few(known, MAX_LISTED)}


def glacier_sentence(glaciers: Sequence[tuple[str, str]]) -> str:
    """Return a sentence on the glaciers that an area touches. glaciers: name ('' without one) and surge flag."""
    if not glaciers:
        return ""
    parts = [
        str(_NAMED_AND_KNOWN_TO.get(surge, "%(glacier)s")) % {"glacier": name or _("a glacier without a name")}
        for name, surge in glaciers[:3]
    ]
    more = len(glaciers) - len(parts)
    sentence = (
        ngettext("On a glacier: %(glaciers)s, and one more.", "On a glacier: %(glaciers)s, and %(number)s more.", more)
        if more
        else _("On a glacier: %(glaciers)s.")
    )
    return sentence % {"glaciers": "; ".join(parts), "number": whole(more)}


def landslide_sentence(count: int, last: date | None, accuracy_m: float | None, more: bool = False) -> str:
    """Return the landslides reported within 5 km. last, accuracy_m: of the latest; more: there are over `count`."""
    if not count:
        return ""
    several = more and count > 1
    reported = (
        _("At least %(number)s landslides were reported within 5 km.")
        if several
        else ngettext(
            "One landslide was reported within 5 km.", "%(number)s landslides were reported within 5 km.", count
        )
    )
    sentences = [reported % {"number": whole(count)}]
    if last:
        sentence = ngettext("It happened on %(day)s.", "The last one happened on %(day)s.", count)
        sentences.append(sentence % {"day": day_words(last)})
    if accuracy_m is None:
        sentences.append(_("The exact place is not known."))
    elif accuracy_m < 1000:
        sentences.append(_("The exact place is known."))
    else:
        known = _("The place is known to about %(distance)s km.")
        sentences.append(known % {"distance": whole(accuracy_m / 1000)})
    return " ".join(sentences)


def ground_sentence(elevation_m: float, slope_deg: float, aspect_deg: float | None) -> str:
    """Return a sentence on height and slope. aspect_deg: downhill bearing, clockwise from north; None if it varies."""
    if elevation_m < 0:
        height = _("The ground lies about %(height)s m below sea level.") % {"height": whole(-elevation_m)}
    else:
        rounded = round(elevation_m, -1) if elevation_m >= 100 else elevation_m
        height = _("The ground lies about %(height)s m above sea level.") % {"height": whole(rounded)}
    if slope_deg != slope_deg:
        return height
    slope = {"slope": whole(slope_deg)}
    if slope_deg < FLAT_DEG:
        falls = _("It is nearly flat.")
    elif aspect_deg is None:
        falls = _("It slopes by about %(slope)s°.") % slope
    else:
        # Translators: %(direction)s is "to the south"
        falls = _("It slopes by about %(slope)s°, mostly %(direction)s.") % (slope | {"direction": toward(aspect_deg)})
    return f"{height} {falls}"


def missing_sentence(kinds: Sequence[str]) -> str:
    """Return a sentence that names the kinds of layers not loaded, for those who run the service."""
    if not kinds:
        return ""
    # Translators: a list of kinds of data; the command stays as it is
    sentence = _("Not loaded: %(kinds)s (manage.py loadcontext).")
    return sentence % {"kinds": listed_few([str(KIND_WORDS[kind]) for kind in kinds], MAX_LISTED)}


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
    less = [name for name in strongest if factors[name] < 1]
    # Translators, here and below: %(causes)s is a list, such as "mining, fill or a quarry"
    sides = (
        (_("Evidence for: %(causes)s."), [name for name in strongest if factors[name] > 1]),
        (_("Evidence against: %(causes)s."), [name for name in less if name not in named]),
        (_("Likely in spite of it: %(causes)s."), [name for name in less if name in named]),
    )
    said = (words % {"causes": ", ".join(map(_words, names))} for words, names in sides if names)
    return " ".join([_fact(fact, value, detail), *said])


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
