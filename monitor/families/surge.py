"""Voice of alerts where a glacier surges: motion much faster than usual, since an onset."""

from monitor.families.motion import MotionVoice
from monitor.families.voice import AlertFigures
from monitor.wording.compass import compass
from monitor.wording.dates import day_words
from monitor.wording.figures import speed_words

LEAST_USUAL_M_DAY = 0.01


class SurgeVoice(MotionVoice):
    evidence = MotionVoice.evidence._replace(series="")  # its series stands on the page of its glacier

    def label(self, alert: AlertFigures) -> str:
        """'moving 3.1 metres a day to the south-east, 8 times as fast as usual'."""
        usual = alert.usual_speed_m_day
        times = alert.speed_m_day / usual if usual > 0 else 0.0
        label = super().label(alert)
        return f"{label}, {times:.0f} times as fast as usual" if times >= 2 else label

    def sentence(self, alert: AlertFigures) -> str:
        margin = max(1, round(2 * alert.onset_sigma_days))
        return (
            f"The glacier here has flowed much faster than usual since about {day_words(alert.onset)}, "
            f"give or take {margin} days: lately by about "
            f"{speed_words(alert.speed_m_day, alert.speed_sigma_m_day)} to the {compass(alert.bearing_deg)}, "
            f"where about {speed_words(max(alert.usual_speed_m_day, LEAST_USUAL_M_DAY))} are usual."
        )
