"""The possible cause of an alert, with what its surroundings say."""

from collections.abc import Sequence

from detection.models import Alert, AlertCause
from monitor.wording.causes import JUDGED, because_sentences


def with_surroundings(alert: Alert, sentences: Sequence[str]) -> list[str]:
    """Add sentences about the surroundings before the last sentence about causes, which says what they rest on."""
    cause = AlertCause.objects.filter(alert=alert).first()
    if cause is None or not sentences:
        return list(sentences)
    *causes, rests_on = sentences
    because = because_sentences(cause.across_m, cause.elongation, cause.terms)
    return [*causes, " ".join(because), f"{rests_on} {JUDGED}" if cause.terms else rests_on]
