"""Lines in words: name stations (km 12.4) and breaks with their figures, and say what points cannot show."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from detection.rules.motion import SHOWN_SIGMAS, Figure
from ground_motion.methods.deformation.motion.series import STILL_MM_YR
from monitor.wording.components import direction
from monitor.wording.figures import decimal, listed_few, percent, rate_and_margin, signed, whole

MAX_NAMED = 10  # A longer list is not read in a message.
FINE_M = 200.0  # Shorter places are named to ten metres.


class BreakWords(NamedTuple):
    """Break of a line in words, compared with the owner's limit.

    place: 'km 12.4–12.7'. rate: '+8 ± 3', mm a year; width: '20', m; ratio: '0.5 ± 0.2', mm a year per metre.
    is_beyond: its 90 % interval is; may_be_beyond: its value is.
    """

    place: str
    rate: str
    width: str
    ratio: str
    is_beyond: bool
    may_be_beyond: bool


def station_words(station_m: float) -> str:
    """Return a station: 'km 12.4'."""
    # Translators: a place along a railway, dike, pipe or road: "km 12.4", "km 12.4–12.7"
    return _("km %(station)s") % {"station": _kilometres(station_m, 1)}


def stretch_words(from_m: float, to_m: float) -> str:
    """Return a stretch of a line: 'km 12.4–12.7', 'km 12.43–12.51' if it is short."""
    digits = 2 if to_m - from_m < FINE_M else 1
    first, last = _kilometres(from_m, digits), _kilometres(to_m, digits)
    return _("km %(station)s") % {"station": f"{first} – {last}" if "−" in first + last else f"{first}–{last}"}


def break_words(line: Any, row: Any) -> BreakWords:
    """Return a break in words. line, row: with the columns of Line and LineBreak."""
    margin = SHOWN_SIGMAS * row.sigma_mm_yr
    return BreakWords(
        stretch_words(row.from_m + line.first_station_m, row.to_m + line.first_station_m),
        f"{signed(row.height_mm_yr)} ± {decimal(margin, 0 if abs(row.height_mm_yr) >= 10 else 1)}",
        whole(row.width_m),
        f"{decimal(row.mm_m_yr, 2)} ± {decimal(SHOWN_SIGMAS * row.mm_m_yr_sigma, 2)}",
        row.is_beyond,
        row.mm_m_yr > line.limit_mm_m_yr,
    )


def verdict_sentence(n_beyond: int, found: Sequence[BreakWords]) -> str:
    """Return whether a step is beyond the owner's limit. found: steps listed; n_beyond: places in all data sets."""
    n_possible = sum(one.may_be_beyond for one in found)
    if n_beyond:
        sentence = ngettext(
            "Motion changes abruptly, beyond your limit, at %(n)s place.",
            "Motion changes abruptly, beyond your limit, at %(n)s places.",
            n_beyond,
        )
        return sentence % {"n": whole(n_beyond)}
    if n_possible:
        sentence = ngettext(
            "No step is surely beyond your limit; %(n)s may be.",
            "No step is surely beyond your limit; %(n)s may be.",
            n_possible,
        )
        return sentence % {"n": whole(n_possible)}
    return _("Where points lie, no step beyond your limit was found.")


def notice_sentence(line: Any, rows: Iterable[Any]) -> str:
    """Return a sentence on new breaks: 'New step in the motion at km 12.4–12.7.'. rows: as for `break_words`."""
    found = [break_words(line, row) for row in rows]
    places = listed_few(list(dict.fromkeys(one.place for one in found)), MAX_NAMED)
    sentence = ngettext("New step in the motion at %(places)s.", "New steps in the motion, at %(places)s.", len(found))
    return sentence % {"places": places}


def fastest_words(stations_m: Sequence[float], rates: Sequence[Figure | None]) -> str:
    """Return a sentence on the station that moves fastest. rates: by station, None where unknown."""
    known = [(station, rate) for station, rate in zip(stations_m, rates, strict=True) if rate is not None]
    if not known:
        return _("The points here cannot say how this line moves.")
    moving = [(station, rate) for station, rate in known if rate.surely_moves]
    if not moving:
        sentence = _("Nowhere does the line surely move by %(rate)s mm a year or more.")
        return sentence % {"rate": whole(STILL_MM_YR)}
    station, rate = max(moving, key=lambda one: abs(one[1].value))
    # Translators: "Fastest at km 12.4: sinking, 6.2 mm a year (± 2.1)."
    return _("Fastest at %(place)s: %(direction)s, %(rate)s.") % {
        "place": station_words(station),
        "direction": direction("up", rate.value),
        "rate": rate_and_margin(rate.value, rate.sigma),
    }


def unknown_words(rates: Sequence[float | None], length_m: float) -> str:
    """Return a sentence on the stations of which nothing can be said. rates: None where unknown."""
    n, of = sum(rate is None for rate in rates), len(rates)
    if not n:
        return _("There are enough points all along the line.")
    sentence = _(
        "At %(n)s of %(all)s places along the line (%(share)s, about %(km)s km), too few points are near to state a "
        "speed."
    )
    km = n / of * length_m / 1000
    length = decimal(km, 1 if km >= 1 else 2)
    return sentence % {"n": whole(n), "all": whole(of), "share": percent(n / of), "km": length}


def _kilometres(station_m: float, digits: int) -> str:
    return decimal(station_m / 1000 + 0.0, digits).replace("-", "−")
