"""Rows of buildings' motions as sentences, and as answers of the API."""

from dataclasses import replace
from math import hypot
from typing import Any

from django.contrib.gis.geos import GEOSGeometry

from detection.rules.motion import Figure, sigma_of
from ground_motion.methods.deformation.motion.series import WITHIN_90
from ml.models import BuildingMotion
from ml.runs.ledgers import buildings_at, town_in
from monitor.wording.datum import zero_columns
from monitor.wording.exposure import CANNOT_SAY, METHOD, building_sentences, town_sentences

FIGURES = (
    *("points", "rate_mm_yr", "rate_low", "rate_high", "deviation_mm_yr", "deviation_low", "deviation_high"),
    *("moves_alone", "tilt_mm_m_yr", "tilt_low", "tilt_high", "damage"),
)


def building_words(*, longitude: float, latitude: float) -> list[str]:
    """Return sentences on the building at a place in degrees; empty if none is known there."""
    ((stands, motion),) = buildings_at(places=[(longitude, latitude)])
    if motion is None:
        return [str(CANNOT_SAY)] if stands else []
    return [*motion_sentences(motion), str(METHOD)]


def motion_sentences(motion: BuildingMotion) -> list[str]:
    """Return what a building's points say of it."""
    rate, deviation = figures_of(motion)
    tilt = motion.tilt_low, motion.tilt_high
    return building_sentences(rate, deviation if motion.moves_alone else None, tilt, motion.damage)


def figures_of(motion: BuildingMotion) -> tuple[Figure, Figure]:
    """Return a building's rate, and how much it differs from that of the ground around, with their 90 % intervals."""
    product, known = motion.ledger.product, figures_with_zero(motion)
    ends = (known["rate_low"], known["rate_high"]), (motion.deviation_low, motion.deviation_high)
    rate, deviation = (
        Figure(value, sigma_of(*both), product.dates[0], product.dates[-1], along=product.component, ends=both)
        for value, both in zip((motion.rate_mm_yr, motion.deviation_mm_yr), ends, strict=True)
    )
    return replace(rate, against="local"), deviation


def figures_with_zero(motion: BuildingMotion) -> dict[str, Any]:
    """Return a building's figures; the interval of its rate holds the error that all points of the product share."""
    values = {name: getattr(motion, name) for name in FIGURES}
    zero = WITHIN_90 * motion.ledger.product.datum_sigma_mm_yr
    low, high = (hypot(values[end] - motion.rate_mm_yr, zero) for end in ("rate_low", "rate_high"))
    ends = {"rate_low": motion.rate_mm_yr - low, "rate_high": motion.rate_mm_yr + high}
    return values | ends | zero_columns(motion.ledger.product.datum)


def town_words(*, area: GEOSGeometry, simulated: bool) -> list[str]:
    """Return sentences on the buildings of an area (EPSG:4326); empty where no ledger of them was made."""
    town = town_in(area=area, simulated=simulated)
    return town_sentences(town.n_buildings, town.of_class) if town else []


def building_row(motion: BuildingMotion) -> dict[str, Any]:
    """Return a building's motion as JSON."""
    return figures_with_zero(motion) | {
        "id": motion.building_id,
        "product_id": motion.ledger.product_id,
        "longitude": motion.building.position.x,
        "latitude": motion.building.position.y,
        "since": motion.ledger.product.dates[0],
        "until": motion.ledger.product.dates[-1],
        "component": motion.ledger.product.component,
        "simulated": motion.ledger.product.simulated,
        "sentences": motion_sentences(motion),
    }
