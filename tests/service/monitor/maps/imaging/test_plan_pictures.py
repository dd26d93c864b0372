"""Charts and maps that the server draws: positions follow the figures, colours differ, names can be read."""

import math
import re
from datetime import date
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from shapely.geometry import LineString, MultiPolygon, box

from detection.kinds import KINDS
from monitor.maps.imaging import plan_pictures as pictures
from monitor.maps.imaging.charts import Curve, column_chart, rounded_steps, series_chart, zero_mm
from monitor.maps.imaging.drawing import RATE_STOPS
from monitor.maps.imaging.plans import FLATTEST, WIDTH, Mark, Name, Plan, drawn, frame_around, names_on, scale_of

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


def test_the_alert_and_its_mark_are_seen_in_the_colour_of_its_kind_over_the_land():
    picture = pixels(made_plan(marks=[Mark(50.0, 300.0, "tone--uplift state--first", "disc", "", "", "")]))
    land, kind, mark = (np.array(pictures.colour(name)) for name in ("map-land", "kind-landslide", "kind-uplift"))
    seen, marked = (np.array(picture.getpixel(at), dtype=int) for at in ((320, 176), (50, 300)))
    assert np.abs(seen - np.rint(0.7 * land + 0.3 * kind)).max() <= 8 < np.abs(seen - land).max()
    assert np.abs(marked - mark).max() <= 8


def test_a_numbered_mark_shows_its_number():
    def number(text: str) -> Image.Image:
        marked = made_plan(marks=[Mark(100.0, 300.0, "tone--uplift state--confirmed", "disc", text, text, "")])
        return pixels(marked).crop((88, 288, 113, 313))

    assert len({number(text).tobytes() for text in ("1", "2", "12", "")}) == 4


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


# Machado, Oliveira and Fernandes 2009, doi 10.1109/TVCG.2009.113, whole loss of a cone; linear RGB
SEEN = {
    "red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
JUST_CLEAR = 20.0  # CIE 1976: colours that nobody takes for each other


def lab(stops: tuple[str, ...], missing: str) -> np.ndarray:
    """CIELAB of colours as somebody without one kind of cones sees them, (n, 3)."""
    rgb = np.array([[int(stop[at : at + 2], 16) / 255 for at in (1, 3, 5)] for stop in stops])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = np.clip(linear @ np.array(SEEN[missing]).T, 0, 1) @ np.array(XYZ).T / np.sum(XYZ, axis=1)
    bent = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.stack([116 * bent[:, 1] - 16, 500 * (bent[:, 0] - bent[:, 1]), 200 * (bent[:, 1] - bent[:, 2])], axis=1)


@pytest.mark.parametrize("missing", SEEN)
def test_sinking_and_rising_differ_for_every_kind_of_colour_blindness(missing):
    seen, middle = lab(RATE_STOPS, missing), len(RATE_STOPS) // 2
    for step in range(1, middle + 1):
        assert np.linalg.norm(seen[middle - step] - seen[middle + step]) > JUST_CLEAR, step
    assert (np.diff(seen[: middle + 1, 0]) > 0).all(), "the faster it sinks, the darker"
    assert (np.diff(seen[middle:, 0]) < 0).all(), "the faster it rises, the darker"


@pytest.mark.parametrize(("low", "high"), [(-14.2, 3.0), (0, 0), (0, 1), (-0.004, 0.002), (0, 7300)])
def test_steps_are_round_few_and_hold_the_values(low, high):
    steps = rounded_steps(low, high)
    assert steps[0] <= low
    assert steps[-1] >= high
    assert 2 <= len(steps) <= 8
    step = steps[1] - steps[0]
    assert f"{step:.0e}"[0] in "125"


def test_a_series_falls_where_the_ground_sinks_and_leaves_gaps_out():
    days = [date(2020, 1, 1), date(2021, 1, 1), date(2022, 1, 1)]
    chart = series_chart(Curve(days, [0.0, None, -20.0], [0.0, -10.0, -20.0], changes=[days[1], date(1999, 1, 1)]))
    dots = [tuple(map(float, one)) for one in re.findall(r"M([\d.]+) ([\d.]+)h0", chart["dots"])]
    assert len(dots) == 2
    assert dots[0][0] < dots[1][0]
    assert dots[0][1] < dots[1][1]  # y grows downward
    assert dots[0][1] == chart["zero"]
    assert len(chart["changes"]) == 1
    assert [tick["label"] for tick in chart["x_ticks"]] == ["2021", "2022"]
    assert "−20" in [tick["label"] for tick in chart["y_ticks"]]
    with pytest.raises(ValueError, match="at least one value"):
        series_chart(Curve(days, [None, None, None]))


def test_a_curve_begins_at_zero_on_its_first_date():
    days = [date(2020, 1, 1), date(2021, 1, 1), date(2022, 1, 1)]
    line = [90.0, 0.0, -97.0]  # as files have it whose zero is in the middle
    curve = Curve(days, [95.0, None, -100.0], line, [80.0, -10.0, -107.0], [100.0, 10.0, -87.0]).from_zero()
    assert (curve.line[0], curve.line[-1]) == (0.0, -187.0)
    assert curve.values == [5.0, None, -190.0]
    assert (curve.low[0], curve.high[0]) == (-10.0, 10.0)
    assert zero_mm([None, math.nan], [math.nan, 4.0]) == 4.0
    assert zero_mm([], [None]) == 0.0


def test_a_column_is_as_high_as_its_number():
    chart = column_chart([("Jan", 4, 4), ("Feb", 8, 2), ("Mar", 0, 1)])
    heights = [column["height"] for column in chart["columns"]]
    assert heights[1] == pytest.approx(2 * heights[0], abs=0.2)
    assert heights[2] == chart["columns"][2]["new_height"] == 0  # found and gone in the same month
    assert chart["columns"][1]["new_height"] == pytest.approx(heights[1] / 4, abs=0.2)


def test_a_map_is_true_to_shape_and_scale():
    frame = frame_around((10.0, 60.0, 10.2, 60.1))  # at 60° north a degree of longitude is half as long
    (path,) = drawn(frame, "area", [MultiPolygon([box(10.0, 60.0, 10.2, 60.1)])])
    xs, ys = zip(*((float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", path.d)), strict=True)
    assert max(xs) - min(xs) == pytest.approx(max(ys) - min(ys), rel=0.02)
    assert 0 < min(xs) < max(xs) < WIDTH
    assert 0 < min(ys) < max(ys) < frame.height
    scale = scale_of(frame)
    km = float(scale.label.removesuffix(" km"))
    assert scale.width / km == pytest.approx((max(ys) - min(ys)) / 11.13, rel=0.02)


def test_names_do_not_lie_over_each_other_or_beyond_the_edge():
    frame = frame_around((0.0, 0.0, 1.0, 1.0))
    west, south, east, north = frame.bounds
    places = [("Capital", 0.5, 0.5), ("Suburb", 0.501, 0.5), ("Eastport", east - 0.01, 0.2), ("Off", 5.0, 5.0)]
    names = names_on(frame, places, [], 9)
    assert [(name.text, name.anchor) for name in names] == [("Capital", "start"), ("Eastport", "end")]
    assert names_on(frame, places, [frame.place(0.5, 0.5)], 9)[0].text == "Eastport"
