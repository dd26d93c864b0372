"""Filters that the feed, the GeoJSON and the interface for programs share."""

from collections.abc import Mapping

from django.db.models import QuerySet
from django.http import Http404

from detection.models import Alert
from detection.selectors import alert_by_code, alerts_matching
from monitor.site.refusals import area_of, boxes, choice, moment
from monitor.wording import sentences


def alerts_asked_for(asked: Mapping[str, str], newest_first: bool = True) -> QuerySet[Alert]:
    """Public alerts by kind, state, severity, bbox, updated_since. Raises Refusal."""
    bbox = asked.get("bbox", "")
    return alerts_matching(
        kind=choice("kind", asked.get("kind", ""), list(sentences.KIND_LABELS)),
        state=choice("state", asked.get("state", ""), list(sentences.STATE_LABELS)),
        severity=choice("severity", asked.get("severity", ""), list(sentences.SEVERITY_LABELS)),
        area=area_of(boxes(bbox)) if bbox else None,
        updated_since=moment("updated_since", asked.get("updated_since", "")),
        newest_first=newest_first,
    )


def alert_or_404(code: str) -> Alert:
    try:
        return alert_by_code(code=code)
    except Alert.DoesNotExist as fault:
        raise Http404("There is no alert with this code.") from fault
