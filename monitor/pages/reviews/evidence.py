"""Parts of a case that its public page lacks: map layers, neighbours, proposals."""

import json
from typing import Any

from django.conf import settings
from django.contrib.gis.geos import MultiPolygon
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from detection.by_hand import columns_set_by_hand, from_json, values_by_hand
from detection.kinds import row_of
from detection.models import Alert, Detection, Proposal
from detection.reviews.queue import alerts_near
from detection.rules.verdicts import REASONS, Verdict
from detection.selectors import detections_shown
from monitor.maps.map.context_tiles import overlays_available
from monitor.maps.rasters.catalogue import raster_group
from monitor.maps.rasters.layers import ARROW_LAYER, RASTER_LAYERS_BY_NAME
from monitor.web.guards import may_publish
from monitor.wording.cards.cards import alert_cards
from monitor.wording.families import voice
from monitor.wording.regions import distance_label
from monitor.wording.states import in_language


def case_evidence(alert: Alert, proposal: Proposal | None) -> dict[str, Any]:
    """Return the rasters, overlays, outlines and neighbours of a case."""
    change = (proposal and proposal.change) or {}
    proposed = from_json(_wanted(alert, change, "area")) if "area" in change else None
    detections, near = detections_shown(alert=alert), alerts_near(alert=alert)
    cards = alert_cards(near)
    return {
        "rasters": _rasters(detections),
        "overlays": overlays_available(),
        "outlines": {
            "type": "FeatureCollection",
            "features": [
                *([_outline(proposed, "proposed", "")] if proposed else []),
                *(
                    _outline(detection.area, "detection", str(detection.scan.prediction.run.input))
                    for detection in detections
                ),
                *(_outline(one.area, "neighbour", card.code) for one, card in zip(near, cards, strict=True)),
            ],
        },
        "neighbours": [
            {"card": card, "away": distance_label(away_m) if away_m >= 1 else _("touches it")}
            for away_m, card in zip((vars(one)["away_m"] for one in near), cards, strict=True)
        ],
    }


def _rasters(detections: list[Detection]) -> list[dict[str, Any]]:
    """Return the rasters behind a case for the map's script, one for each layer and date."""
    rasters = {}
    for prediction in (detection.scan.prediction for detection in detections):
        if shown_as := raster_group(prediction):
            layer = RASTER_LAYERS_BY_NAME[shown_as[0]]
            rasters[shown_as] = {
                "layer": shown_as[0],
                "group": shown_as[1],
                "label": f"{layer.label}, {prediction.run.input}",
                "caption": str(layer.caption),
                "arrows": layer is ARROW_LAYER,
                "fastest": layer.high,
            }
    return list(rasters.values())


def _outline(area: MultiPolygon, role: str, label: str) -> dict[str, Any]:
    properties = {"role": role, "label": label}
    return {"type": "Feature", "geometry": json.loads(area.geojson), "properties": properties}


def proposal_panel(request: HttpRequest, alert: Alert, proposal: Proposal) -> dict[str, Any]:
    """Return a proposal, its proposer and its changes in words, and whether the reader may answer it."""
    own = proposal.proposer_id == request.user.pk
    said = REASONS[Verdict.CONFIRM].get(proposal.reason_code)
    change = proposal.change or {}
    texts = (values_by_hand(columns_set_by_hand(alert)) | change)["texts"] or {}
    return {
        "row": proposal,
        "who": str(proposal.proposer or _("an account that is gone")),
        "own": own,
        "may_answer": may_publish(request.user) and not own,
        "reason": capfirst(in_language(said.label)) if said else "",
        "note": in_language(proposal.public_note),
        "changes": _changes(alert, change),
        "texts": [(code, name, texts[code]) for code, name in settings.LANGUAGES if code in texts],
    }


def _wanted(alert: Alert, change: dict[str, Any], name: str) -> Any:
    """Return the value that a change gives to a field: the value set by hand or, for None, the computed one."""
    set_by_hand = columns_set_by_hand(alert)
    return change[name] if change[name] is not None or set_by_hand is None else set_by_hand.computed.get(name)


def _changes(alert: Alert, change: dict[str, Any]) -> list[str]:
    lines = []
    if "kind" in change:
        lines.append(_("Kind: %(kind)s") % {"kind": row_of(_wanted(alert, change, "kind")).label})
    if "severity" in change:
        grade = voice(alert.kind).severity(_wanted(alert, change, "severity"))
        lines.append(capfirst(grade.label))
    if "area" in change:
        lines.append(_("Outline: the thick dashed line on the map"))
    if "texts" in change and not change["texts"]:
        lines.append(_("Public text: removed"))
    return lines
