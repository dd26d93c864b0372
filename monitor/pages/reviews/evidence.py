"""What a reviewer sees of a case beyond its public page: every layer for the map, neighbours, both images by swipe."""

import json
from typing import Any

from django.contrib.gis.geos import MultiPolygon
from django.urls import reverse
from django.utils.translation import gettext as _

from detection.models import Alert, Detection, Proposal
from detection.reviews.queue import alerts_near
from detection.selectors import detections_shown
from monitor.maps.map.context_tiles import overlays_available
from monitor.maps.rasters.catalogue import raster_group
from monitor.maps.rasters.layers import ARROW_LAYER, RASTER_LAYERS_BY_NAME
from monitor.pages.alerts.pictures import captions
from monitor.pages.reviews.proposals import proposed_area
from monitor.wording.cards.cards import alert_cards
from monitor.wording.regions import distance_label


def case_evidence(alert: Alert, proposal: Proposal | None) -> dict[str, Any]:
    """Return rasters, overlays, outlines, neighbours and image pairs of a case."""
    proposed = proposed_area(alert=alert, proposal=proposal) if proposal else None
    detections, near = detections_shown(alert=alert), alerts_near(alert=alert)
    cards = alert_cards(near)
    return {
        "rasters": _rasters(detections),
        "overlays": overlays_available(),
        "outlines": {
            "type": "FeatureCollection",
            "features": [
                *([_outline(proposed, "proposed", "")] if proposed else []),
                *(_outline(one.area, "detection", str(one.scan.prediction.run.input)) for one in detections),
                *(_outline(one.area, "neighbour", card.code) for one, card in zip(near, cards, strict=True)),
            ],
        },
        "neighbours": [
            {"card": card, "away": distance_label(one.away_m) if one.away_m >= 1 else _("touches it")}
            for one, card in zip(near, cards, strict=True)
        ],
        "swipes": [swipe for one in detections if (swipe := _swipe(alert, one))],
    }


def _rasters(detections: list[Detection]) -> list[dict[str, Any]]:
    """Return the results behind a case, one for each layer and date, as the map's script needs them."""
    rasters = {}
    for prediction in (detection.scan.prediction for detection in detections):
        if place := raster_group(prediction):
            layer = RASTER_LAYERS_BY_NAME[place[0]]
            rasters[place] = {
                "layer": place[0],
                "group": place[1],
                "label": f"{layer.label}, {prediction.run.input}",
                "caption": str(layer.caption),
                "arrows": layer is ARROW_LAYER,
                "fastest": layer.high,
            }
    return list(rasters.values())


def _outline(area: MultiPolygon, role: str, label: str) -> dict[str, Any]:
    properties = {"role": role, "label": label}
    return {"type": "Feature", "geometry": json.loads(area.geojson), "properties": properties}


def _swipe(alert: Alert, detection: Detection) -> dict[str, str] | None:
    """Return both images of the pair behind a detection, where they may be shown."""
    titles = {one.name: one.title for one in captions(detection)}
    if not {"before", "after"} <= titles.keys():
        return None
    images = ("before", "after")
    addresses = {name: reverse("alert-picture", args=[alert.code, detection.pk, name]) for name in images}
    return {
        "before": addresses["before"],
        "after": addresses["after"],
        "before_title": titles["before"],
        "after_title": titles["after"],
    }
