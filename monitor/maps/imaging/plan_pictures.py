"""Maps and pictures of cards as PNG for mails, drawn in the site's light colours. Pure: shapes in, bytes out."""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from io import BytesIO
from typing import Any, NamedTuple

from PIL import Image, ImageDraw, ImageFont

from ingest.foundation.folders import SITE_DIR
from monitor.maps.imaging.plans import RAMP, WIDTH, Mark, Plan, Scale, Shape

VARIABLES = SITE_DIR / "static" / "css" / "variables.css"
FONT = SITE_DIR / "static" / "vendor" / "dejavu-fonts-ttf" / "DejaVuSansCondensed.ttf"
OVERSAMPLING = 2  # the map is drawn larger by this factor and then reduced, for smooth edges
COLOURS = 64
LARGER = 1.5  # Letters are larger than on a page, because a phone shows a mail's map at about half its size.
LETTERS = LARGER * 12.5  # height in units of the drawing; 12.5 as in static/css/drawing.css
DOT, MARK, NUMBERED, EDGE = 3.0, 8.0, 14.0, 3.0
Point = tuple[float, float]
Colour = tuple[int, int, int]
CARD_HEIGHT, CARD_CELL = 528, 16  # Height and cell of a card in pixels; a cell holds one dot.
DOT_SHARE = 0.8  # diameter of a dot by the side of its cell


class Style(NamedTuple):
    """Style of a shape. line, fill: tokens of static/css/variables.css; width: drawing units; share: opacity, 0-1."""

    line: str = ""
    width: float = 1.0
    fill: str = ""
    share: float = 1.0


STYLES = {  # The last CSS class of a shape chooses; static/css/drawing.css says the same to pages.
    "land": Style("map-border", 1.0, "map-land"),
    "border": Style(line="map-coast"),
    "region": Style("accent", 2.0, "accent", 0.14),
    "glacier": Style("context-glaciers", 1.0, "context-glaciers", 0.25),
    "water": Style("map-river", 1.4),
    "mine": Style("context-mines", 1.0, "context-mines", 0.2),
    "road": Style("map-road", 2.0),
    "road--small": Style("map-road", 1.0),
    "railway": Style("map-rail", 1.6),
    "inner": Style("alert-line"),
}
CARD_STYLES = {  # A card shows its picture at a quarter of its size.
    "sea": Style(fill="map-water"),
    "land": Style(fill="map-land"),
    "border": Style("map-coast", 4.0),
    "glacier": Style(fill="map-lake"),
    "water": Style("map-river", 4.0),
    "mine": Style(fill="map-lake"),
    "road": Style("map-road", 4.0),
    "railway": Style("map-rail", 4.0),
    "casing": Style("alert-casing", 12.0),
    "area": Style("alert-line", 6.0),
    "base": Style(fill="surface-soft"),
    "zero": Style("line-strong", 4.0),
    "change": Style("text-soft", 8.0),
    "curve": Style("accent", 8.0),
    "rest": Style(fill="line"),
    "whole": Style(fill="accent"),
    **{token: Style(fill=token) for token in RAMP},
}


class CardDrawing(NamedTuple):
    """Layers of a card's picture. ground, above: shapes of CARD_STYLES; points: dots in cells, by colour token."""

    ground: list[Shape]
    points: list[Shape]
    above: list[Shape]


def card_png(drawing: CardDrawing) -> bytes:
    """Return the picture of a card as a PNG, twice as large as it is shown."""
    image = Image.new("RGB", (WIDTH * OVERSAMPLING, CARD_HEIGHT * OVERSAMPLING))
    draw = ImageDraw.Draw(image)
    for shape in drawing.ground:
        _shape(image, draw, shape, CARD_STYLES)
    cell = CARD_CELL * OVERSAMPLING
    reach = DOT_SHARE * cell / 2
    for dots in drawing.points:
        for col, row in re.findall(r"M(\d+) (\d+)", dots.d):
            x, y = (int(col) + 0.5) * cell, (int(row) + 0.5) * cell
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=colour(dots.css))
    for shape in drawing.above:
        _shape(image, draw, shape, CARD_STYLES)
    return _png(image, 2 * OVERSAMPLING)


def plan_png(plan: Plan) -> bytes:
    """Return a map as a PNG with at most 64 colours, always in the light theme."""
    size = (plan.width * OVERSAMPLING, plan.height * OVERSAMPLING)
    image = Image.new("RGB", size, colour("map-water"))
    draw = ImageDraw.Draw(image)
    for shape in plan.shapes:
        _shape(image, draw, shape, STYLES)
    _names(draw, plan)
    for mark in plan.marks:
        _mark(draw, mark)
    if plan.scale:
        _scale(draw, plan, plan.scale)
    draw.rectangle((0, 0, size[0] - 1, size[1] - 1), outline=colour("line"), width=OVERSAMPLING)
    return _png(image, OVERSAMPLING)


def _png(image: Image.Image, reduction: int) -> bytes:
    return png_of(image.reduce(reduction).quantize(COLOURS, method=Image.Quantize.FASTOCTREE), optimize=True)


def png_of(image: Image.Image, **options: Any) -> bytes:
    """Encode an image as PNG. options: of Pillow's writer."""
    out = BytesIO()
    image.save(out, "PNG", **options)
    return out.getvalue()


