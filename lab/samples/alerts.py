"""Unsaved alerts of every family with invented figures."""

from datetime import UTC, date, datetime
from typing import Any

from detection.kinds import Extent, Kind
from detection.models import Alert, AlertMotion, AlertTransition, AlertUpdate, Review
from detection.rules.lifecycle import Source, State
from detection.rules.updates import Change
from ground_motion.methods.deformation.motion.series import Trend

TOLD_AT = datetime(2025, 2, 3, tzinfo=UTC)
CHANGED_ON = date(2023, 3, 9)


def velocity(kind: Kind, component: str, rate: float, sigma: float | None = 0.9, **more: Any) -> Alert:
    """Make an alert of a velocity field; rate: mm/yr, the same everywhere unless `more` has a peak."""
    figures = {"first_motion": date(2020, 1, 3), "last_motion": date(2024, 12, 25), "peak_rate_mm_yr": rate} | more
    return Alert(kind=kind, component=component, rate_mm_yr=rate, rate_sigma_mm_yr=sigma, **{"area_m2": 2e6} | figures)


def region(kind: Kind, component: str, rate: float, reference: str) -> Alert:
    """Make an alert kilometres wide."""
    return velocity(kind, component, rate, extent=Extent.REGION, reference=reference, area_m2=700e6)


def changing(trend: Trend, before: float, now: float, days: float = 10.0, sigma: float = 0.9, **more: Any) -> Alert:
    """Make an alert whose series changes its rate; days, sigma: standard deviations of the date and of the rate now."""
    rate = before if trend in (Trend.AT_REST, Trend.REVERSED) else now
    alert = velocity(Kind.SUBSIDENCE if rate < 0 else Kind.UPLIFT, "up", rate, **more)
    AlertMotion(
        alert=alert,
        trend=trend.value,
        rate_mm_yr=now,
        rate_sigma_mm_yr=sigma,
        before_mm_yr=before,
        before_sigma_mm_yr=0.6,
        changed_on=CHANGED_ON,
        changed_sigma_days=days,
    )
    return alert


def surface(before: float, after: float, sigmas: float) -> Alert:
    """Make an alert of a changed surface, where two images no longer match."""
    first, last = date(2023, 10, 4), date(2023, 10, 16)
    matches = {"coherence_before": before, "coherence_after": after, "change_sigma": -sigmas}
    return Alert(kind=Kind.SURFACE_CHANGE, first_motion=first, last_motion=last, **matches)


def moving(kind: Kind, speed: float, sigma: float, usual: float = 0.0) -> Alert:
    """Make an alert of ground that moves by centimetres or metres a day."""
    since = {"onset": date(2023, 9, 20), "onset_sigma_days": 4.0, "usual_speed_m_day": usual}
    first, last = date(2023, 9, 22), date(2023, 11, 9)
    speeds = {"speed_m_day": speed, "speed_sigma_m_day": sigma, "bearing_deg": 118.0}
    return Alert(kind=kind, first_motion=first, last_motion=last, **speeds, **since)


def drawn(kind: Kind) -> Alert:
    """Make an alert that was reported by a person and is not visible in data."""
    seen_on = date(2023, 10, 12)
    return Alert(kind=kind, source=Source.PERSON, first_motion=seen_on, last_motion=seen_on)


def step(alert: Alert, before: str, after: str, *changed: Change, reviewed: bool = False) -> AlertTransition:
    """Make a transition of an alert, with the changes since the last one."""
    taken = AlertTransition(alert=alert, from_state=before, to_state=after)
    if changed:
        AlertUpdate(transition=taken, told_at=TOLD_AT, changes=[one._asdict() for one in changed])
    if reviewed:
        Review(transition=taken, alert=alert)
    return taken


def update(alert: Alert, *changed: Change) -> AlertTransition:
    """Make an update of an alert, with new figures and the same state."""
    return step(alert, State.CONFIRMED, State.CONFIRMED, *changed)
