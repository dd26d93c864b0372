"""Charts along a line as SVG: displacement by station and date as colours, and the profile of its rates."""

import math
from collections.abc import Sequence
from datetime import date
from itertools import groupby, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.rules.motion import Figure
from monitor.maps.imaging.charts import BOTTOM, RIGHT, TOP, axis, path_of, rounded_steps
from monitor.maps.imaging.plans import RAMP, ramp_step
from monitor.wording.figures import short

WIDTH, LEFT = 400, 36  # A narrow drawing keeps its letters readable on a phone.
STRIP_HEIGHT, PROFILE_HEIGHT = 170, 120
FULL_COLOURS_MM = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
FULL_SHARE = 0.98  # This share of the cells is within the colours; outliers are clipped.
MAX_LABELS = 6


def strip_chart(
    strip_mm: NDArray[np.floating], dates: Sequence[date], ends_km: tuple[float, float], breaks_km: Sequence[float]
) -> dict[str, Any]:
    """Return a chart whose columns are cells along a line, and whose rows are dates, the first above.

    Args:
        strip_mm: (cells, dates), NaN where unknown.
        dates: of the columns of strip_mm.
        ends_km: stations of both ends of the line.
        breaks_km: stations to mark.
    """
    known = np.abs(strip_mm[np.isfinite(strip_mm)])
    most = float(np.quantile(known, FULL_SHARE)) if known.size else 0.0
    full_mm = next((one for one in FULL_COLOURS_MM if one >= most), FULL_COLOURS_MM[-1])
    steps = np.where(np.isfinite(strip_mm), ramp_step(np.nan_to_num(strip_mm), full_mm), -1)
    runs = [""] * len(RAMP)
    for row, cells in enumerate(steps.T.tolist()):
        at = 0
        for step, same in groupby(cells):
            n = len(list(same))
            if step >= 0:
                runs[step] += f"M{at} {row}.5h{n}"
            at += n
    n_cells, n_dates = strip_mm.shape
    years = [place for place, (one, other) in enumerate(pairwise(dates), start=1) if one.year != other.year]
    height = STRIP_HEIGHT - BOTTOM - TOP
    labels = years[:: math.ceil(len(years) / MAX_LABELS) or 1]
    return _frame(STRIP_HEIGHT, ends_km, breaks_km) | {
        "scale_x": round((WIDTH - LEFT - RIGHT) / n_cells, 4),
        "scale_y": round(height / n_dates, 4),
        "runs": [(RAMP[step], path) for step, path in enumerate(runs) if path],
        "y_ticks": [{"at": round(TOP + height * at / n_dates, 1), "label": f"{dates[at].year}"} for at in labels],
        "key": [(name, short(round((step - 4) / 4 * full_mm, 2))) for step, name in enumerate(RAMP)],
    }


def rate_profile(
    stations_km: Sequence[float],
    rates: Sequence[Figure | None],
    ends_km: tuple[float, float],
    breaks_km: Sequence[float],
) -> dict[str, Any]:
    """Return a chart of rates by station with their uncertainty, broken where unknown; at least one rate is known."""
    known = [(rate.value, rate.margin or 0.0) for rate in rates if rate]
    low, high = (min(rate - margin for rate, margin in known), max(rate + margin for rate, margin in known))
    steps = rounded_steps(min(0.0, low), max(0.0, high))
    frame = _frame(PROFILE_HEIGHT, ends_km, breaks_km)
    y, x = axis(steps, frame["base"], TOP), axis(ends_km, LEFT, WIDTH - RIGHT)
    line, band = "", ""
    for _is_known, part in groupby(zip(stations_km, rates, strict=True), key=lambda row: row[1] is not None):
        places = [(x(at), rate.value, rate.margin or 0.0) for at, rate in part if rate]
        if places:
            line += path_of([(px, y(rate)) for px, rate, _margin in places])
            upper = [(px, y(rate + margin)) for px, rate, margin in places]
            band += path_of([*upper, *((px, y(rate - margin)) for px, rate, margin in reversed(places))]) + "Z"
    return frame | {
        "line": line,
        "band": band,
        "zero": y(0.0),
        "y_ticks": [{"at": y(step), "label": short(step)} for step in steps],
    }


def _frame(height: int, ends_km: tuple[float, float], breaks_km: Sequence[float]) -> dict[str, Any]:
    """Return the size of a chart, the ticks of its axis of stations, and the positions of breaks."""
    x, (first, last) = axis(ends_km, LEFT, WIDTH - RIGHT), ends_km
    inside = [step for step in rounded_steps(first, last, MAX_LABELS) if first <= step <= last]
    return {
        "width": WIDTH,
        "height": height,
        "left": LEFT,
        "right": WIDTH - RIGHT,
        "top": TOP,
        "base": height - BOTTOM,
        "changes": [x(at) for at in breaks_km],
        "x_ticks": [{"at": x(step), "label": short(step)} for step in inside],
    }
