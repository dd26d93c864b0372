"""Buildings in words: how one moves, tilts and may be damaged, and how many of an area. Pure."""

from collections.abc import Mapping
from datetime import date

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from monitor.wording.components import direction
from monitor.wording.figures import decimal, figure, listed, mm_a_year, whole

DAMAGE_WORDS = {  # by class: Rankin 1988
    1: gettext_lazy("negligible"),
    2: gettext_lazy("slight"),
    3: gettext_lazy("moderate"),
    4: gettext_lazy("high"),
}
CANNOT_SAY = gettext_lazy("A building stands here, but too few measurement points are on it to say how it moves.")
METHOD = gettext_lazy(
    "Points are located to about ten metres. Which of them are on the building is a probability, and the intervals "
    "hold it."
)


def building_sentences(
    component: str,
    rate_mm_yr: tuple[float, float, float],
    deviation_mm_yr: tuple[float, float, float],
    tilt_mm_m_yr: tuple[float, float, float] | None,
    damage: tuple[int, int, int],
    since: date,
) -> list[str]:
    """Return sentences on one building. Each figure: most probable, and the ends of its 90 % interval.

    deviation_mm_yr: against the ground around; tilt_mm_m_yr: None: points cannot tell; damage: class 1 to 4.
    """
    rate, low, high = rate_mm_yr
    figures = {"low": figure(low), "high": figure(high)}
    if low <= 0 <= high:
        # Translators: %(low)s and %(high)s are rates with their signs, such as "−1.2" and "0.8"
        first = _(
            "The building here moves too little to be sure of: %(low)s to %(high)s mm a year, in 90 of 100 cases."
        )
        first %= {"low": _signed(low), "high": _signed(high)}
    else:
        ends = sorted((abs(low), abs(high)))
        # Translators: %(rate)s is "6.1 mm a year", %(way)s is "sinking" or "away from the satellite"
        first = _("The building here moves by %(rate)s (%(way)s), in 90 of 100 cases by %(low)s to %(high)s.")
        figures = {"low": figure(ends[0]), "high": figure(ends[1])}
        first %= {"rate": mm_a_year(figure(rate)), "way": direction(component, rate), **figures}
    own, own_low, own_high = deviation_mm_yr
    if own_low <= 0 <= own_high:
        second = _("It moves as the ground around it does, as far as the points can tell.")
    else:
        second = _("Against the ground around it, that is %(rate)s (%(way)s).")
        second %= {"rate": mm_a_year(figure(own)), "way": direction(component, own)}
    if tilt_mm_m_yr is None:
        third = _("Too few points are on it to tell a tilt.")
    else:
        third = _("It tilts by %(low)s to %(high)s mm per metre a year, in 90 of 100 cases.")
        third %= {"low": decimal(tilt_mm_m_yr[1], 2), "high": decimal(tilt_mm_m_yr[2], 2)}
    likely, least, most = damage
    # Translators: %(damage)s is "slight", or "negligible to moderate"
    last = _("By published limits of settlement and tilt, damage since %(year)s would be %(damage)s.")
    return [first, second, third, last % {"year": since.year, "damage": _range_words(likely, least, most)}]


def town_sentences(n_buildings: int, of_class: Mapping[int, int]) -> list[str]:
    """Return sentences on the buildings of an area. of_class: number of them by class of damage, as far as known."""
    n_known = sum(of_class.values())
    told = ngettext(
        "There are enough measurement points on one of %(all)s buildings to say how it moves.",
        "There are enough measurement points on %(n)s of %(all)s buildings to say how they move.",
        n_known,
    ) % {"n": whole(n_known), "all": whole(n_buildings)}
    # Translators: %(n)s is a number of buildings, %(damage)s is "slight"
    parts = [
        _("%(damage)s at %(n)s") % {"damage": DAMAGE_WORDS[level], "n": whole(of_class[level])}
        for level in sorted(of_class, reverse=True)
        if of_class[level]
    ]
    if not parts:
        return [told]
    # Translators: %(parts)s is "slight at 3 and negligible at 120"
    return [
        told,
        _("By published limits of settlement and tilt, damage would be %(parts)s.") % {"parts": listed(parts)},
    ]


def _range_words(likely: int, least: int, most: int) -> str:
    if least == most:
        return str(DAMAGE_WORDS[likely])
    # Translators: two classes of damage, such as "negligible to moderate"
    return _("%(least)s to %(most)s") % {"least": DAMAGE_WORDS[least], "most": DAMAGE_WORDS[most]}


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else '+'}{figure(value)}"
