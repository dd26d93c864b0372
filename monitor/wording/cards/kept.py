"""Cards that are made once for all who read of an alert in one language."""

from django.utils.translation import get_language

from detection.models import Alert
from monitor.wording.cards.cards import AlertCard, alert_card


class KeptCards:
    """Cards of one round of messages, made once for all readers; an alert that has changed gets a new one."""

    def __init__(self) -> None:
        self._cards: dict[tuple[object, ...], AlertCard] = {}

    def __call__(self, alert: Alert) -> AlertCard:
        """Return the card of an alert in the active language."""
        key = (alert.pk, alert.state, alert.updated_at, get_language())
        if key not in self._cards:
            self._cards[key] = alert_card(alert)
        return self._cards[key]
