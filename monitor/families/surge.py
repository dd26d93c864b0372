"""Voice of alerts where a glacier surges: motion much faster than usual, since an onset."""

from monitor.families.motion import MotionVoice
from monitor.families.voice import AlertFigures
from monitor.wording.compass import compass
from monitor.wording.dates import day_words
from monitor.wording.figures import likely_speed, speed_words

LEAST_USUAL_M_DAY = 0.01


class SurgeVoice(MotionVoice):
    ended = "The glacier here flows as it usually does again."
    evidence = MotionVoice.evidence._replace(
        why="A computer measured in every pair of radar images how far this glacier moved, and compared that with its "
        "own speed in all other pairs, season by season.",
        series="",  # it stands on the page of its glacier
    )

    def label(self, alert: AlertFigures) -> str:
        """'moving 3.1 metres a day to the south-east, 8 times as fast as usual'."""
        usual = alert.usual_speed_m_day
        times = alert.speed_m_day / usual if usual > 0 else 0.0
        label = super().label(alert)
        return f"{label}, {times:.0f} times as fast as usual" if times >= 2 else label

    def sentence(self, alert: AlertFigures) -> str:
        margin = max(1, round(2 * alert.onset_sigma_days))
        usual = speed_words(max(alert.usual_speed_m_day, LEAST_USUAL_M_DAY))
        return (
            f"The glacier here has flowed much faster than usual since about {day_words(alert.onset)} (give or take "
            f"{margin} day{'s' if margin > 1 else ''}). Lately it flowed by about "
            f"{likely_speed(alert.speed_m_day, alert.speed_sigma_m_day)} to the {compass(alert.bearing_deg)}; about "
            f"{usual} is usual."
        )

    def cause(self, alert: AlertFigures) -> str:
        return ""
