"""What a webhook says, as things stand when it is sent: the alert's facts, in the language of its owner."""

from typing import Any

from django.conf import settings
from django.utils import translation

from detection.models import AlertTransition
from monitor.models.messages import OutgoingMessage
from monitor.subscribers.subscriptions.endpoints import labels_of
from monitor.wording.cards.cards import PROPERTIES, AlertCard, KeptCards, alert_title
from monitor.wording.cards.steps import update_sentences

FIGURES = ("rate_mm_yr", "rate_sigma_mm_yr", "peak_rate_mm_yr", "speed_m_day", "speed_sigma_m_day", "area_m2")


class Composer:
    """Composes the bodies of one round. The words about an alert are made once for all its readers of a language."""

    def __init__(self) -> None:
        self.card = KeptCards()

    def __call__(self, message: OutgoingMessage) -> dict[str, Any]:
        """The body: type, timestamp and data. message: as `selectors.messages_to_deliver` reads it."""
        with translation.override(message.language):
            if message.transition is None:
                data: dict[str, Any] = {"language": message.language, "site": settings.PUBLIC_URL}
                return {"type": "test", "timestamp": message.created_at.isoformat(), "data": data}
            step = message.transition
            card = self.card(step.alert)
            return {
                "type": f"alert.{step.to_state if step.changes_state else 'updated'}",
                "timestamp": step.created_at.isoformat(),
                "data": {
                    "language": message.language,
                    "subscriptions": labels_of(message),
                    "title": alert_title(card),
                    "changes": [str(sentence) for sentence in update_sentences(step)],
                    "from_state": step.from_state,
                    "to_state": step.to_state,
                    "alert": _facts(step, card),
                },
            }


def _facts(step: AlertTransition, card: AlertCard) -> dict[str, Any]:
    alert, code = step.alert, step.alert.code
    site = settings.PUBLIC_URL
    return {
        **{name: getattr(card, name) for name in PROPERTIES},
        "url": site + card.url,
        "cap": f"{site}/cap/{code}.xml",
        "bbox": [round(edge, 6) for edge in alert.area.extent],
        "first_seen": card.first_seen.isoformat(),
        "updated": card.updated.isoformat(),
        **{name: getattr(alert, name) for name in FIGURES if getattr(alert, name) is not None},
    }
