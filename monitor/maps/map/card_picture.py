"""Picture of an alert for cards (SVG) and mails (PNG): outline and points over the ground, curve or histogram."""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from django.core.cache import cache
from django.template.loader import render_to_string

from core.errors import promised
from core.geometry import longitude_near
from detection.glaciers.moving_series import series_of
from detection.kinds import Extent
from detection.models import Alert, AlertMotion, Detection
from detection.selectors import detections_shown
from ingest.models import Product
from monitor.maps.imaging import plan_pictures, plans
from monitor.maps.imaging.charts import BOTTOM, curves, rates_chart
from monitor.maps.imaging.evidence import full_colour_mm_yr
from monitor.maps.imaging.plan_pictures import CARD_CELL, CARD_HEIGHT, CARD_STYLES, DOT_SHARE, CardDrawing
from monitor.maps.imaging.plans import WIDTH, Frame, Shape
from monitor.maps.map import selectors
from monitor.maps.map.plans import card_shapes
from monitor.maps.rasters.answers import etag_of

VERSION = 3  # raise when pictures of the same alert look different
KEPT_S = 24 * 3600
MAX_BYTES = 12_000
MAX_POINTS = 4000  # read; each cell of CARD_CELL units shows their mean
TOKENS = {token for style in CARD_STYLES.values() for token in (style.line, style.fill) if token}
STRIP, EDGE = 112, 8  # height of the curve and its distance below the map, units of the drawing
BARS, BAR = (16, 72), 40  # two bars of a changed surface: tops below the map, height


def card_fingerprint(alert: Alert) -> str:
    """Return an ETag that changes with an alert and with its motion."""
    motion = AlertMotion.objects.filter(alert=alert).values_list("updated_at", flat=True).first()
    return etag_of("card", VERSION, alert.pk, alert.updated_at, motion)


def card_svg(alert: Alert) -> bytes:
    """Return the picture of an alert for pages, in light and dark, of at most MAX_BYTES."""
    themes = {theme: sorted(plan_pictures.theme_colours(theme, TOKENS).items()) for theme in ("light", "dark")}
    context = {
        "themes": themes,
        "styles": CARD_STYLES,
        "cell": CARD_CELL,
        "dot": DOT_SHARE,
        "width": WIDTH,
        "height": CARD_HEIGHT,
    }
    return _kept(
        alert, "svg", lambda drawing: render_to_string("maps/map/card.svg", context | drawing._asdict()).encode()
    )


def card_png(alert: Alert) -> bytes:
    """Return the picture of an alert for mails, in the light colours, of at most MAX_BYTES."""
    return _kept(alert, "png", plan_pictures.card_png)


def _kept(alert: Alert, form: str, draw: Callable[[CardDrawing], bytes]) -> bytes:
    """Return an alert's picture as SVG or PNG, cached for a day; it leaves out as much as makes it small enough."""
    key = f"card-{form}-{card_fingerprint(alert)}"
    kept: str | None = cache.get(key)
    if kept is None:
        for drawing in _ever_plainer(_drawing(alert)):
            picture = draw(drawing)
            if len(picture) <= MAX_BYTES:
                break
        kept = b64encode(picture).decode()  # the cache holds JSON
        cache.set(key, kept, KEPT_S)
    return b64decode(kept)


def _ever_plainer(drawing: CardDrawing) -> Iterator[CardDrawing]:
    """Yield a drawing, then without what stands there, without the coast, without its points, and only its curve."""
    yield drawing
    yield drawing._replace(ground=[shape for shape in drawing.ground if shape.css in ("sea", "land", "border")])
    bare = drawing._replace(ground=drawing.ground[:1])
    yield bare
    yield bare._replace(points=[])
    yield bare._replace(points=[], above=[shape for shape in drawing.above if shape.css not in ("casing", "area")])