@lru_cache(maxsize=2)
def _codes(theme: str) -> dict[str, str]:
    light, *_print, dark = VARIABLES.read_text().split("@media")
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", dark if theme == "dark" else light))


def theme_colours(theme: str, tokens: Collection[str]) -> dict[str, str]:
    """Return the colours of tokens, such as '#1c2326', in the theme light or dark."""
    return {name: code for name, code in _codes(theme).items() if name in tokens}


def colour(token: str) -> Colour:
    """Return red, green and blue of a colour token. Raises KeyError."""
    code = _codes("light")[token]
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)


def _shape(image: Image.Image, draw: ImageDraw.ImageDraw, shape: Shape, styles: Mapping[str, Style]) -> None:
    name = shape.css.split()[-1]
    tone = name.replace("tone--", "kind-")
    style = styles[name] if tone == name else Style(tone, 2.0, tone, 0.3)
    lines = list(_lines(shape.d))
    areas = [points for points, closed in lines if closed and len(points) > 2] if style.fill else []
    if areas and style.share == 1:
        for points in areas:
            draw.polygon(points, fill=colour(style.fill))
    elif areas:
        mask = Image.new("L", image.size)
        for points in areas:
            ImageDraw.Draw(mask).polygon(points, fill=round(255 * style.share))
        if box := mask.getbbox():
            image.paste(colour(style.fill), box, mask.crop(box))
    if style.line:
        for points, closed in lines:
            ends = [*points, points[0]] if closed else points
            draw.line(ends, fill=colour(style.line), width=round(style.width * OVERSAMPLING), joint="curve")


def _lines(path: str) -> Iterator[tuple[list[Point], bool]]:
    """Yield each line of an SVG path of `plans`, in pixels, and whether it is closed."""
    for part in path.split("M")[1:]:
        numbers = [float(number) * OVERSAMPLING for number in re.findall(r"[-\d.e]+", part)]
        yield list(zip(numbers[::2], numbers[1::2], strict=True)), part.endswith("Z")


def _names(draw: ImageDraw.ImageDraw, plan: Plan) -> None:
    """Draw each name next to its dot (farther away if a mark covers the dot), or in the middle of its area."""
    for name in filter(lambda name: _can_write(name.text), plan.names):
        x, y = name.x * OVERSAMPLING, name.y * OVERSAMPLING
        if name.anchor == "middle":
            _write(draw, (x, y), name.text, "mm")
            continue
        dot = DOT * OVERSAMPLING
        draw.ellipse((x - dot, y - dot, x + dot, y + dot), fill=colour("text-soft"))
        covered = any(math.hypot(mark.x - name.x, mark.y - name.y) < MARK + EDGE for mark in plan.marks)
        beside = (MARK + EDGE if covered else DOT) + 4
        side = -1 if name.anchor == "end" else 1
        _write(draw, (x + side * beside * OVERSAMPLING, y), name.text, "rm" if side < 0 else "lm")


def _mark(draw: ImageDraw.ImageDraw, mark: Mark) -> None:
    """Draw a mark; a numbered one is larger, to hold its number."""
    x, y = mark.x * OVERSAMPLING, mark.y * OVERSAMPLING
    size = NUMBERED if mark.text.isdigit() else MARK
    tone = next(one for one in mark.css.split() if one.startswith("tone--"))
    for radius, fill in ((size + EDGE, colour("surface")), (size, colour(tone.replace("tone--", "kind-")))):
        reach = radius * OVERSAMPLING
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=fill)
    if size == NUMBERED:
        draw.text((x, y), mark.text, colour("surface"), _font(), anchor="mm")


def _scale(draw: ImageDraw.ImageDraw, plan: Plan, scale: Scale) -> None:
    left, y, right = 14 * OVERSAMPLING, plan.scale_y * OVERSAMPLING, (14 + scale.width) * OVERSAMPLING
    bar = [(left, y - 5 * OVERSAMPLING), (left, y), (right, y), (right, y - 5 * OVERSAMPLING)]
    for token, width in (("map-halo", 4), ("text", 1.5)):
        draw.line(bar, fill=colour(token), width=round(width * OVERSAMPLING))
    _write(draw, (left + 4 * OVERSAMPLING, y - 14 * OVERSAMPLING), scale.label, "lm")
    arrow = ((0, 12), (6, 30), (0, 26), (-6, 30))
    draw.polygon([((plan.north_x + x) * OVERSAMPLING, y * OVERSAMPLING) for x, y in arrow], fill=colour("text"))


def _write(draw: ImageDraw.ImageDraw, at: Point, text: str, anchor: str) -> None:
    halo, edge = colour("map-halo"), 2 * OVERSAMPLING
    draw.text(at, text, colour("text"), _font(), anchor=anchor, stroke_width=edge, stroke_fill=halo)


@lru_cache(maxsize=1)
def _font() -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONT, LETTERS * OVERSAMPLING, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=1024)
def _can_write(text: str) -> bool:
    """Return whether the font has every letter of a text; other letters would be drawn as empty boxes."""
    unknown = bytes(_font().getmask("\uffff"))
    return all(letter.isspace() or bytes(_font().getmask(letter)) != unknown for letter in text)
