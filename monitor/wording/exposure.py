"""Exposure in words: buildings and how they move, roads, railways and people in an area. Pure. None: unknown."""

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from detection.rules.importance import MODERATE_TILT_MM_M_YR
from detection.rules.motion import Figure
from ground_motion.core.errors import promised
from monitor.wording.components import direction
from monitor.wording.figures import decimal, figure, length_words, likely_words, listed, mm_a_year, signed, whole

MIN_KM = 0.01
HOUSE_M = 10.0
ALLOWED_MM_M = 2.0  # 1 in 500, of walls: Skempton and MacDonald 1956, doi:10.1680/ipeds.1956.12202
NOTHING: dict[tuple[bool, bool, bool], Any] = {  # A key says which are known: buildings, railways, main roads.
    (True, True, True): gettext_lazy("No building, railway or main road is known on this ground."),
    (True, True, False): gettext_lazy("No building or railway is known on this ground."),
    (True, False, True): gettext_lazy("No building or main road is known on this ground."),
    (False, True, True): gettext_lazy("No railway or main road is known on this ground."),
    (True, False, False): gettext_lazy("No building is known on this ground."),
    (False, True, False): gettext_lazy("No railway is known on this ground."),
    (False, False, True): gettext_lazy("No main road is known on this ground."),
}
DAMAGE_WORDS = {  # Classes are those of Rankin 1988.
    1: gettext_lazy("negligible"),
    2: gettext_lazy("slight"),
    3: gettext_lazy("moderate or worse"),
}
CANNOT_SAY = gettext_lazy("A building stands here, but too few measurement points are on it to say how it moves.")
METHOD = gettext_lazy(
    "Points are located to about ten metres, so it is not certain which are on the building; the ranges allow for "
    "that. Ranges and classes of damage were checked on simulated towns, not on real buildings."
)


def count_words(number: float) -> str:
    """Return a count: '3', 'about 40', 'about 1,300'; it is rounded to two digits from ten on."""
    n = round(number)
    if n < 10:
        return whole(n)
    # Translators: a number that is not exact, such as "about 1,300"
    return _("about %(number)s") % {"number": whole(round(n, 2 - len(str(n))))}


def exposure_sentence(
    buildings: int | None, main_road_km: float | None, railway_km: float | None, people: float | None
) -> str:
    """Return 'About 40 buildings stand on this ground. 1.2 km of railway crosses it.'; empty if nothing is known."""
    lengths = {"railway": railway_km, "road": main_road_km}
    lines = {name: length_words(km) for name, km in lengths.items() if km is not None and km >= MIN_KM}
    sentences = []
    if buildings:
        standing = ngettext(
            "One building stands on this ground.", "%(count)s buildings stand on this ground.", buildings
        )
        sentences.append(standing % {"count": count_words(buildings)})
    if lines:
        # Translators: %(railway)s and %(road)s are lengths, such as "1.2 km" or "350 metres"
        both = _("%(railway)s of railway and %(road)s of main road cross this ground.")
        only = {
            "railway": _("%(railway)s of railway crosses this ground."),
            "road": _("%(road)s of main road crosses this ground."),
        }
        sentences.append((both if len(lines) > 1 else only[next(iter(lines))]) % lines)
    if people is not None and round(people) >= 1:
        # Translators: %(count)s is "3" or "about 1,300"
        living = ngettext("One person lives here.", "%(count)s people live here.", round(people))
        sentences.append(living % {"count": count_words(people)})
    if sentences:
        return " ".join(map(capfirst, sentences))
    known = (buildings is not None, railway_km is not None, main_road_km is not None)
    if any(known):
        return str(NOTHING[known])
    return "" if people is None else _("Nobody is known to live here.")


def building_tilt_sentence(
    tilt_mm_m_yr: tuple[float, float, float] | None, buildings: int | None, people: float | None
) -> str:
    """Describe the tilt of a house if it surely reaches the allowed tilt in ten years; else, and on open ground, ''."""
    # tilt_mm_m_yr: the steepest, with the ends of its 90 % interval.
    if tilt_mm_m_yr is None or tilt_mm_m_yr[1] < MODERATE_TILT_MM_M_YR:
        return ""
    known = [number for number in (buildings, people) if number is not None]
    if known and max(known) < 0.5:
        return ""
    # Translators, here and below: %(rate)s is "6 mm a year (probably 4 to 9)"
    built = _("Where it tilts most, one end of a house ten metres long moves by about %(rate)s more than the other.")
    not_known = _(
        "Where it tilts most, one end of a house ten metres long would move by about %(rate)s more than the other."
    )
    allowed = _("A rule of thumb allows walls %(mm)s mm in all (1 in 500).") % {"mm": whole(HOUSE_M * ALLOWED_MM_M)}
    value, low, high = (HOUSE_M * one for one in tilt_mm_m_yr)
    moves = (built if known else not_known) % {"rate": likely_words(value, low, high, "mm a year")}
    unsure = [] if known else [_("Whether houses stand there is not known here.")]
    return " ".join([moves, allowed, *unsure])


