"""An alert as pages show it: every label and sentence made once, in one place."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from detection.kinds import Family, Kind, family
from detection.models import Alert, Review
from detection.rules.verdicts import Verdict
from monitor.cards.whereabouts import place_names
from monitor.wording import pairs as pair_sentences
from monitor.wording import sentences


@dataclass(frozen=True)
class AlertCard:
    code: str
    url: str
    kind: str
    kind_label: str
    place: str
    area_label: str
    rate_label: str
    state: str
    state_label: str
    state_meaning: str
    severity: str
    severity_label: str
    severity_meaning: str
    sentence: str
    first_seen: datetime
    updated: datetime
    simulated: bool
    longitude: float
    latitude: float


def alert_cards(alerts: Iterable[Alert]) -> list[AlertCard]:
    """Cards of many alerts; their places are looked up all at once."""
    held = list(alerts)
    return [_card(alert, place) for alert, place in zip(held, place_names(held), strict=True)]


def alert_card(alert: Alert) -> AlertCard:
    """Say everything about an alert that needs words."""
    return alert_cards([alert])[0]


def _card(alert: Alert, place: str) -> AlertCard:
    inside = alert.area.point_on_surface
    state_label, state_meaning = sentences.STATE_LABELS[alert.state]
    severity_label, severity_meaning = _severity(alert)
    rate_label, sentence = _words(alert)
    return AlertCard(
        code=alert.code,
        url=alert.get_absolute_url(),
        kind=alert.kind,
        kind_label=sentences.KIND_LABELS[alert.kind],
        place=place,
        area_label=sentences.area_label(alert.area_m2),
        rate_label=rate_label,
        state=alert.state,
        state_label=state_label,
        state_meaning=state_meaning,
        severity=alert.severity,
        severity_label=severity_label,
        severity_meaning=severity_meaning,
        sentence=sentence,
        first_seen=alert.created_at,
        updated=alert.updated_at,
        simulated=alert.simulated,
        longitude=round(inside.x, 5),
        latitude=round(inside.y, 5),
    )


def _words(alert: Alert) -> tuple[str, str]:
    """The short figure and the sentence of an alert, in the terms of its family."""
    kind, span = family(alert.kind), (alert.first_motion, alert.last_motion)
    if alert.kind == Kind.GLACIER_SURGE:
        usual = alert.usual_speed_m_day
        return pair_sentences.surge_label(alert.speed_m_day, usual, alert.bearing_deg), pair_sentences.surge_sentence(
            alert.speed_m_day, alert.speed_sigma_m_day, usual, alert.bearing_deg, alert.onset, alert.onset_sigma_days
        )
    if kind is Family.OFFSETS:
        slide = alert.kind == Kind.FAST_LANDSLIDE
        sentence = pair_sentences.slide_sentence if slide else pair_sentences.moving_sentence
        return pair_sentences.speed_label(alert.speed_m_day, alert.bearing_deg), sentence(
            alert.speed_m_day, alert.speed_sigma_m_day, alert.bearing_deg, *span
        )
    if kind is Family.SURFACE:
        match = alert.coherence_before, alert.coherence_after
        return pair_sentences.change_label(*match), pair_sentences.change_sentence(*match, *span)
    rates = alert.rate_mm_yr, alert.peak_rate_mm_yr
    return sentences.rate_label(alert.kind, alert.component, *rates), sentences.alert_sentence(
        alert.kind, alert.component, *rates, alert.rate_sigma_mm_yr, *span
    )


def _severity(alert: Alert) -> tuple[str, str]:
    """Label and meaning: 'large motion', 'medium change'."""
    kind = family(alert.kind)
    if kind is Family.OFFSETS:
        return pair_sentences.SEVERITY_OF_SPEED[alert.severity]
    if kind is Family.SURFACE:
        return pair_sentences.SEVERITY_OF_CHANGE[alert.severity]
    label, meaning = sentences.SEVERITY_LABELS[alert.severity]
    return f"{label} motion", meaning


@dataclass(frozen=True)
class ReviewWords:
    heading: str
    reason: str
    note: str
    at: datetime


def review_words(review: Review) -> ReviewWords:
    """What a specialist said, for everybody: no name, no internal note."""
    heading = sentences.VERDICT_HEADINGS[review.verdict]
    reason = "" if review.verdict == Verdict.FIELD_VISIT else review.reason.label
    return ReviewWords(heading=heading, reason=reason, note=review.public_note, at=review.created_at)
