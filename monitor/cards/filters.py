"""Filters that the feed, the GeoJSON and the interface for programs share."""

from collections.abc import Mapping

from django.db.models import QuerySet
from django.http import Http404

from detection.kinds import Kind
from detection.models import Alert
from detection.rules.lifecycle import State
from detection.rules.severity import Severity
from detection.selectors import alert_by_code, alerts_matching
from monitor.site.refusals import area_of, boxes, choice, moment


def alerts_requested(query: Mapping[str, str], newest_first: bool = True) -> QuerySet[Alert]:
    """Public alerts by kind, state, severity, bbox, updated_since. Raises Refusal."""
    bbox = query.get("bbox", "")
    return alerts_matching(
        kind=choice("kind", query.get("kind", ""), list(Kind)),
        state=choice("state", query.get("state", ""), list(State)),
        severity=choice("severity", query.get("severity", ""), list(Severity)),
        area=area_of(boxes(bbox)) if bbox else None,
        updated_since=moment("updated_since", query.get("updated_since", "")),
        newest_first=newest_first,
    )


def alert_or_404(code: str) -> Alert:
    try:
        return alert_by_code(code=code)
    except Alert.DoesNotExist as fault:
        raise Http404("There is no alert with this code.") from fault
