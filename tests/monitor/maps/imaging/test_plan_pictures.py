"""Maps as PNG: small, in the colours of the site, with names that can be read."""

import re
from io import BytesIO

from PIL import Image
from shapely.geometry import LineString, box

from detection.kinds import KINDS
from monitor.maps.imaging import plan_pictures as pictures
from monitor.maps.imaging.plans import FLATTEST, Mark, Name, Plan, drawn, frame_around, scale_of

OUTLINE = box(7.0, 51.40, 7.05, 51.43)


def made_plan(names: list[Name] | None = None, marks: list[Mark] | None = None) -> Plan:
    frame = frame_around(OUTLINE.bounds, margin=1.5, tallest=FLATTEST)
    shapes = [
        *drawn(frame, "land", [box(6.5, 51.0, 7.6, 51.8)]),
        *drawn(frame, "water", [LineString([(6.9, 51.2), (7.2, 51.6)])]),
        *drawn(frame, "area tone--landslide", [OUTLINE]),
    ]
    return Plan(640, frame.height, "here", shapes, marks or [], names or [], scale_of(frame))


def pixels(plan: Plan) -> Image.Image:
    return Image.open(BytesIO(pictures.plan_png(plan))).convert("RGB")


def test_a_map_is_as_large_as_its_drawing_and_small_to_send():
    plan = made_plan([Name(100, 100, "Łódź-Zürich", "start")])
    content = pictures.plan_png(plan)
    assert len(content) < 20_000
    assert Image.open(BytesIO(content)).size == (640, plan.height) == (640, 352)


def test_the_alert_is_seen_in_the_colour_of_its_kind_over_the_land():
    picture = pixels(made_plan())
    land, kind = pictures.colour("map-land"), pictures.colour("kind-landslide")
    over = tuple(round(0.7 * one + 0.3 * other) for one, other in zip(land, kind, strict=True))
    near = [max(abs(a - b) for a, b in zip(picture.getpixel((320, 176)), one, strict=True)) for one in (over, land)]
    assert near[0] <= 8 < near[1]


def test_a_small_alert_has_a_mark():
    marked = made_plan(marks=[Mark(50.0, 300.0, "tone--uplift state--first", "disc", "", "", "")])
    blue = pictures.colour("kind-uplift")
    assert max(abs(a - b) for a, b in zip(pixels(marked).getpixel((50, 300)), blue, strict=True)) <= 8


def test_names_are_written_with_their_own_letters_or_not_at_all():
    without = pictures.plan_png(made_plan())
    assert pictures.plan_png(made_plan([Name(100, 100, "金沢市", "start")])) == without
    for name in ("Zürich", "Łódź", "Αθήνα", "Київ", "Córdoba"):
        assert pictures.plan_png(made_plan([Name(100, 100, name, "start")])) != without


def test_every_kind_has_its_colour_and_pages_have_the_same_shapes():
    for row in KINDS.values():
        assert pictures.colour(f"kind-{row.mark.colour}")
    css = (pictures.SITE_DIR / "static" / "css" / "drawing.css").read_text()
    assert set(pictures.STYLES) <= set(re.findall(r"^\.plan \.([\w-]+)", css, re.MULTILINE))
