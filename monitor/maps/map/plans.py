"""Maps drawn by the server for pages without scripts, paper and mails: a region, an alert, and the card of an alert."""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from django.core.cache import cache
from django.db import connection
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from shapely import MultiPolygon, from_wkb
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from detection.alerts.describe import field_of
from detection.glaciers.selectors import series_of
from detection.kinds import Extent, Kind, row_of
from detection.models import Alert, AlertMotion, Detection
from detection.selectors import detections_shown
from ground_motion.core.areas import box_of, disc, join_halves, smooth_steps
from ground_motion.core.geometry import longitude_near
from ground_motion.readers.records import Float64
from ingest.foundation.atlas import country_parts
from ingest.foundation.geos import geos
from ingest.models import AdministrativeRegion, Place, Product
from ingest.products.selectors import product_points
from monitor.maps.imaging import plan_pictures, plans
from monitor.maps.imaging.charts import BOTTOM, curves, rates_chart
from monitor.maps.imaging.drawing import full_colour_mm_yr
from monitor.maps.imaging.plan_pictures import CARD_CELL, CARD_HEIGHT, CARD_STYLES, DOT_SHARE, LARGER, CardDrawing
from monitor.maps.imaging.plans import WIDTH, Frame, Shape
from monitor.maps.map import selectors
from monitor.maps.rasters.answers import etag_of
from monitor.wording.cards.cards import AlertCard, alert_title
from monitor.wording.figures import whole

MAX_FEATURES = 3000  # Most features drawn per layer.
MAX_NAMES = 9
CARD_KM, CARD_TALL, CARD_FINE = 2.0, 0.625, 3.0  # Least width, height by width, and finest detail in drawing units.
MIN_KM = 16.0  # least width of a map around an alert
MAIL_KM = (MIN_KM, 100.0, 600.0)  # Widths of a mail's map; the first with a town or other surroundings is taken.
MARKED_BELOW = 24.0  # drawing units; a smaller outline gets a mark in a mail
NEAR_KM = 24.0  # small roads are drawn up to this width of the frame
LAYERS = (  # Class of the style, table, column, condition on rows, and the widest frame that shows it, km.
    ("glacier", "glacier", "outline", "shown", 2000.0),
    ("water", "water", "shape", "true", 150.0),
    ("mine", "mine", "outline", "true", 200.0),
    ("road road--small", "transportline", "line", "line_class = 'other'", NEAR_KM),
    ("road", "transportline", "line", "line_class = 'main'", 150.0),
    ("railway", "transportline", "line", "line_class = 'rail'", 400.0),
)
VERSION = 4  # raise when pictures of the same alert look different
KEPT_S = 24 * 3600
MAX_BYTES = 12_000
MAX_POINTS = 4000  # Most points read; each cell of CARD_CELL units shows their mean.
TOKENS = {token for style in CARD_STYLES.values() for token in (style.line, style.fill) if token}
STRIP, EDGE = 112, 8  # height of the curve and its distance below the map, units of the drawing
BARS, BAR = (16, 72), 40  # Tops of the two bars of a changed surface below the map, and their height.


def region_plan(
    region: AdministrativeRegion, alerts: Sequence[Alert], cards: Sequence[AlertCard], numbered: bool
) -> plans.Plan:
    """Draw a region with a mark for each alert: its number in the list if `numbered`, else the symbol of its kind."""
    frame = plans.frame_around(region.view.extent)
    outline = _fine(frame, from_wkb(bytes(region.outline.wkb)))
    marks = [
        _mark(frame, card, str(number) if numbered else row_of(card.kind).mark.symbol)
        for number, card in enumerate(cards, 1)
    ]
    title = ngettext(
        "%(region)s with %(number)s moving place", "%(region)s with %(number)s moving places", len(marks)
    ) % {"region": region.title, "number": whole(len(marks))}
    below = plans.drawn(frame, "region", [outline])
    return _plan(frame, title, region.layer.simulated, _outlines(frame, alerts), marks, below)


