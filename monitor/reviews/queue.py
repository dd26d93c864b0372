"""The list of cases: what waits, what was judged lately, and where the keys lead."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from detection import selectors as detections
from detection.models import Alert, Claim
from monitor.cards.cards import AlertCard, alert_cards

REVIEWED_LATELY = 12


def queue_context(request: HttpRequest, chosen: Alert | None = None) -> dict[str, Any]:
    """The list on the left, and where the keys j and k lead."""
    claims = detections.claims_living(now=timezone.now())
    waiting = list(detections.alerts_to_review())
    lately = list(detections.alerts_reviewed_lately(limit=REVIEWED_LATELY))
    codes = [alert.code for alert in [*waiting, *lately]]
    at = codes.index(chosen.code) if chosen and chosen.code in codes else -1
    listed = [*waiting, *lately]
    rows = [_row(*row, claims, request) for row in zip(listed, alert_cards(listed), strict=True)]
    return {
        "waiting": rows[: len(waiting)],
        "lately": rows[len(waiting) :],
        "chosen_code": chosen.code if chosen else "",
        "next_code": codes[at + 1] if at + 1 < len(codes) else "",
        "previous_code": codes[at - 1] if at > 0 else "",
    }


def _row(alert: Alert, card: AlertCard, claims: dict[int, Claim], request: HttpRequest) -> dict[str, Any]:
    claim = claims.get(alert.pk)
    return {
        "card": card,
        "visit_planned": getattr(alert, "visit_planned", False),
        "claim": claim if claim and claim.holder != request.user else None,
    }


def case_following(request: HttpRequest, alert: Alert) -> Alert | None:
    """The next case that nobody else looks at."""
    claims = detections.claims_living(now=timezone.now())
    claimed = {pk for pk, claim in claims.items() if claim.holder != request.user}
    return next((one for one in detections.alerts_to_review() if one.pk != alert.pk and one.pk not in claimed), None)