def exposure_rows(
    buildings: int | None,
    main_road_km: float | None,
    other_road_km: float | None,
    railway_km: float | None,
    people: float | None,
) -> list[tuple[str, str]]:
    """Return (name, figure in words) for every kind of exposure: 'none' for almost 0, 'not known here' for None."""
    lengths = ((_("Railways"), railway_km), (_("Main roads"), main_road_km), (_("Other roads"), other_road_km))
    return [
        (_("Buildings"), _figure(buildings, count_words, 0.5)),
        *((name, _figure(km, length_words, MIN_KM)) for name, km in lengths),
        (_("People"), _figure(people, count_words, 0.5)),
    ]


def _figure(value: float | None, words: Callable[[float], str], least: float) -> str:
    if value is None:
        return _("not known here")
    return words(value) if value >= least else _("none")


def building_sentences(
    rate: Figure, deviation: Figure | None, tilt_mm_m_yr: tuple[float | None, float | None], damage: int
) -> list[str]:
    """Return sentences on one building.

    Args:
        rate: of the building.
        deviation: its rate against the ground around, if it moves by itself.
        tilt_mm_m_yr: Ends of the 90 % interval; only the upper one where noise exceeds the tilt, none: too few points.
        damage: Class 1 to 3; 0: the points cannot tell.
    """
    low, high = sorted(promised(rate.ends))
    if not rate.is_motion:
        # Translators: %(low)s and %(high)s are rates with their signs, such as "−1.2" and "0.8"
        first = _("Whether the building here moves is not clear: %(low)s to %(high)s mm a year, in 90 of 100 cases.")
        first %= {"low": signed(low), "high": signed(high)}
    else:
        # Translators: %(rate)s is "6.1 mm a year", %(way)s is "sinking" or "away from the satellite"
        first = _("The building here moves by %(rate)s (%(way)s), in 90 of 100 cases by %(low)s to %(high)s.")
        figures = {name: figure(one) for name, one in zip(("low", "high"), promised(rate.likely), strict=True)}
        first %= {"rate": mm_a_year(figure(rate.value)), "way": direction(rate.along, rate.value), **figures}
    if deviation is None:
        second = _("It moves as the ground around it does, as far as the points can tell.")
    else:
        second = _(
            "Compared with the ground around it: %(rate)s (%(way)s). "
            "Of 100 measured buildings at rest, two also seem to move."
        )
        second %= {"rate": mm_a_year(figure(deviation.value)), "way": direction(deviation.along, deviation.value)}
    least, most = tilt_mm_m_yr
    if most is None:
        third = _("Too few points are on it to tell a tilt.")
    elif least is None:
        third = _("Its tilt is too small to measure here: at most %(high)s mm per metre a year, in 90 of 100 cases.")
        third %= {"high": decimal(most, 2)}
    else:
        third = _("It tilts by %(low)s to %(high)s mm per metre a year, in 90 of 100 cases.")
        third %= {"low": decimal(least, 2), "high": decimal(most, 2)}
    # Translators: %(damage)s is "slight" or "moderate or worse"
    last = _("By published limits of settlement and tilt, damage since %(year)s would be %(damage)s.")
    if not damage:
        last = _(
            "Whether settlement and tilt since %(year)s exceed published limits of damage, the points cannot tell."
        )
    last %= {"year": rate.since.year, "damage": DAMAGE_WORDS.get(damage)}
    return [first, second, third, last]


def town_sentences(n_buildings: int, of_class: Mapping[int, int]) -> list[str]:
    """Return sentences on the buildings of an area. of_class: number of them by class of damage, as far as known."""
    n_known = sum(of_class.values())
    counted = ngettext(
        "There are enough measurement points on one of %(all)s buildings to say how it moves.",
        "There are enough measurement points on %(n)s of %(all)s buildings to say how they move.",
        n_known,
    ) % {"n": whole(n_known), "all": whole(n_buildings)}
    # Translators: %(n)s is a number of buildings, %(damage)s is "slight"
    parts = [
        _("%(damage)s at %(n)s") % {"damage": DAMAGE_WORDS[level], "n": whole(of_class[level])}
        for level in sorted(of_class, reverse=True)
        if level and of_class[level]
    ]
    # Translators: %(parts)s is "slight at 3 and negligible at 120"
    damage = _("By published limits of settlement and tilt, damage would be %(parts)s.")
    # Translators: %(n)s is a number of buildings
    untold = _("At %(n)s, the points cannot tell.") % {"n": whole(of_class.get(0, 0))}
    return [counted, *([damage % {"parts": listed(parts)}] if parts else []), *([untold] if of_class.get(0) else [])]