def alert_plan(alert: Alert, card: AlertCard, inner: Sequence[dict[str, Any]]) -> plans.Plan:
    """Draw the surroundings of an alert with its outline. inner: outlines of its faster parts, GeoJSON."""
    frame = plans.frame_around(join_halves(alert.area).bounds, margin=1.5, least_km=MIN_KM)
    parts = plans.drawn(frame, "inner", [shape(geometry) for geometry in inner])
    title = _("The surroundings of alert %(code)s") % {"code": card.code}
    return _plan(frame, title, alert.simulated, [*_outlines(frame, [alert], always=True), *parts])


def place_plan(
    longitude: float, latitude: float, radius_m: float, columns: tuple[Float64, Float64, Float64], simulated: bool
) -> tuple[plans.Plan, int]:
    """Draw points around a place and the circle that holds them; return the plan and the rate in full colour, mm/yr.

    columns: longitudes, latitudes and rates (mm/yr) of the points.
    """
    circle = disc(longitude, latitude, radius_m)
    frame = plans.frame_around(join_halves(circle).bounds, margin=0.12, tallest=0.8)
    longitudes, latitudes, rates = columns
    x, y = frame.place(longitude, latitude)
    right = x + ((longitudes - longitude + 180) % 360 - 180) * frame.x_per_degree
    full = full_colour_mm_yr(float(np.abs(rates).max()))
    dots = plans.rate_dots(right, y - (latitudes - latitude) * frame.y_per_degree, rates, full)
    shapes = [
        *plans.drawn(frame, "circle", [circle]),
        *(dot._replace(css="dots dots--edge") for dot in dots),
        *(dot._replace(css=f"dots {dot.css}") for dot in dots),
        Shape("here", f"M{x - 9:g} {y:g}h18M{x:g} {y - 9:g}v18"),
    ]
    return _plan(frame, _("The points around this place"), simulated, shapes), full


def outlines_plan(title: str, places: Sequence[tuple[int, str, BaseGeometry]], simulated: bool) -> plans.Plan:
    """Draw numbered outlines (degrees) of kinds with what lies around them; a mark leads to `#place-NUMBER`."""
    frame = plans.frame_around(
        join_halves(unary_union([one for *_, one in places])).bounds, margin=0.15, least_km=MIN_KM
    )
    shapes: list[Shape] = []
    marks = []
    for number, kind, outline in places:
        look, middle = row_of(kind or Kind.UNKNOWN).mark, outline.representative_point()
        shapes += plans.drawn(frame, f"area tone--{look.colour}", [_fine(frame, outline)])
        x, y = frame.place(middle.x, middle.y)
        css, words = f"tone--{look.colour} state--confirmed", whole(number)
        marks.append(plans.Mark(x, y, css, look.shape, words, words, f"#place-{number}"))
    return _plan(frame, title, simulated, shapes, marks)


def footprints_plan(title: str, footprints: Sequence[BaseGeometry], simulated: bool) -> plans.Plan:
    """Draw where data sets lie (degrees); where several overlap, the colour is stronger."""
    frame = plans.frame_around(join_halves(unary_union(footprints)).bounds, least_km=MIN_KM, tallest=plans.FLATTEST)
    areas = [area for one in footprints for area in plans.drawn(frame, "region", [_fine(frame, one)])]
    return _plan(frame, title, simulated, areas)


def card_shapes(alert: Alert) -> tuple[Frame, list[Shape], list[Shape]]:
    """Return the frame of an alert's small picture, the ground in it without small roads, and the outline."""
    frame = plans.frame_around(join_halves(alert.area).bounds, margin=0.4, least_km=CARD_KM, tallest=CARD_TALL)
    height = round(CARD_TALL * plans.WIDTH)  # The middle and the scale of the frame stay the same.
    frame = frame._replace(north=frame.north + (height - frame.height) / 2 / frame.y_per_degree, height=height)
    ground = [*_ground(frame, alert.simulated), *_context(frame, alert.simulated, skip=NEAR_KM)]
    return frame, ground, plans.drawn(frame, "area", [_fine(frame, smooth_steps(alert.area), CARD_FINE)])


