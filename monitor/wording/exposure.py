"""Exposure in words: buildings, roads, railways and people in an alert's area. Pure. Unknown figures are None."""

from collections.abc import Callable
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from detection.rules.importance import MODERATE_TILT_MM_M_YR
from monitor.wording.figures import length_words, likely_words, whole

MIN_KM = 0.01
HOUSE_M = 10.0
ALLOWED_MM_M = 2.0  # 1 in 500, of walls: Skempton and MacDonald 1956, doi:10.1680/ipeds.1956.12202
NOTHING: dict[tuple[bool, bool, bool], Any] = {  # by which of them are known: buildings, railways, main roads
    (True, True, True): gettext_lazy("No building, railway or main road is known on this ground."),
    (True, True, False): gettext_lazy("No building or railway is known on this ground."),
    (True, False, True): gettext_lazy("No building or main road is known on this ground."),
    (False, True, True): gettext_lazy("No railway or main road is known on this ground."),
    (True, False, False): gettext_lazy("No building is known on this ground."),
    (False, True, False): gettext_lazy("No railway is known on this ground."),
    (False, False, True): gettext_lazy("No main road is known on this ground."),
}


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
    lines = {
        name: length_words(km)
        for name, km in (("railway", railway_km), ("road", main_road_km))
        if km is not None and km >= MIN_KM
    }
    sentences = []
    if buildings:
        standing = ngettext(
            "One building stands on this ground.", "%(count)s buildings stand on this ground.", buildings
        )
        sentences.append(standing % {"count": count_words(buildings)})
    if lines:
        sentences.append(_crossing(lines))
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


def _crossing(lines: dict[str, str]) -> str:
    # Translators: %(railway)s and %(road)s are lengths, such as "1.2 km" or "350 metres"
    both = _("%(railway)s of railway and %(road)s of main road cross this ground.")
    only = {
        "railway": _("%(railway)s of railway crosses this ground."),
        "road": _("%(road)s of main road crosses this ground."),
    }
    return (both if len(lines) > 1 else only[next(iter(lines))]) % lines


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