def _drawing(alert: Alert) -> CardDrawing:
    detections = detections_shown(alert=alert)
    frame, ground, outline = card_shapes(alert)
    motion = selectors.alert_motion(alert=alert)
    series = [] if motion else selectors.alert_series(alert=alert)
    drawn = curves(motion, series, series_of(detections)) if alert.is_measured else []
    above = [shape._replace(css=css) for shape in outline for css in ("casing", "area")]
    above.append(Shape("base", _box(0, frame.height, WIDTH, CARD_HEIGHT)))
    if drawn:
        above += _curve(drawn[0]["chart"], frame.height + EDGE)
    elif alert.coherence_before is not None and alert.coherence_after is not None:
        for top, share in zip(BARS, (alert.coherence_before, alert.coherence_after), strict=True):
            y, longest = frame.height + top, WIDTH - 40
            above += [
                Shape("rest", _box(20, y, 20 + longest, y + BAR)),
                Shape("whole", _box(20, y, 20 + round(longest * share), y + BAR)),
            ]
    elif inside := selectors.rates_inside(alert=alert, detections=detections):
        chart = rates_chart(*inside, full_colour_mm_yr(alert.peak_rate_mm_yr))["chart"]
        above += _columns(chart, frame.height + EDGE)
    sea = Shape("sea", _box(0, 0, WIDTH, frame.height))
    return CardDrawing([sea, *ground], _points(frame, alert, detections, motion.product if motion else None), above)


def _box(left: int, top: int, right: int, bottom: int) -> str:
    return f"M{left} {top}L{right} {top}L{right} {bottom}L{left} {bottom}Z"


def _curve(chart: Mapping[str, Any], top: int) -> list[Shape]:
    """Return a chart's zero line, change marks and curve, stretched to a strip below `top`."""
    x_factor, y_factor = WIDTH / (chart["right"] - chart["left"]), STRIP / chart["base"]

    def at(x: float, y: float) -> str:
        return f"{(x - chart['left']) * x_factor:.0f} {top + (y - 6) * y_factor:.0f}"

    zero = f"M{at(chart['left'], chart['zero'])}L{at(chart['right'], chart['zero'])}"
    dashes = "".join(f"M{at(x, y)}L{at(x, y + 10)}" for x in chart["changes"] for y in range(6, chart["base"], 16))
    places = re.findall(r"([-\d.e]+) ([-\d.e]+)", chart["line"])
    curve = "M" + "L".join(at(float(x), float(y)) for x, y in places)
    return [Shape("zero", zero), *([Shape("change", dashes)] if dashes else []), Shape("curve", curve)]


def _columns(chart: Mapping[str, Any], top: int) -> list[Shape]:
    """Return a histogram's columns in their colours, stretched to a strip below `top`."""
    x_factor, y_factor = WIDTH / (chart["right"] - chart["left"]), STRIP / (chart["height"] - BOTTOM)
    lefts = [round((one["x"] - chart["left"]) * x_factor) for one in chart["columns"]]
    tops = [top + round(one["y"] * y_factor) for one in chart["columns"]]
    return [
        Shape(one["colour"], _box(left, y, left + round(one["width"] * x_factor), top + STRIP))
        for one, left, y in zip(chart["columns"], lefts, tops, strict=True)
    ]


def _points(frame: Frame, alert: Alert, detections: list[Detection], product: Product | None) -> list[Shape]:
    """Return dots by colour token: the mean rate of each cell, positions in cells."""
    shown = next((detection for detection in detections if detection.scan.prediction.run.product), None)
    if shown is None or alert.extent != Extent.LOCAL:
        return []
    source = product or promised(shown.scan.prediction.run.product)
    points, rates = selectors.points_around(detection=shown, product=source, bounds=frame.bounds, most=MAX_POINTS)
    col = ((longitude_near(points.longitude, frame.middle) - frame.west) * frame.x_per_degree // CARD_CELL).astype(int)
    row = ((frame.north - points.latitude) * frame.y_per_degree // CARD_CELL).astype(int)
    cols = WIDTH // CARD_CELL
    inside = (col >= 0) & (col < cols) & (row >= 0) & (row < frame.height // CARD_CELL) & np.isfinite(rates)
    flat = (row * cols + col)[inside]
    counts, sums = np.bincount(flat), np.bincount(flat, weights=rates[inside])
    cells = np.flatnonzero(counts)
    full = full_colour_mm_yr(alert.peak_rate_mm_yr)
    return plans.rate_dots(cells % cols, cells // cols, sums[cells] / counts[cells], full)
