"""Printed report of an alert on one or two sheets: the content of its page, with maps and charts as SVG."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.utils import timezone

from detection.models import Alert
from monitor.maps.map.plans import alert_plan
from monitor.pages.alerts.evidence import alert_page
from monitor.web.context import MOST_CREDITS, shortened, site_facts
from monitor.wording.places import coordinates

MOST_SERIES = 2
MOST = {"evidence": 4, "agreement": 8, "reviews": 2, "limits": 8, "credits": MOST_CREDITS}
LONGEST_NOTE = 500
PICTURES = ("points-1", "score")  # by priority: the first available one is printed


def alert_report(alert: Alert) -> dict[str, Any]:
    """Return the context of the printed report, with the same figures as the alert's page."""
    context = alert_page(alert, with_missing=False) | {"credits": site_facts()["attributions"]}
    card, places = context["card"], context["places"]
    inner = [one["geometry"] for one in places["outlines"]["features"]] if places else []
    return {
        **shortened(context, MOST),
        "longest_note": LONGEST_NOTE,
        "plan": alert_plan(alert, card, inner),
        "coordinates": coordinates(card.longitude, card.latitude),
        "picture": _picture(context["evidence"]),
        "drawn_charts": context["curves"][:MOST_SERIES],
        "printed_on": timezone.now(),
        "permalink": f"{settings.PUBLIC_URL}{card.url}",
        "simulated": alert.simulated,
    }


def _picture(evidence: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the first available picture of PICTURES and its detection, or None."""
    for name in PICTURES:
        for item in evidence:
            for picture in item["pictures"]:
                if picture.name == name:
                    return {"detection": item["detection"], "picture": picture}
    return None
