"""Charts and maps that the server draws: positions follow the figures."""

import re
from datetime import date

import pytest
from shapely.geometry import MultiPolygon, box

from monitor.maps.imaging.charts import Curve, column_chart, rounded_steps, series_chart
from monitor.maps.imaging.plans import WIDTH, drawn, frame_around, names_on, scale_of


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
