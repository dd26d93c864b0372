"""Small picture of an alert for cards: its outline and points over the ground, and its curve; SVG without words."""

import numpy as np
from django.contrib.gis.geos import Polygon
from django.core.cache import cache
from django.template.loader import render_to_string

from detection.glaciers.moving_series import series_of
from detection.kinds import Extent
from detection.models import Alert, AlertMotion, Detection
from detection.selectors import detections_shown
from ingest.models import Product
from monitor.maps.imaging.plan_pictures import theme_colours
from monitor.maps.imaging.plans import WIDTH, Frame
from monitor.maps.map import selectors
from monitor.maps.map.plans import card_shapes
from monitor.maps.rasters.answers import etag_of
from monitor.pages.alerts.blocks import motion_rows
from monitor.pages.alerts.curves import curves
from monitor.pages.alerts.pictures import points_around, stretch_of

VERSION = 1  # raise when pictures of the same alert look different
KEPT_S = 24 * 3600
MOST_BYTES = 12_000
MOST_POINTS = 4000  # read; cells of CELL units of the drawing show their means
CELL = 16
RAMP = ("ramp-n4", "ramp-n3", "ramp-n2", "ramp-n1", "ramp-0", "ramp-p1", "ramp-p2", "ramp-p3", "ramp-p4")
TOKENS = {
    *("map-water", "map-land", "map-coast", "map-river", "map-lake", "map-road", "map-rail", "alert-line"),
    *("alert-casing", "surface-soft", "line", "line-strong", "accent", "text-soft", *RAMP),
}


def card_fingerprint(alert: Alert) -> str:
    """Return an ETag that changes with an alert and with its motion."""
    motion = AlertMotion.objects.filter(alert=alert).values_list("updated_at", flat=True).first()
    return etag_of("card", VERSION, alert.pk, alert.updated_at, motion)


def card_svg(alert: Alert) -> bytes:
    """Return the picture of an alert, which is cached for a day, of at most MOST_BYTES."""
    key = f"card-{card_fingerprint(alert)}"
    kept: str | None = cache.get(key)
    if kept is None:
        kept = _drawn(alert)
        cache.set(key, kept, KEPT_S)
    return kept.encode()


def _drawn(alert: Alert) -> str:
    detections = detections_shown(alert=alert)
    frame, ground, outline = card_shapes(alert)
    motion = motion_rows(alert)
    series = [] if motion else selectors.alert_series(alert=alert)
    drawn = curves(motion, series, series_of(detections)) if alert.is_measured else []
    chart = drawn[0]["chart"] if drawn else None
    context = {
        "themes": {theme: sorted(theme_colours(theme, TOKENS).items()) for theme in ("light", "dark")},
        "ground": ground,
        "points": _points(frame, alert, detections, motion["product"] if motion else None),
        "outline": outline,
        "chart": chart | {"span": chart["right"] - chart["left"]} if chart else None,
        "matches": (alert.coherence_before, alert.coherence_after) if alert.coherence_after is not None else None,
    }
    svg = render_to_string("wording/cards/picture.svg", context)
    if len(svg) > MOST_BYTES:  # a dense network of roads
        plain = [shape for shape in ground if shape.css in ("land", "border")]
        svg = render_to_string("wording/cards/picture.svg", context | {"ground": plain})
    return svg


def _points(frame: Frame, alert: Alert, detections: list[Detection], product: Product | None) -> list[tuple[str, str]]:
    """Return paths of dots by colour token: mean rates in the cells of a frame, counted in cells."""
    shown = next((one for one in detections if one.scan.prediction.run.product), None)
    if shown is None or alert.extent != Extent.LOCAL:
        return []
    area = Polygon.from_bbox(frame.bounds)
    area.srid = 4326
    points, rates = points_around(shown, product or shown.scan.prediction.run.product, area, MOST_POINTS)
    col = ((points.longitude - frame.west) * frame.x_per_degree // CELL).astype(int)
    row = ((frame.north - points.latitude) * frame.y_per_degree // CELL).astype(int)
    cols = WIDTH // CELL
    inside = (col >= 0) & (col < cols) & (row >= 0) & (row < frame.height // CELL) & np.isfinite(rates)
    flat = (row * cols + col)[inside]
    counts, sums = np.bincount(flat), np.bincount(flat, weights=rates[inside])
    cells = np.flatnonzero(counts)
    steps = np.clip(np.rint(4 * sums[cells] / counts[cells] / stretch_of(alert)), -4, 4).astype(int) + 4
    return [
        (RAMP[step], "".join(f"M{cell % cols} {cell // cols}h0" for cell in own))
        for step in np.unique(steps)
        if len(own := cells[steps == step])
    ]
