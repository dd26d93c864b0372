"""Curves of an alert, drawn as SVG for its page and its report: motion, means of data sets, or speeds by pair."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from monitor.maps.imaging.charts import Curve, series_chart
from monitor.pages.glaciers.views import middles
from monitor.wording.components import both_directions
from monitor.wording.figures import WITHIN_90, whole
from monitor.wording.images import data_set_name


def curves(
    motion: Mapping[str, Any] | None, series: Sequence[Mapping[str, Any]], views: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return charts: motion relative to the surroundings, else mean series by data set or speeds by pair of images."""
    if motion:
        return [_of_motion(motion)]
    return [_of_product(**one) for one in series] or [_of_speeds(view) for view in views]


def _of_motion(motion: Mapping[str, Any]) -> dict[str, Any]:
    fit = motion["chart"]
    days = [date.fromisoformat(text) for text in fit["dates"]]
    changes = [date.fromisoformat(change["day"]) for change in fit["changes"] if change["kind"] != "curve"]
    low, high = ([value + sign * WITHIN_90 * fit.get("noise_mm", 0.0) for value in fit["fit_mm"]] for sign in (-1, 1))
    curve = Curve(days, fit["displacement_mm"], fit["fit_mm"], low, high, changes)
    # Translators, here and below: %(up)s and %(down)s say what up and down mean in a chart: "rising" and "sinking"
    caption = _("Against the ground around it, in millimetres (up: %(up)s; down: %(down)s), from %(source)s.") % {
        "up": fit["positive_word"],
        "down": fit["negative_word"],
        "source": motion["source"],
    }
    has = {"has_dots": True, "has_changes": bool(changes), "has_band": True, "band_words": _("nine of ten dates")}
    return {"chart": series_chart(curve), "caption": caption, "unit": "mm", **has}


def _of_product(product: Any, series: Any) -> dict[str, Any]:
    negative, positive = both_directions(product.component)
    values = {"line": series.mean_mm, "low": series.low_mm, "high": series.high_mm}
    curve = Curve(series.dates, **{name: [float(value) for value in part] for name, part in values.items()})
    caption = _("Mean of the points (%(n)s) in millimetres (up: %(up)s; down: %(down)s), %(source)s.") % {
        "n": whole(series.n_points),
        "up": positive,
        "down": negative,
        "source": data_set_name(product.name),
    }
    band = _("the middle two thirds of the points")
    return {"chart": series_chart(curve), "caption": caption, "unit": "mm", "band_words": band, "has_band": True}


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
        "has_dots": True,
        "has_band": True,
    }
