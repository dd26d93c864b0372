"""Sentences that compare stations and benchmarks with the points of a data set."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from monitor.wording.figures import decimal, whole, with_uncertainty

TECHNIQUES: dict[str, Any] = {"gnss": gettext_lazy("GNSS station"), "levelling": gettext_lazy("levelling benchmark")}
MORE: dict[str, tuple[Any, Any]] = {  # component: words for a lower and for a higher rate than the station's
    "los": (gettext_lazy("more away from the satellite"), gettext_lazy("more toward the satellite")),
    "up": (gettext_lazy("more downward"), gettext_lazy("more upward")),
    "east": (gettext_lazy("more to the west"), gettext_lazy("more to the east")),
    "north": (gettext_lazy("more to the south"), gettext_lazy("more to the north")),
}
LEFT: dict[str, Any] = {
    "points": gettext_lazy("hardly any points within 1.6 km"),
    "period": gettext_lazy("less than two years in common"),
    "dates": gettext_lazy("too few dates in common, or gaps that are too long"),
    "direction": gettext_lazy("its direction is not measured, or not stated"),
}


def agreement_sentence(n: int, bias_mm_yr: float, sigma_mm_yr: float, component: str) -> str:
    """Return the mean difference between points and n stations in one sentence. sigma_mm_yr: of that mean."""
    # Translators: %(number)s is "1.2 ± 0.4", %(way)s is "more upward"
    words = ngettext(
        "The points move %(number)s mm a year %(way)s than the one station here.",
        "At %(n)s stations, the points move %(number)s mm a year %(way)s than the stations, on average.",
        n,
    )
    way = MORE[component][bias_mm_yr > 0]
    return words % {"n": whole(n), "number": with_uncertainty(bias_mm_yr, sigma_mm_yr), "way": way}


def scatter_sentence(scatter_mm_yr: float, expected_mm_yr: float) -> str:
    """Return how much stations scatter around the mean difference, and how much of it their errors explain."""
    words = _("Around that, the stations scatter by %(scatter)s mm a year; their errors explain %(expected)s.")
    return words % {"scatter": decimal(scatter_mm_yr, 1), "expected": decimal(expected_mm_yr, 1)}


def zero_sentence(tied: bool) -> str:
    """Return what a common difference means. tied: whether the zero of the data set is that of stations."""
    if tied:
        return _("These data are tied to stations: a common difference is an error of one of the two.")
    return _("These data count from a zero of their own: a common difference is that zero, not an error.")


def difference_sentence(difference: float, sigma: float, component: str, n_points: int, radius_m: float) -> str:
    """Return the difference at one station in a sentence, mm/yr."""
    words = _("The points (%(n)s within %(metres)s metres) move %(number)s mm a year %(way)s than the station.")
    return words % {
        "n": whole(n_points),
        "metres": whole(radius_m),
        "number": with_uncertainty(difference, sigma),
        "way": MORE[component][difference > 0],
    }
