"""Searches for changes of trend with made places, and the simulated region with changes of trend in its last months."""

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
    """A change of rate in every track: centre, degrees; radius, m; size, mm/yr."""

    longitude: float
    latitude: float
    radius_m: float
    size_mm_yr: float


def changed_region(folder: Path, n: int, days_ago: int = 165) -> tuple[list[Path], list[MadeChange]]:
    """Write the simulated region's tracks with n changes that began some days before their last image."""
    region, rng = simulate_region(7), np.random.default_rng(5)
    first = region.tracks[0]
    places: list[tuple[float, float, MadeChange]] = []
    while len(places) < n:
        at = rng.integers(len(first))
        x, y = first.easting_m[at], first.northing_m[at]
        near = np.hypot(first.easting_m - x, first.northing_m - y) < 200
        if near.sum() > 80 and all(np.hypot(x - a, y - b) > 900 for a, b, _ in places):
            size = float(rng.choice([-1, 1]) * rng.uniform(25, 35))
            places.append((x, y, MadeChange(first.longitude_deg[at], first.latitude_deg[at], 200.0, size)))
    paths = []
    for track in region.tracks:
        days = np.array([(day - track.dates[0]).days for day in track.dates])
        since = np.clip(days - days[-1] + days_ago, 0, None) / 365.25
        series = track.series_mm.astype(np.float64)
        for x, y, one in places:
            away = np.hypot(track.easting_m - x, track.northing_m - y)
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
