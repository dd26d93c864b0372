"""What rates are stated against, in one sentence wherever a rate stands. Pure."""

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from detection.rules.motion import SHOWN_SIGMAS
from ground_motion.statistics.datum import Datum, Source
from monitor.wording.figures import decimal, percent, whole

UNCONFIRMED = gettext_lazy("The zero is the file's own; nothing outside confirms it.")


def zero_sentence(datum: Datum) -> str:
    """Return what rates are against, with the uncertainty of that; or that nothing outside the file confirms it."""
    figures = {
        "n": whole(datum.n),
        # Translators, in the sentences on what speeds are against: %(margin)s is "1.4"
        "margin": decimal(SHOWN_SIGMAS * datum.sigma_mm_yr, 1),
        "share": percent(datum.share),
    }
    if datum.source is Source.STATIONS:
        words = ngettext(
            "Speeds count from %(n)s GNSS station, a zero known to ± %(margin)s mm a year.",
            "Speeds count from %(n)s GNSS stations, a zero known to ± %(margin)s mm a year.",
            datum.n,
        )
    elif datum.source is Source.DECLARED:
        words = _("Speeds count from ground that was declared to stand still, a zero known to ± %(margin)s mm a year.")
    elif datum.source is Source.OVERLAP:
        words = ngettext(
            "Speeds count from %(n)s other data set on this ground, a zero known to ± %(margin)s mm a year.",
            "Speeds count from %(n)s other data sets on this ground, a zero known to ± %(margin)s mm a year.",
            datum.n,
        )
    elif datum.source is Source.CALIBRATED:
        words = _("Speeds count from the GNSS stations of their publisher, a zero known to ± %(margin)s mm a year.")
    elif datum.source is Source.STILL:
        words = _("Speeds count from the edge of the data, of which %(share)s moves alike.")
    else:
        words = ""
    return " ".join(part for part in (words % figures, "" if datum.source.is_outside else str(UNCONFIRMED)) if part)


def zero_of_several(data: Sequence[Datum]) -> str:
    """Return what speeds of several data sets are against, as far as it is one; empty without any."""
    data = [datum._replace(source=Source(datum.source)) for datum in data]
    if len(set(data)) == 1:
        return zero_sentence(data[0])
    if any(not datum.source.is_outside for datum in data):
        return _("Of some data sets: %(sentence)s") % {"sentence": UNCONFIRMED}
    return _("Speeds count from stations, or ground known to be still: see each data set.") if data else ""


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
