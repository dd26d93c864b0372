"""Voice of alerts where the surface changed: two images no longer match where earlier pairs did."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.errors import promised
from detection.kinds import row_of
from monitor.wording.dates import days_words
from monitor.wording.families.voice import (
    AlertFigures,
    AreaFigures,
    DetectionFigures,
    Evidence,
    Finding,
    Headline,
    PairVoice,
    Severity,
)
from monitor.wording.figures import decimal, percent

FAR_SIGMAS = 6.0  # an alert needs 4.5


class SurfaceVoice(PairVoice):
    """Voice of a changed surface."""

    severities = {
        "minor": Severity(gettext_lazy("small change"), gettext_lazy("A small piece of ground.")),
        "moderate": Severity(gettext_lazy("medium change"), gettext_lazy("More than ten hectares.")),
        "strong": Severity(gettext_lazy("large change"), gettext_lazy("More than a square kilometre.")),
    }
    ended = gettext_lazy("The surface here changed once; nothing has changed since.")
    evidence = Evidence(
        gettext_lazy(
            "Two radar images of ground that stays as it is match, spot by spot. These two match much less than "
            "earlier pairs of this place did."
        ),
        gettext_lazy("Change of coherence (GeoTIFF)"),
    )

    def label(self, alert: AlertFigures) -> str:
        """Return a label: 'surface changed: match fell from 75 % to 12 %'."""
        return _("surface changed: match fell from %(before)s to %(after)s") % _matches(alert)

    def sentence(self, alert: AlertFigures) -> str:
        """Return a sentence on when the surface changed, and on how much less the images match."""
        figures = _matches(alert) | {"when": days_words(alert.first_motion, alert.last_motion)}
        # Translators, here and below: %(when)s is "between 4 and 16 October 2023", %(after)s and %(before)s are shares
        changed = _(
            "The surface here changed %(when)s: radar images of these days match to only %(after)s, where earlier ones "
            "matched to %(before)s; that is clearly beyond their usual ups and downs."
        )
        far_changed = _(
            "The surface here changed %(when)s: radar images of these days match to only %(after)s, where earlier ones "
            "matched to %(before)s; that is far beyond their usual ups and downs."
        )
        return (far_changed if -promised(alert.change_sigma) >= FAR_SIGMAS else changed) % figures

    def headline(self, alert: AlertFigures) -> Headline:
        """Return how well the images still match, and how unusual that is."""
        times = _("%(times)s times the usual spread") % {"times": decimal(-promised(alert.change_sigma), 1)}
        before = _("match of the images; %(before)s before") % _matches(alert)
        when = days_words(alert.first_motion, alert.last_motion)
        return Headline(
            percent(promised(alert.coherence_after)), "", f"{before}, {times}", "↓", str(row_of(alert.kind).short), when
        )

    def brief(self, alert: AlertFigures) -> str:
        """Return when the surface changed."""
        when = {"when": days_words(alert.first_motion, alert.last_motion)}
        return _("The surface here changed %(when)s.") % when

    def cause(self, alert: AlertFigures) -> str:
        """Return a sentence that the images do not show a cause."""
        return _("The images do not show why: building work, a harvest, a flood, a fire and a landslide look alike.")

    def limits_of_pairs(self, cell_m: float, days: int) -> list[str]:
        """Return the limits: surface changes that look alike or stay invisible."""
        return [
            _("The cause cannot be identified: snow, ploughing, building work and a landslide look alike."),
            _("Over water, in dense forest and under fresh snow such changes do not show."),
        ]

    def finding(self, detection: DetectionFigures, source: Any) -> Finding:
        """Return the loss of coherence of a detection."""
        times = {"times": decimal(-promised(detection.change_sigma), 1)}
        figure = _("match fell from %(before)s to %(after)s, %(times)s times its usual spread")
        return Finding(figure % (_matches(detection) | times), _("compared with earlier pairs"), [])


def _matches(area: AreaFigures) -> dict[str, str]:
    return {"before": percent(promised(area.coherence_before)), "after": percent(promised(area.coherence_after))}