def mail_plan(alert: Alert, card: AlertCard) -> plans.Plan:
    """Draw the surroundings of an alert for a mail, in a flat frame; a small outline also gets a mark."""
    extent, area = join_halves(alert.area).bounds, from_wkb(bytes(alert.area.wkb))
    for least_km in MAIL_KM:
        frame = plans.frame_around(extent, margin=1.5, least_km=least_km, tallest=plans.FLATTEST)
        context, places = _context(frame, alert.simulated), _places(frame, alert.simulated)
        if context or places or alert.simulated:
            break
    names = plans.names_on(frame, places, [], MAX_NAMES, LARGER)
    shapes = [*_ground(frame, alert.simulated), *context, *_outlines(frame, [alert], always=True)]
    marks = [_mark(frame, card, "")] if plans.is_small(frame, area, MARKED_BELOW) else []
    return plans.Plan(640, frame.height, card.place, shapes, marks, names, plans.scale_of(frame))


def _plan(
    frame: Frame,
    title: str,
    simulated: bool,
    above: Sequence[Shape],
    marks: Sequence[plans.Mark] = (),
    below: Sequence[Shape] = (),
) -> plans.Plan:
    """Draw shapes and marks, of which the first lies on top, over what is in a frame. below: shapes on the ground."""
    shapes, marks = [*_ground(frame, simulated), *below, *_context(frame, simulated), *above], marks[::-1]
    names = plans.names_on(frame, _places(frame, simulated), [(mark.x, mark.y) for mark in marks], MAX_NAMES)
    return plans.Plan(640, frame.height, title, shapes, list(marks), names, plans.scale_of(frame))


def _places(frame: Frame, simulated: bool) -> list[tuple[str, float, float]]:
    """Return (name, longitude, latitude) of the places in a frame, the most populous first, at most 3 * MAX_NAMES."""
    places = Place.objects.filter(position__within=geos(box_of(frame.bounds)), kind="town", layer__simulated=simulated)
    largest = places.order_by("-population", "pk")[: 3 * MAX_NAMES]
    return [(place.name, place.position.x, place.position.y) for place in largest]


def _ground(frame: Frame, simulated: bool) -> list[Shape]:
    borders = _shapes(frame, "administrativeregion", "outline", "NOT layer.shipped", simulated)
    box, (_countries, tree) = box_of(frame.bounds), country_parts()
    found = tree.query(box, predicate="intersects")
    land = [] if simulated else [tree.geometries[index].intersection(box) for index in found]
    return [*plans.drawn(frame, "land", [*land, *borders]), *plans.drawn(frame, "border", borders)]


def _context(frame: Frame, simulated: bool, skip: float = 0.0) -> list[Shape]:
    """Draw the layers that a frame of this width shows. skip: km; leave out those of frames up to this width."""
    return [
        plan
        for css, table, column, condition, widest_km in LAYERS
        if skip < widest_km >= frame.width_km
        for plan in plans.drawn(frame, css, _shapes(frame, table, column, condition, simulated))
    ]


def _outlines(frame: Frame, alerts: Sequence[Alert], always: bool = False) -> list[Shape]:
    """Draw outlines of alerts in the colours of their kinds. always: also those too small to see."""
    shapes: list[Shape] = []
    for alert in alerts:
        area = smooth_steps(alert.area)
        if always or not plans.is_small(frame, area):
            shapes += plans.drawn(frame, f"area tone--{row_of(alert.kind).mark.colour}", [_fine(frame, area)])
    return shapes


def _mark(frame: Frame, card: AlertCard, text: str) -> plans.Mark:
    x, y = frame.place(card.longitude, card.latitude)
    tone = f"tone--{card.mark.colour} state--{card.state}"
    return plans.Mark(x, y, tone, card.mark.shape, text, alert_title(card), card.url)


