"""Series of one point and of an alert's area as JSON, for charts and programs."""

from collections.abc import Iterable, Sequence
from datetime import date

import numpy as np
from django.urls import reverse
from numpy.typing import NDArray

from detection.models import Alert
from detection.rules.motion import Figure
from ground_motion.methods.deformation.motion.series import DatedChange, SeriesMotion, series_motion
from ground_motion.methods.deformation.series.product import half_wave_mm, has_cycles
from ground_motion.readers.records import Technique
from ground_motion.statistics.series import fit_series
from ingest.models import MeasurementPoint, Product
from ingest.products.selectors import point_get, point_series
from ml.runs.provisional import provisional_of_point
from monitor.maps.imaging.charts import zero_mm
from monitor.maps.map import selectors
from monitor.wording.components import both_directions, component_label
from monitor.wording.datum import datum_body
from monitor.wording.families.changes import provisional_sentence, what_changed
from monitor.wording.images import data_set_name
from monitor.wording.points import point_sentence

FIGURES = ("height_m", "velocity_mm_yr", "velocity_std_mm_yr", "temporal_coherence", "rmse_mm")


def point_find(*, product_id: int, pid: str) -> MeasurementPoint:
    """Return a point with its product. Raises MeasurementPoint.DoesNotExist, also for an invalid name."""
    if "\0" in pid:
        raise MeasurementPoint.DoesNotExist("no point has a zero byte in its name")
    return point_get(product_id=product_id, pid=pid)


def point_body(point: MeasurementPoint) -> dict[str, object]:
    """Return a point's series as JSON with its fit and a sentence. Displacement in mm, signed as its component."""
    product, displacement = point.product, point_series(point=point)
    dates = product.dates if product.has_series else []
    fit = fit_series(dates, displacement) if dates else None
    motion = motion_of_series(product, dates, displacement) if dates else None
    negative, positive = both_directions(product.component)
    first, last = product.dates[0], product.dates[-1]
    std = point.velocity_std_mm_yr
    sigma = None if std is None else float(np.hypot(std, product.datum_sigma_mm_yr))
    rate = Figure(point.velocity_mm_yr, sigma, first, last, along=product.component, against="local")
    added = provisional_of_point(point=point)
    return {
        "product": product_summary(product),
        "pid": point.pid,
        "longitude": round(point.position.x, 6),
        "latitude": round(point.position.y, 6),
        **{name: number(getattr(point, name)) for name in FIGURES},
        **{name: number(getattr(point, name), 4) for name in ("los_east", "los_north", "los_up")},
        "sentence": point_sentence(rate),
        "dates": [day.isoformat() for day in dates],
        "displacement_mm": numbers(displacement, 2),
        "provisional": added and provisional_body(added.dates, added.values_mm[0], added.sigma_mm[0]),
        "fit_mm": numbers((motion or fit).fit_mm, 2) if fit else None,
        "zero_mm": number(zero_mm((motion or fit).fit_mm if fit else (), displacement)),
        "band_mm": number(motion.noise_mm if motion else fit.sigma_mm) if fit else None,
        "changes": changes_body(product, motion.changes if motion else ()),
        "negative_word": negative,
        "positive_word": positive,
        "csv_url": reverse("point-series-csv", args=[product.pk, point.pid]),
    }


def motion_of_series(
    product: Product, dates: Sequence[date], displacement: NDArray[np.floating], as_measured: bool = True
) -> SeriesMotion | None:
    """Return motion and changes in a series, (dates,), mm; None if it is not from InSAR or has too few dates."""
    # as_measured: one point's own series, which may jump by whole phase cycles; means and differences do not.
    if product.technique != Technique.INSAR:
        return None
    cycles = as_measured and has_cycles(product.has_series, product.component, product.technique)
    return series_motion(dates, displacement, half_wave_mm(product.header) if cycles else None)


def alert_body(alert: Alert) -> dict[str, object]:
    """Return as JSON the series of `selectors.alert_series`: mean and middle two thirds of the points, mm."""
    negative, positive = both_directions(alert.component)
    series = [
        {
            "product": product_summary(entry["product"]),
            "n_points": entry["series"].n_points,
            "n_sampled": entry["series"].n_sampled,
            "dates": [day.isoformat() for day in entry["series"].dates],
            **{name: numbers(getattr(entry["series"], name), 2) for name in ("mean_mm", "low_mm", "high_mm")},
            "zero_mm": number(zero_mm(entry["series"].mean_mm)),
            "provisional": (added := entry["provisional"])
            and provisional_body(added.dates, added.mean_mm, added.sigma_mm),
        }
        for entry in selectors.alert_series(alert=alert)
    ]
    return {"code": alert.code, "series": series, "negative_word": negative, "positive_word": positive}


def provisional_body(dates: Sequence[date], values_mm: Iterable[float], sigma_mm: Iterable[float]) -> dict[str, object]:
    """Return what new passes added to a series as JSON, with the sentence that it is provisional."""
    return {
        "dates": [day.isoformat() for day in dates],
        "displacement_mm": numbers(values_mm, 2),
        "sigma_mm": numbers(sigma_mm, 2),
        "sentence": provisional_sentence(dates[-1]),
    }


def changes_body(product: Product, changes: Iterable[DatedChange]) -> list[dict[str, object]]:
    """Return the changes found in a product's series as JSON, each with a sentence."""
    rows = [change.as_dict() for change in changes]
    return [row | {"sentence": what_changed(product.component, row)} for row in rows]


def product_summary(product: Product) -> dict[str, object]:
    """Return the properties of a product that charts show, as JSON."""
    return {
        "id": product.pk,
        "name": data_set_name(product.name),
        "track": product.track,
        "component": product.component,
        "component_label": component_label(product.component),
        "attribution": product.attribution,
        "simulated": product.simulated,
        "datum": datum_body(product.datum),
        "url": reverse("product-detail", args=[product.pk]),
    }


def number(value: float | None, digits: int = 2) -> float | None:
    """Round a number; return None if it is missing or NaN."""
    return None if value is None or np.isnan(value) else round(float(value), digits)


def numbers(values: Iterable[float], digits: int = 1) -> list[float | None]:
    """Round numbers; NaN becomes None."""
    return [number(value, digits) for value in values]
