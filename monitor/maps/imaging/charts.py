"""Charts as SVG: time series, curves of an alert, histograms, and columns of counts, as positions and paths."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from ground_motion.methods.deformation.motion.series import WITHIN_90
from monitor.maps.imaging.plans import RAMP, ramp_step
from monitor.wording.components import both_directions
from monitor.wording.datum import zero_sentence
from monitor.wording.figures import short, whole
from monitor.wording.images import data_set_name

WIDTH, HEIGHT = 640, 220  # units of the drawing
# Width, height and left margin of a chart of a series, drawn so small that its letters stay readable on a phone.
SMALL = (400, 132, 40)
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 10, 24
SIDE = 320  # A square drawing has this side.
SQUARE = (SIDE, SIDE, LEFT)
TICKS = 4
RAIN_DAYS = 30  # rain is drawn in millimetres per 30 days
GAP = 0.3  # gap between two columns, as a share of their spacing
MAX_YEARS = 7  # Most years labelled below a series.
RATE_COLUMNS = 16  # About this many columns show the rates of an area's points.
MAX_LIMITS = 9  # Most limits labelled below a histogram.


class Curve(NamedTuple):
    """Series for a chart, None where unknown. low, high: limits of its band; line: its fit; changes: dates to mark."""

    dates: Sequence[date]
    values: Sequence[float | None] = ()
    line: Sequence[float | None] = ()
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    changes: Sequence[date] = ()

    def from_zero(self) -> "Curve":
        """Return the series as people read it, from zero at its first date."""
        zero = zero_mm(self.line, self.values)
        values, line, low, high = (
            [None if v is None else v - zero for v in part] for part in (self.values, self.line, self.low, self.high)
        )
        return self._replace(values=values, line=line, low=low, high=high)


def zero_mm(*parts: Iterable[float | None]) -> float:
    """Return the displacement that charts draw as zero: the first known value of the first part that has one.

    parts: the trend or mean of a series, then its single dates. Data sets put their zero at any date.
    """
    return next((float(v) for part in parts for v in part if v is not None and not math.isnan(v)), 0.0)


def series_chart(curve: Curve) -> dict[str, Any]:
    """Return SVG paths of dots, fit and band, and positions of changes and ticks. Raises ValueError without a value."""
    width, height, left = SMALL
    base = height - BOTTOM
    known = [value for part in (curve.values, curve.line, curve.low, curve.high) for value in part if value is not None]
    if not known:
        raise ValueError("a chart needs at least one value")
    steps = rounded_steps(min(0.0, *known), max(0.0, *known))
    first, last = curve.dates[0], curve.dates[-1]
    days, years = max(1, (last - first).days), range(first.year + 1, last.year + 1)
    named = years[:: math.ceil(len(years) / MAX_YEARS) or 1]
    y = axis(steps, base, TOP)

    def x(day: date) -> float:
        return round(left + (width - left - RIGHT) * (day - first).days / days, 1)

    def places(values: Sequence[float | None]) -> list[tuple[float, float]]:
        return [(x(day), y(value)) for day, value in zip(curve.dates, values, strict=True) if value is not None]

    band = [*places(curve.low), *reversed(places(curve.high))] if curve.low and curve.high else []
    return {
        "width": width,
        "height": height,
        "left": left,
        "right": width - RIGHT,
        "first": first.isoformat(),
        "last": last.isoformat(),
        "dots": "".join(f"M{px:g} {py:g}h0" for px, py in places(curve.values)) if curve.values else "",
        "line": path_of(places(curve.line)) if curve.line else "",
        "band": f"{path_of(band)}Z" if band else "",
        "changes": [x(day) for day in curve.changes if first <= day <= last],
        "x_ticks": [{"at": x(date(year, 1, 1)), "label": f"{year}"} for year in named],
        "y_ticks": [{"at": y(step), "label": short(step)} for step in steps],
        "zero": y(0.0),
        "base": base,
    }


def middles(view: Mapping[str, Any]) -> list[date]:
    """Return the middle day of each step of a series. view: a series of one track, as in GlacierMotion.views."""
    starts, ends = ([date.fromisoformat(day) for day in view[name]] for name in ("start", "end"))
    return [start + (end - start) // 2 for start, end in zip(starts, ends, strict=True)]


def curves(motion: Any, series: Sequence[Mapping[str, Any]], views: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return charts: motion relative to the surroundings, else mean series by data set or speeds by pair of images."""
    if not motion:
        return [_of_product(**values) for values in series] or [_of_speeds(view) for view in views]
    fit = motion.fit
    days = [date.fromisoformat(text) for text in fit["dates"]]
    changes = [date.fromisoformat(change["day"]) for change in fit["changes"] if change["kind"] != "curve"]
    low, high = ([value + sign * WITHIN_90 * fit.get("noise_mm", 0.0) for value in fit["fit_mm"]] for sign in (-1, 1))
    curve = Curve(days, fit["displacement_mm"], fit["fit_mm"], low, high, changes)
    # Translators, here and below: %(up)s and %(down)s say what up and down mean in a chart: "rising" and "sinking"
    caption = _("Against the ground around it, in millimetres (up: %(up)s; down: %(down)s), from %(source)s.")
    source, chart = _named(motion.product), series_chart(curve.from_zero())
    return [{"chart": chart, "caption": caption % source, "unit": "mm", "band_words": _("nine of ten dates")}]


