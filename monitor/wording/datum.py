"""Sentences that name the zero of stated rates. Pure."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from detection.rules.motion import SHOWN_SIGMAS
from ground_motion.statistics.datum import Datum, Source
from monitor.wording.figures import decimal, percent

ZERO = ("datum_source", "datum_sigma_mm_yr", "zero")
UNCONFIRMED = gettext_lazy("The zero comes from the file itself; nothing outside confirms it.")
# Translators, in the sentences on what speeds are against: %(margin)s is "1.4"
RELATIVE_TO: dict[Source, Any] = {
    Source.STATIONS: ngettext_lazy(
        "Speeds are relative to %(n)s GNSS station; this zero is known to ± %(margin)s mm a year.",
        "Speeds are relative to %(n)s GNSS stations; this zero is known to ± %(margin)s mm a year.",
        "n",
    ),
    Source.DECLARED: gettext_lazy(
        "Speeds are relative to ground declared to stand still, a zero known to ± %(margin)s mm a year."
    ),
    Source.OVERLAP: ngettext_lazy(
        "Speeds have the zero of %(n)s other data set on this ground; it is known to ± %(margin)s mm a year.",
        "Speeds have the zero of %(n)s other data sets on this ground; it is known to ± %(margin)s mm a year.",
        "n",
    ),
    Source.CALIBRATED: gettext_lazy(
        "Speeds are relative to the publisher's GNSS stations; this zero is known to ± %(margin)s mm a year."
    ),
    Source.STILL: gettext_lazy("Speeds are relative to the edge of the data, of which %(share)s moves alike."),
}


def zero_sentence(datum: Datum) -> str:
    """Return what rates are relative to, with its margin of two standard deviations, or that nothing confirms it."""
    margin = decimal(SHOWN_SIGMAS * datum.sigma_mm_yr, 1)
    figures = {"n": datum.n, "margin": margin, "share": percent(datum.share)}
    words = [str(RELATIVE_TO[datum.source] % figures)] if datum.source in RELATIVE_TO else []
    return " ".join(words if datum.source.is_outside else [*words, str(UNCONFIRMED)])


def zero_of_several(data: Sequence[Datum]) -> str:
    """Return what the speeds of several data sets are relative to; empty without any data set."""
    if len(set(data)) == 1:
        return zero_sentence(data[0])
    if any(not datum.source.is_outside for datum in data):
        return _("The zero of some of these data sets comes from the file itself; nothing outside confirms it.")
    return _("Speeds are relative to stations, or to ground known to stand still: see each data set.") if data else ""


def doubt(data: Sequence[Datum]) -> str:
    """Return the sentence that nothing confirms the zero of data sets; empty where something does."""
    return "" if all(datum.source.is_outside for datum in data) else zero_of_several(data)


def zero_columns(datum: Datum) -> dict[str, object]:
    """Return what a rate is relative to, as the columns ZERO: source, standard deviation, and both in words."""
    return dict(zip(ZERO, (datum.source.value, round(datum.sigma_mm_yr, 2), zero_sentence(datum)), strict=True))


def datum_body(datum: Datum) -> dict[str, object]:
    """Return a datum as JSON, with its sentence."""
    return {
        "mm_yr": datum.mm_yr,
        "sigma_mm_yr": round(datum.sigma_mm_yr, 2),
        "source": datum.source.value,
        "n": datum.n,
        "share": round(datum.share, 2),
        "sentence": zero_sentence(datum),
    }
