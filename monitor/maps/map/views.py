"""Pages of the map with its list of alerts, and of what it shows."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from detection.kinds import KINDS
from detection.rules.lifecycle import State
from detection.selectors import alerts_public
from monitor.maps.map import selectors
from monitor.maps.map.addresses import geocoder_host
from monitor.maps.map.config import map_config
from monitor.maps.map.context_tiles import overlays_available, truth_overlay
from monitor.maps.rasters.layers import RASTER_LAYERS
from monitor.wording.cards.cards import alert_cards
from monitor.wording.glossary import GLOSSARY
from monitor.wording.states import STATE_LABELS

MOST_CARDS = 200  # on the map's own list; the map shows all, and so does the page of alerts
STATES_OF_LEGEND = (State.FIRST, State.PROVISIONAL, State.CONFIRMED)


@require_safe
def map_view(request: HttpRequest) -> HttpResponse:
    """Show the map."""
    layers, totals = selectors.layers_available(), selectors.map_totals()
    overlays = overlays_available()
    config = map_config(layers, totals.bounds)
    alerts = list(alerts_public()[: MOST_CARDS + 1])
    if len(alerts) <= MOST_CARDS:
        n_alerts, n_moving = len(alerts), sum(alert.state != State.FINISHED for alert in alerts)
    else:
        n_alerts, n_moving = alerts_public().count(), alerts_public().exclude(state=State.FINISHED).count()
    context = {
        "cards": alert_cards(alerts[:MOST_CARDS]),
        "n_alerts": n_alerts,
        "n_moving": n_moving,
        "layers": layers,
        "overlays": overlays,
        "truth": truth_overlay(),
        "default_layer": config["default_layer"],
        "n_products": totals.n_products,
        "n_points": totals.n_points,
        "n_pairs": totals.n_pairs,
        "map_config": config,
        "kinds": KINDS.values(),
        "states": [(state, STATE_LABELS[state][0]) for state in STATES_OF_LEGEND],
    }
    return render(request, "maps/map/map.html", context)


@require_safe
def reading(request: HttpRequest) -> HttpResponse:
    """Show the words of the field."""
    return render(
        request, "web/site/reading.html", {"glossary": sorted(GLOSSARY, key=lambda term: str(term.name).lower())}
    )


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    """Show what the site does, and how."""
    context = {"raster_layers": RASTER_LAYERS, "kinds": KINDS.values(), "states": STATE_LABELS.items()}
    context["geocoder_host"] = geocoder_host()
    return render(request, "web/site/about.html", context)
