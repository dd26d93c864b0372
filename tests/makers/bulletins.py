"""Searches for changes of trend with made places, and the simulated region with changes of trend in its last months."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from shapely.geometry import box, mapping

from ingest.models import Product
from ml.models import TrendSearch
from ml.simulation.files.egms import egms_name, write_egms_l2b
from ml.simulation.velocity.region import simulate_region
from monitor.models.bulletins import Bulletin
from monitor.pages.bulletins.drafts import bulletins_draft


class MadeChange(NamedTuple):
    """A change of rate in every track: centre, degrees; radius, m; size, mm/yr; days before the last image."""

    longitude: float
    latitude: float
    radius_m: float
    size_mm_yr: float
    days_ago: int


def changed_region(folder: Path, days_ago: Sequence[int]) -> tuple[list[Path], list[MadeChange]]:
    """Write the simulated region's tracks, with changes that began so many days before the last image."""
    region, rng = simulate_region(7), np.random.default_rng(5)
    first = region.tracks[0]
    places: list[tuple[float, float, MadeChange]] = []
    while len(places) < len(days_ago):
        at = rng.integers(len(first))
        x, y = first.easting_m[at], first.northing_m[at]
        near = np.hypot(first.easting_m - x, first.northing_m - y) < 200
        if near.sum() > 80 and all(np.hypot(x - a, y - b) > 900 for a, b, _ in places):
            size = float(rng.choice([-1, 1]) * rng.uniform(25, 35))
            places.append(
                (x, y, MadeChange(first.longitude_deg[at], first.latitude_deg[at], 200.0, size, days_ago[len(places)]))
            )
    paths = []
    for track in region.tracks:
        days = np.array([(day - track.dates[0]).days for day in track.dates])
        series = track.series_mm.astype(np.float64)
        for x, y, one in places:
            away = np.hypot(track.easting_m - x, track.northing_m - y)
            since = np.clip(days - days[-1] + one.days_ago, 0, None) / 365.25
            series += np.outer(np.exp(-((away / one.radius_m) ** 2)), one.size_mm_yr * since)
        changed = replace(track, series_mm=np.round(series, 1).astype(np.float32))
        paths.append(folder / f"{egms_name(changed)}.zip")
        write_egms_l2b(paths[-1], changed)
    return paths, [one for _, _, one in places]


def made_place(longitude: float, latitude: float, **figures: Any) -> dict[str, Any]:
    """A place that sinks faster since the last half year, as `ml.trends` stores it."""
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
    place |= {"gauges": [rain], "in_bulletin_of": "2022-12-09"}
    region = {"slug": "westshore", "name": "Westshore", "places": [place]}
    return {"regions": [region], "still": ["Eastshore"], "n_fields": 2, "n_clusters": 4321, "credits": []}


def made_search(product: Product, *places: dict[str, Any]) -> TrendSearch:
    """A search of a product that found these places."""
    last = product.dates[-1]
    values = {"first_day": last - timedelta(days=180), "last_day": last, "n_clusters": 4321, "places": [*places]}
    return TrendSearch.objects.create(product=product, **values)


def made_draft(product: Product) -> Bulletin:
    """A draft about one place in the middle of a product."""
    made_search(product, made_place(*product.footprint.centroid.coords))
    bulletins_draft()
    return Bulletin.objects.get(signed_at=None)