def _named(product: Any) -> dict[str, str]:
    """Return what the caption of a chart says of its data set."""
    negative, positive = both_directions(product.component)
    return {"up": positive, "down": negative, "source": data_set_name(product.name)}


def _of_product(product: Any, series: Any, provisional: Any = None) -> dict[str, Any]:
    line, low, high = (part.tolist() for part in (series.mean_mm, series.low_mm, series.high_mm))
    curve = Curve(series.dates, line=line, low=low, high=high)
    if provisional is not None:
        new = provisional.mean_mm.tolist()
        edges = [(provisional.mean_mm + sign * provisional.sigma_mm).tolist() for sign in (-1, 1)]
        days = [*series.dates, *provisional.dates]
        curve = Curve(days, [*[None] * len(line), *new], line + new, low + edges[0], high + edges[1])
    caption = _("Mean of the points (%(n)s) in millimetres (up: %(up)s; down: %(down)s), %(source)s.")
    caption %= {"n": whole(series.n_points), **_named(product)}
    drawn = {
        "chart": series_chart(curve.from_zero()),
        "unit": "mm",
        "band_words": _("two thirds of the points lie in this band"),
    }
    if provisional is None:
        return drawn | {"caption": caption}
    caption += " " + _("Dots: new passes, provisional, within one standard deviation.")
    return drawn | {"caption": caption, "dots_words": _("new passes, provisional")}


def _of_speeds(view: dict[str, Any]) -> dict[str, Any]:
    speeds, sigmas = view["speed_m_day"], view["sigma_m_day"]
    low, high = (
        [
            None if speed is None else max(0.0, speed + sign * 2 * sigma)
            for speed, sigma in zip(speeds, sigmas, strict=True)
        ]
        for sign in (-1, 1)
    )
    return {
        "chart": series_chart(Curve(middles(view), speeds, speeds, low, high)),
        "unit": _("metres a day"),
        "caption": _("Speed in metres a day, pair by pair, %(source)s.") % {"source": view["name"]},
        "band_words": _("two standard deviations"),
    }


def gauge_charts(
    gauges: Sequence[Mapping[str, Any]], ends: tuple[date, date], changed_on: date
) -> list[dict[str, Any]]:
    """Return a chart of each gauge of a place, on the time axis of the place's curve, with the day of its change."""
    charts = []
    for gauge in gauges:
        rains, known = gauge["kind"] == "rain", [value for value in gauge["means"] if value is not None]
        if not known:
            continue
        factor, middle = (RAIN_DAYS, 0.0) if rains else (1, sum(known) / len(known))
        values = [None if value is None else factor * (value - middle) for value in gauge["means"]]
        days = [ends[0], *map(date.fromisoformat, gauge["days"]), ends[1]]
        # Translators, here and below: %(name)s is a gauge
        caption = _("Rain at %(name)s, in millimetres per 30 days.")
        if not rains:
            caption = _("Groundwater at %(name)s, in metres above (+) or below (−) its mean.")
        curve = Curve(days, line=[None, *values, None], changes=[changed_on])
        charts.append({"chart": series_chart(curve), "caption": caption % {"name": gauge["code"]}})
    return charts


def column_chart(counts: Sequence[tuple[str, int, int]]) -> dict[str, Any]:
    """Return the positions of columns and ticks. counts: for each column the label, the total, and how many are new."""
    steps = [step for step in rounded_steps(0.0, max(1, *(total for _, total, _ in counts))) if step == int(step)]
    pitch = (WIDTH - LEFT - RIGHT) / len(counts)
    base = HEIGHT - BOTTOM
    y = axis(steps, base, TOP)
    columns = []
    for number, (label, total, new) in enumerate(counts):
        left, width = round(LEFT + pitch * (number + GAP / 2), 1), round(pitch * (1 - GAP), 1)
        top, new_top = y(total), y(min(new, total))
        whole = {"x": left, "width": width, "y": top, "height": base - top, "total": total, "label": label}
        part = {"new_y": new_top, "new_height": base - new_top, "new": new}
        columns.append(whole | part | {"middle": round(left + width / 2, 1)})
    ticks = [{"at": y(step), "label": short(step)} for step in steps]
    return {"width": WIDTH, "height": HEIGHT, "columns": columns, "y_ticks": ticks}


