"""Voices of alerts between two images: ground that moved by metres, surging glaciers, and a surface that changed."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from detection.kinds import row_of
from detection.search.patches import MOTION
from ground_motion.core.errors import promised
from monitor.wording.dates import day_words, days_words, period_words
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
from monitor.wording.figures import decimal, likely_speed, percent, speed_words, whole
from monitor.wording.places import toward

ARROWS = "↑↗→↘↓↙←↖"  # clockwise from the north
MIN_USUAL_M_DAY = 0.01
FAR_SIGMAS = 6.0  # an alert needs 4.5


class MotionVoice(PairVoice):
    """Voice of fast motion along the ground."""

    severities = {
        "minor": Severity(
            gettext_lazy("low importance"), gettext_lazy("Ground that has come to rest, or motion that is not certain.")
        ),
        "moderate": Severity(
            gettext_lazy("medium importance"),
            gettext_lazy("Motion by metres that is hardly more than its uncertainty."),
        ),
        "strong": Severity(gettext_lazy("high importance"), gettext_lazy("Motion by metres.")),
    }
    ended = gettext_lazy("The ground here has come to rest.")
    evidence = Evidence(
        gettext_lazy(
            "A computer looked for each patch of the earlier radar image in the later one. Here they have moved, all "
            "in one direction, while the rest of the image stayed."
        ),
        gettext_lazy("Offsets (GeoTIFF)"),
        series="speeds",
    )

    def _figures(self, alert: AlertFigures) -> dict[str, str]:
        speed, way = speed_words(promised(alert.speed_m_day)), toward(promised(alert.bearing_deg))
        return {"speed": speed, "way": way, "when": self._when(alert)}

    def label(self, alert: AlertFigures) -> str:
        """Return a label: 'moving 3.1 metres a day to the south-east'."""
        # Translators: %(speed)s is "3.1 metres a day", %(way)s is "to the south-east"
        return _("moving %(speed)s %(way)s") % self._figures(alert)

    def sentence(self, alert: AlertFigures) -> str:
        """Return a sentence on how fast the ground moved, in which direction and when."""
        speed = likely_speed(promised(alert.speed_m_day), alert.speed_sigma_m_day)
        when = days_words(alert.first_motion, alert.last_motion)
        return str(row_of(alert.kind).moved % (self._figures(alert) | {"speed": speed, "when": when}))

    def headline(self, alert: AlertFigures) -> Headline:
        """Return the speed along the ground and its direction on the compass."""
        speed = speed_words(promised(alert.speed_m_day), alert.speed_sigma_m_day)
        number, _sign, rest = speed.partition(" ± ")
        margin, _space, unit = rest.partition(" ")
        arrow = ARROWS[round(promised(alert.bearing_deg) / 45) % 8]
        way = toward(promised(alert.bearing_deg))
        return Headline(number, margin, unit, arrow, way, self._when(alert), _("on average"))

    def _when(self, alert: AlertFigures) -> str:
        return period_words(alert.first_motion, alert.last_motion)

    def brief(self, alert: AlertFigures) -> str:
        """Return 'The ground here moved to the south-east by about 42 centimetres a day in October 2023.'."""
        return str(row_of(alert.kind).moved % self._figures(alert))

    def cause(self, alert: AlertFigures) -> str:
        """Return a sentence that the cause is not identified; empty if the kind names it."""
        return "" if row_of(alert.kind).names_cause else _("The cause is not identified.")

    def limits_of_pairs(self, cell_m: float, days: int) -> list[str]:
        """Return the limits: the slowest visible motion, and that only motion along the ground is measured."""
        return [
            _("Motion of less than about %(metres)s metres in %(days)s days does not show in these images.")
            % {"metres": whole(MOTION.least_px * cell_m), "days": days},
            _("Only motion along the ground is measured, not sinking or rising."),
        ]

    def finding(self, detection: DetectionFigures, source: Any) -> Finding:
        """Return the speed of a detection with its direction."""
        speed = speed_words(promised(detection.speed_m_day), detection.speed_sigma_m_day)
        # Translators: %(speed)s is "3.1 ± 0.2 metres a day", %(way)s is "to the south-east"
        figure = _("%(speed)s %(way)s") % {"speed": speed, "way": toward(promised(detection.bearing_deg))}
        return Finding(", ".join((figure, _("on average"))), _("along the ground"), [])


class SurgeVoice(MotionVoice):
    """Voice of a surging glacier."""

    ended = gettext_lazy("The glacier here flows as it usually does again.")
    evidence = MotionVoice.evidence._replace(
        why=gettext_lazy(
            "A computer measured in every pair of radar images how far this glacier moved, and compared that with its "
            "own speed in all other pairs, season by season."
        ),
        series="",  # it stands on the page of its glacier
    )

    def label(self, alert: AlertFigures) -> str:
        """Return a label: 'moving 3.1 metres a day to the south-east, 8 times as fast as usual'."""
        usual = promised(alert.usual_speed_m_day)
        times = promised(alert.speed_m_day) / usual if usual > 0 else 0.0
        label = super().label(alert)
        if times < 2:
            return label
        return ", ".join([label, _("%(times)s times as fast as usual") % {"times": whole(times)}])

    def brief(self, alert: AlertFigures) -> str:
        """Return since when the glacier has flowed faster than usual."""
        return _("The glacier here has flowed much faster than usual %(since)s.") % {"since": self._when(alert)}

    def _when(self, alert: AlertFigures) -> str:
        return _("since about %(day)s") % {"day": day_words(promised(alert.onset))}

    def sentence(self, alert: AlertFigures) -> str:
        """Return sentences on when the surge began, and on the latest and the usual speed of the glacier."""
        margin = max(1, round(2 * promised(alert.onset_sigma_days)))
        usual = speed_words(max(promised(alert.usual_speed_m_day), MIN_USUAL_M_DAY))
        since = ngettext(
            "The glacier here has flowed much faster than usual since about %(day)s (give or take %(margin)s day).",
            "The glacier here has flowed much faster than usual since about %(day)s (give or take %(margin)s days).",
            margin,
        ) % {"day": day_words(promised(alert.onset)), "margin": margin}
        # Translators: %(speed)s is "3 metres a day (probably 2 to 4)", %(way)s is "to the south-east", %(usual)s is
        # "40 centimetres a day"
        lately = _("Lately it flowed by about %(speed)s %(way)s; about %(usual)s is usual.") % {
            "speed": likely_speed(promised(alert.speed_m_day), alert.speed_sigma_m_day),
            "way": toward(promised(alert.bearing_deg)),
            "usual": usual,
        }
        return f"{since} {lately}"


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
        """Return how well the images still match, without an arrow, because nothing moved downwards."""
        match, when = _matches(alert), days_words(alert.first_motion, alert.last_motion)
        # Translators: follows "12 %"; %(before)s is "75 %"
        unit = _("match of the two images, %(before)s in earlier ones") % match
        return Headline(match["after"], "", unit, "", str(row_of(alert.kind).short), when)

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
