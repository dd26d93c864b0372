"""Voice of alerts where a glacier surges: motion much faster than usual, since an onset."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from monitor.wording.dates import day_words
from monitor.wording.families.motion import MotionVoice
from monitor.wording.families.voice import AlertFigures
from monitor.wording.figures import likely_speed, speed_words, whole
from monitor.wording.places import toward

LEAST_USUAL_M_DAY = 0.01


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
        """Return 'moving 3.1 metres a day to the south-east, 8 times as fast as usual'."""
        usual = alert.usual_speed_m_day
        times = alert.speed_m_day / usual if usual > 0 else 0.0
        label = super().label(alert)
        if times < 2:
            return label
        return ", ".join([label, _("%(times)s times as fast as usual") % {"times": whole(times)}])

    def sentence(self, alert: AlertFigures) -> str:
        """Return since when the glacier surges, how fast it flowed lately, and what is usual."""
        margin = max(1, round(2 * alert.onset_sigma_days))
        usual = speed_words(max(alert.usual_speed_m_day, LEAST_USUAL_M_DAY))
        since = ngettext(
            "The glacier here has flowed much faster than usual since about %(day)s (give or take %(margin)s day).",
            "The glacier here has flowed much faster than usual since about %(day)s (give or take %(margin)s days).",
            margin,
        ) % {"day": day_words(alert.onset), "margin": margin}
        # Translators: %(speed)s is "3 metres a day (probably 2 to 4)", %(way)s is "to the south-east", %(usual)s is
        # "40 centimetres a day"
        lately = _("Lately it flowed by about %(speed)s %(way)s; about %(usual)s is usual.") % {
            "speed": likely_speed(alert.speed_m_day, alert.speed_sigma_m_day),
            "way": toward(alert.bearing_deg),
            "usual": usual,
        }
        return f"{since} {lately}"

    def cause(self, alert: AlertFigures) -> str:
        """Return nothing: the kind names the cause."""
        return ""