def _fine(frame: Frame, outline: BaseGeometry, finest: float = 0.5) -> BaseGeometry:
    """Clip an outline to a frame and simplify it to `finest` units of the drawing."""
    clipped = outline if isinstance(outline, MultiPolygon) and outline.is_valid else outline.buffer(0)
    return clipped.intersection(box_of(frame.bounds)).simplify(finest / frame.y_per_degree)


def _shapes(frame: Frame, table: str, column: str, condition: str, simulated: bool) -> list[BaseGeometry]:
    """Return a layer's shapes within the frame, clipped to it and simplified to the resolution of the drawing."""
    sql = f"""
        SELECT ST_AsBinary(ST_Simplify(ST_ClipByBox2D(feature.{column}, frame.box), %(fine)s))
        FROM (SELECT (ST_Dump(ST_GeomFromEWKB(%(boxes)s))).geom AS box) AS frame,
             ingest_{table} AS feature JOIN ingest_contextlayer AS layer ON layer.id = feature.layer_id
        WHERE feature.{column} && frame.box AND layer.simulated = %(simulated)s AND {condition}
        ORDER BY feature.id LIMIT {MAX_FEATURES}"""  # noqa: S608
    boxes = bytes(geos(box_of(frame.bounds)).ewkb)
    with connection.cursor() as cursor:
        cursor.execute(sql, {"fine": 0.5 / frame.y_per_degree, "simulated": simulated, "boxes": boxes})
        return [from_wkb(bytes(row[0])) for row in cursor.fetchall() if row[0] is not None]


def card_fingerprint(alert: Alert) -> str:
    """Return an ETag that changes with an alert and with its motion."""
    motion = AlertMotion.objects.filter(alert=alert).values_list("updated_at", flat=True).first()
    return etag_of("card", VERSION, alert.pk, alert.updated_at, motion)


def card_svg(alert: Alert) -> bytes:
    """Return the picture of an alert for pages, in light and dark, of at most MAX_BYTES."""
    themes = {theme: sorted(plan_pictures.theme_colours(theme, TOKENS).items()) for theme in ("light", "dark")}
    context = {"themes": themes, "styles": CARD_STYLES, "cell": CARD_CELL, "dot": DOT_SHARE}
    context |= {"width": WIDTH, "height": CARD_HEIGHT}

    def draw(drawing: CardDrawing) -> bytes:
        return render_to_string("maps/map/card.svg", context | drawing._asdict()).encode()

    return _kept(alert, "svg", draw)


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
        kept = b64encode(picture).decode()  # The cache holds JSON, which takes no bytes.
        cache.set(key, kept, KEPT_S)
    return b64decode(kept)


def _ever_plainer(drawing: CardDrawing) -> Iterator[CardDrawing]:
    """Yield a drawing, then without buildings and roads, without the coast, without points, and only its curve."""
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
            widths = {"rest": longest, "whole": round(longest * share)}
            above += [Shape(css, _box(20, y, 20 + width, y + BAR)) for css, width in widths.items()]
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
    shown = [detection for detection in detections if detection.scan.prediction.run.product]
    if not shown or alert.extent != Extent.LOCAL:
        return []
    source = product or field_of(shown[0])
    points = product_points(product=source, area=geos(box_of(frame.bounds)), most=MAX_POINTS)
    rates = points.velocity_mm_yr
    col = ((longitude_near(points.longitude, frame.middle) - frame.west) * frame.x_per_degree // CARD_CELL).astype(int)
    row = ((frame.north - points.latitude) * frame.y_per_degree // CARD_CELL).astype(int)
    cols = WIDTH // CARD_CELL
    inside = (col >= 0) & (col < cols) & (row >= 0) & (row < frame.height // CARD_CELL) & np.isfinite(rates)
    flat = (row * cols + col)[inside]
    counts, sums = np.bincount(flat), np.bincount(flat, weights=rates[inside])
    cells = np.flatnonzero(counts)
    full = full_colour_mm_yr(alert.peak_rate_mm_yr)
    return plans.rate_dots(cells % cols, cells // cols, sums[cells] / counts[cells], full)
