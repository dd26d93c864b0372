"""Velocity series of moving ground without an outline of its own, from its detections in each pair."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from detection.glaciers.surge import PairSample, as_json, view_of
from detection.models import Detection
from ground_motion.methods.offsets.motion import GroundMotion


def series_of(detections: Iterable[Detection]) -> list[dict[str, Any]]:
    """Return one series per track, in the form of `surge.as_json`: velocities of the detections, m/day.

    Of two detections in pairs of the same days (two polarisations, two bursts) the first one counts. Pairs in which
    the area did not differ from still ground are missing, so the series does not prove rest.
    """
    views: dict[str, dict[tuple[Any, Any], PairSample]] = {}
    km2: dict[str, float] = {}
    for detection in detections:
        pair = detection.scan.prediction.run.pair
        if (
            pair is None
            or not detection.speed_m_day
            or not detection.speed_sigma_m_day
            or detection.bearing_deg is None
        ):
            continue
        name = f"track {pair.reference.track} {pair.reference.direction}".strip()
        days = pair.reference.day, pair.secondary.day
        bearing = math.radians(detection.bearing_deg)
        parts = (
            detection.speed_m_day * math.sin(bearing),
            detection.speed_m_day * math.cos(bearing),
            detection.speed_sigma_m_day,
        )
        motion = GroundMotion(*(np.array([part]) for part in parts))
        views.setdefault(name, {}).setdefault(days, PairSample(*days, motion))
        km2[name] = detection.area_m2 / 1e6
    return [as_json(view_of([by[days] for days in sorted(by)], km2[name]), name) for name, by in sorted(views.items())]
