"""Rows of buildings' motions as sentences, and as answers of the API."""

from typing import Any

from django.contrib.gis.geos import GEOSGeometry

from ml.models import BuildingMotion
from ml.runs.ledgers import building_at, town_in
from monitor.wording.buildings import CANNOT_SAY, METHOD, building_sentences, town_sentences


def building_words(*, longitude: float, latitude: float) -> list[str]:
    """Return sentences on the building at a place in degrees; empty if none is known there."""
    stands, motion = building_at(longitude=longitude, latitude=latitude)
    if motion is None:
        return [str(CANNOT_SAY)] if stands else []
    return [*motion_sentences(motion), str(METHOD)]


def motion_sentences(motion: BuildingMotion) -> list[str]:
    """Return what a building's points say of it."""
    product = motion.ledger.product
    return building_sentences(
        product.component,
        (motion.rate_mm_yr, motion.rate_low, motion.rate_high),
        (motion.deviation_mm_yr, motion.deviation_low, motion.deviation_high),
        None if motion.tilt_mm_m_yr is None else (motion.tilt_mm_m_yr, motion.tilt_low or 0.0, motion.tilt_high or 0.0),
        (motion.damage, motion.damage_low, motion.damage_high),
        product.dates[0],
    )


def town_words(*, area: GEOSGeometry, simulated: bool) -> list[str]:
    """Return sentences on the buildings of an area (EPSG:4326); empty where no ledger of them was made."""
    town = town_in(area=area, simulated=simulated)
    return town_sentences(town.n_buildings, town.of_class) if town and town.n_buildings else []


def building_row(motion: BuildingMotion) -> dict[str, Any]:
    """Return a building's motion as JSON."""
    names = ("points", "rate_mm_yr", "rate_low", "rate_high", "deviation_mm_yr", "deviation_low", "deviation_high")
    names += ("tilt_mm_m_yr", "tilt_low", "tilt_high", "damage", "damage_low", "damage_high")
    return {name: getattr(motion, name) for name in names} | {
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
