"""Searches for changes of trend with made places, and a bulletin about one of them."""

from datetime import timedelta
from typing import Any

import numpy as np
from django.contrib.gis.geos import MultiPoint
from shapely.geometry import box, mapping

from ingest.models import Product
from ml.models import TrendSearch
from monitor.models.messages import Bulletin
from monitor.pages.bulletins.drafts import bulletins_draft


def made_place(longitude: float, latitude: float, **figures: Any) -> dict[str, Any]:
    """A place that sinks faster since the last half year, as `ml.runs.trends` stores it."""
    first = np.datetime64("2021-01-01")
    dates = [str(first + 12 * at) for at in range(60)]
    values = [-0.1 * at - 0.6 * max(0, at - 46) for at in range(60)]
    curve = {"dates": dates, "displacement_mm": values, "fit_mm": values, "changes": [], "noise_mm": 1.0}
    usual = {"n_points": 40, "n_changed": 12, "sigmas": 9.0, "trend": "faster", "rate_mm_yr": -21.0, "fit": curve}
    usual |= {"rate_sigma_mm_yr": 1.5, "before_mm_yr": -3.0, "before_sigma_mm_yr": 0.4, "changed_on": "2022-07-01"}
    around = box(longitude - 0.001, latitude - 0.001, longitude + 0.001, latitude + 0.001)
    return usual | {"changed_sigma_days": 9.0, "outline": mapping(around)} | figures


def made_content(longitude: float, latitude: float) -> dict[str, Any]:
    """The content of a bulletin about one place without an alert, with a gauge nearby."""
    place = made_place(longitude, latitude, component="up", source="made", fields=[1], n_fields=2, kind="", code="")
    place |= {"names": {"en": "3 km south of Aldwick"}, "first_day": "2022-06-24", "last_day": "2022-12-21"}
    rain = {"code": "R1", "kind": "rain", "away_km": 4.2, "mean": 3.0, "usual": 2.0}
    rain |= {"days": ["2022-06-01", "2022-07-01", "2022-07-31"], "means": [2.0, None, 4.0]}
    place |= {"gauges": [rain], "in_bulletin_of": "2022-12-09"}
    region = {"slug": "westshore", "name": "Westshore", "names": {"de": "Westufer"}, "places": [place]}
    still = {"slug": "eastshore", "name": "Eastshore", "names": {}}
    return {"regions": [region], "still": [still], "n_fields": 2, "n_clusters": 4321, "credits": []}


def made_search(product: Product, *places: dict[str, Any]) -> TrendSearch:
    """A search of a product that found these places, and tested points in its middle."""
    last, sampled = product.dates[-1], MultiPoint(product.footprint.centroid, srid=4326)
    values = {"first_day": last - timedelta(days=180), "last_day": last, "n_clusters": 4321, "places": [*places]}
    return TrendSearch.objects.create(product=product, sampled=sampled, **values)


def made_draft(product: Product) -> Bulletin:
    """A draft about one place in the middle of a product."""
    made_search(product, made_place(*product.footprint.centroid.coords))
    bulletins_draft()
    return Bulletin.objects.get(signed_at=None)
