"""Printed report of an alert on one or two sheets: the content of its page, with maps and charts as SVG."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from detection.models import Alert
from monitor.maps.imaging.charts import HEIGHT, Curve, series_chart
from monitor.maps.map import selectors
from monitor.maps.map.plans import alert_plan
from monitor.pages.alerts.evidence import alert_page
from monitor.pages.glaciers.views import middles
from monitor.web.context import MOST_CREDITS, shortened, site_facts
from monitor.wording.components import both_directions
from monitor.wording.figures import whole
from monitor.wording.images import data_set_name
from monitor.wording.places import coordinates

MOST_SERIES = 2
MOST = {"evidence": 4, "agreement": 8, "reviews": 2, "limits": 8, "credits": MOST_CREDITS}
LONGEST_NOTE = 500
LOW = 150  # height of each chart if there are several
PICTURES = ("points-1", "score")  # by priority: the first available one is printed


def alert_report(alert: Alert) -> dict[str, Any]:
    """Return the context of the printed report, with the same figures as the alert's page."""
    context = alert_page(alert, with_missing=False) | {"credits": site_facts()["attributions"]}
    card, places = context["card"], context["places"]
    inner = [one["geometry"] for one in places["outlines"]["features"]] if places else []
    return {
        **shortened(context, MOST),
        "longest_note": LONGEST_NOTE,
        "plan": alert_plan(alert, card, inner),
        "coordinates": coordinates(card.longitude, card.latitude),
        "picture": _picture(context["evidence"]),
        "drawn_charts": _charts(alert, context),
        "printed_on": timezone.now(),
        "permalink": f"{settings.PUBLIC_URL}{card.url}",
        "likely": likely_words(alert),
        "simulated": alert.simulated,
    }


def likely_words(alert: Alert) -> str:
    """Describe the 90 % interval of the fastest rate; empty if it is unknown."""
    if alert.peak_low_mm_yr is None or alert.peak_high_mm_yr is None:
        return ""
    low, high = sorted((abs(alert.peak_low_mm_yr), abs(alert.peak_high_mm_yr)))
    fastest = _("Where it is fastest: probably between %(low)s and %(high)s mm a year (9 in 10).")
    return fastest % {"low": whole(low), "high": whole(high)}


def _picture(evidence: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the first available picture of PICTURES and its detection, or None."""
    for name in PICTURES:
        for item in evidence:
            for picture in item["pictures"]:
                if picture.name == name:
                    return {"detection": item["detection"], "picture": picture}
    return None


def _charts(alert: Alert, context: dict[str, Any]) -> list[dict[str, Any]]:
    """Return charts: motion relative to the surroundings, else mean series by data set or speeds by pair of images."""
    if context["motion"]:
        return [_of_motion(context["motion"])]
    if context["evidence_words"].series == "points":
        listed = selectors.alert_series(alert=alert)[:MOST_SERIES]
        return [_of_product(**one, height=HEIGHT if len(listed) == 1 else LOW) for one in listed]
    return [_of_speeds(view) for view in context.get("charts", [])[:MOST_SERIES]]


def _of_motion(motion: dict[str, Any]) -> dict[str, Any]:
    fit = motion["chart"]
    days = [date.fromisoformat(text) for text in fit["dates"]]
    changes = [date.fromisoformat(change["day"]) for change in fit["changes"]]
    curve = Curve(days, fit["displacement_mm"], fit["fit_mm"], changes=changes)
    # Translators, here and below: %(up)s and %(down)s say what up and down mean in a chart: "rising" and "sinking"
    caption = _("Against the ground around it, in millimetres (up: %(up)s; down: %(down)s), from %(source)s.") % {
        "up": fit["positive_word"],
        "down": fit["negative_word"],
        "source": motion["source"],
    }
    has = {"has_dots": True, "has_changes": bool(fit["changes"])}
    return {"chart": series_chart(curve), "caption": caption, **has}


def _of_product(product: Any, series: Any, height: int) -> dict[str, Any]:
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
    return {"chart": series_chart(curve, height), "caption": caption, "band_words": band, "has_band": True}


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
        "chart": series_chart(Curve(middles(view), speeds, speeds, low, high), LOW),
        "caption": _("Speed in metres a day, pair by pair, %(source)s.") % {"source": view["name"]},
        "band_words": _("two standard deviations"),
        "has_dots": True,
        "has_band": True,
    }