def scatter_chart(rows: Sequence[tuple[float, float, float, float]]) -> dict[str, Any]:
    """Return a scatter plot with equal axes: marks, error bars, 1:1 line and ticks. rows: x, its ±, y, its ±."""
    limits = [value for x, dx, y, dy in rows for value in (x - dx, x + dx, y - dy, y + dy)]
    steps = rounded_steps(min(limits), max(limits))
    base = SIDE - BOTTOM - TOP  # The name of the axis stands below it.
    across, up = axis(steps, LEFT, SIDE - RIGHT), axis(steps, base, TOP)
    bars = "".join(
        f"M{across(x - dx):g} {up(y):g}H{across(x + dx):g}M{across(x):g} {up(y - dy):g}V{up(y + dy):g}"
        for x, dx, y, dy in rows
    )
    return {
        "side": SIDE,
        "left": LEFT,
        "right": SIDE - RIGHT,
        "base": base,
        "bars": bars,
        "dots": "".join(f"M{across(x):g} {up(y):g}h0" for x, _dx, y, _dy in rows),
        "same": f"M{across(steps[0]):g} {up(steps[0]):g}L{across(steps[-1]):g} {up(steps[-1]):g}",
        "ticks": [{"x": across(step), "y": up(step), "label": short(step)} for step in steps],
    }


class Spread(NamedTuple):
    """How values are spread: counts between rounded limits, and the quartiles between which half of them lie."""

    limits: list[float]
    counts: list[int]
    low: float
    high: float


def spread_of(values: Sequence[float] | NDArray[np.floating], n_columns: int = TICKS) -> Spread:
    """Return the spread of at least one value, in about `n_columns` columns."""
    limits = rounded_steps(float(min(values)), float(max(values)), n_columns)
    counts = np.histogram(np.clip(values, limits[0], limits[-1]), limits)[0].tolist()
    return Spread(limits, counts, *np.quantile(values, (0.25, 0.75)).tolist())


def histogram_chart(spread: Spread, size: tuple[int, int, int] = SQUARE) -> dict[str, Any]:
    """Return a histogram: columns of counts, and ticks. size: width, height and left margin, units of the drawing."""
    width, height, left = size
    limits, counts = spread.limits, spread.counts
    steps = [step for step in rounded_steps(0.0, max(counts)) if step == int(step)]
    base, pitch = height - BOTTOM, (width - left - RIGHT) / len(counts)
    y = axis(steps, base, TOP)
    named = range(0, len(limits), math.ceil(len(limits) / MAX_LIMITS))
    return {
        "width": width,
        "height": height,
        "left": left,
        "right": width - RIGHT,
        "columns": [
            {
                "x": round(left + pitch * at, 1),
                "y": y(n),
                "width": round(pitch - 1, 1),
                "height": round(base - y(n), 1),
                "low": limits[at],
                "high": limits[at + 1],
                "n": n,
            }
            for at, n in enumerate(counts)
        ],
        "x_ticks": [{"at": round(left + pitch * at, 1), "label": short(limits[at])} for at in named],
        "y_ticks": [{"at": y(step), "label": short(step)} for step in steps],
        "label_at": base + 16,
    }


def rates_chart(product: Any, rates: Spread, full_mm_yr: float) -> dict[str, Any]:
    """Return a histogram of rates in the colours of the map, its caption with their zero, and the rows of its table.

    Args:
        product: data set of the points.
        rates: of the points, mm/yr.
        full_mm_yr: rate at which a map shows the full colour.
    """
    chart, source = histogram_chart(rates, SMALL), _named(product)
    for column in chart["columns"]:
        column["colour"] = RAMP[ramp_step((column["low"] + column["high"]) / 2, full_mm_yr)]
    # Translators: %(negative)s is "sinking", %(positive)s is "rising"
    caption = _("Number of points (%(n)s) by speed in mm a year (left: %(negative)s; right: %(positive)s), %(source)s.")
    # Translators: %(low)s and %(high)s are speeds with their signs, such as "−9.1"
    spread = _("Half of these points lie between %(low)s and %(high)s mm a year.")
    named = {"n": whole(sum(rates.counts)), "negative": source["down"], "positive": source["up"], **source}
    return {
        "chart": chart,
        "caption": f"{caption % named} {zero_sentence(product.datum)}",
        "sentence": spread % {"low": short(round(rates.low, 1)), "high": short(round(rates.high, 1))},
        "rows": [(short(one["low"]), short(one["high"]), whole(one["n"])) for one in chart["columns"]],
    }


def rounded_steps(low: float, high: float, n: int = TICKS) -> list[float]:
    """Return about n evenly spaced round numbers that cover low to high."""
    least = ((high - low) or 1.0) / n
    power = 10.0 ** math.floor(math.log10(least))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, max(last, first + 1) + 1)]


def axis(steps: Sequence[float], start: float, end: float) -> Callable[[float], float]:
    """Return the function from a value to its position on an axis that runs from its first step to its last."""
    return lambda value: round(start + (end - start) * (value - steps[0]) / (steps[-1] - steps[0]), 1)


def path_of(places: Sequence[tuple[float, float]]) -> str:
    """Return a path through places; empty for none."""
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in places) if places else ""
