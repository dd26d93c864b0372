"""Alerts in words, as every page, mail and feed shows them, in the language that is active."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, prefetch_related_objects
from django.utils.translation import get_language

from detection.kinds import Mark, row_of
from detection.models import Alert, AlertExposure, AlertMotion
from detection.rules.lifecycle import Source, State
from detection.selectors import Tilt, steepest_tilts
from monitor.wording.cards.exposure import as_answer, exposures_of, sentence_of, tilt_sentence_of
from monitor.wording.cards.whereabouts import place_names
from monitor.wording.families import FamilyVoice, voice_of
from monitor.wording.families.changes import is_at_rest
from monitor.wording.figures import area_label
from monitor.wording.states import REPORTED_BEFORE, REPORTED_MEANINGS, STATE_LABELS


@dataclass(frozen=True)
class AlertCard:
    """One alert in words and figures."""

    code: str
    url: str
    kind: str
    kind_label: str
    mark: Mark
    place: str
    area_label: str
    rate_label: str
    state: str
    state_label: str
    state_meaning: str
    severity: str
    severity_label: str
    severity_meaning: str
    exposure: dict[str, object] | None
    exposure_sentence: str
    tilt_sentence: str
    cause_sentence: str
    cause_is_computed: bool
    extent: str
    region_note: str
    sentence: str
    source: str
    source_sentence: str
    public_text: str
    first_seen: datetime
    updated: datetime
    simulated: bool
    voice: FamilyVoice
    longitude: float
    latitude: float

    @property
    def sentences(self) -> list[str]:
        """Return all that mails, feeds and programs say of an alert, the motion first."""
        more = (
            self.source_sentence,
            self.public_text,
            self.region_note,
            self.tilt_sentence,
            self.exposure_sentence,
            self.cause_sentence,
        )
        return [self.sentence, *(one for one in more if one)]


def alert_cards(alerts: Iterable[Alert]) -> list[AlertCard]:
    """Return the cards of many alerts; their places are looked up all at once."""
    listed = list(alerts)
    prefetch_related_objects(listed, Prefetch("motion", AlertMotion.objects.defer("fit")), "by_hand")
    exposures, tilts = exposures_of(listed), steepest_tilts(alerts=listed)
    places = zip(listed, place_names(listed), strict=True)
    return [_card(alert, place, exposures.get(alert.pk), tilts.get(alert.pk)) for alert, place in places]


def alert_card(alert: Alert) -> AlertCard:
    """Return the card of one alert."""
    return alert_cards([alert])[0]


def _card(alert: Alert, place: str, exposure: AlertExposure | None, tilt: Tilt | None) -> AlertCard:
    inside = alert.area.point_on_surface
    row, family_voice = row_of(alert.kind), voice_of(alert)
    state_label, state_meaning = STATE_LABELS[alert.state]
    by_person = alert.source == Source.PERSON
    if by_person and alert.state in REPORTED_MEANINGS:
        state_meaning = REPORTED_MEANINGS[alert.state]
    severity = family_voice.severity(alert.severity)
    by_hand = getattr(alert, "by_hand", None)
    computed_kind = not (by_hand and by_hand.kind)
    still = alert.state == State.FINISHED or is_at_rest(alert)
    return AlertCard(
        code=alert.code,
        url=alert.get_absolute_url(),
        kind=alert.kind,
        kind_label=str(row.label),
        mark=row.mark,
        place=place,
        area_label=area_label(alert.area_m2),
        rate_label=family_voice.label(alert),
        state=alert.state,
        state_label=str(state_label),
        state_meaning=str(family_voice.ended if alert.state == State.FINISHED else state_meaning),
        severity=alert.severity,
        severity_label=str(severity.label),
        severity_meaning=str(severity.meaning),
        exposure=as_answer(exposure) if exposure else None,
        exposure_sentence=sentence_of(exposure) if exposure else "",
        tilt_sentence="" if still else tilt_sentence_of(tilt, exposure),
        cause_sentence=family_voice.cause(alert) if computed_kind else "",
        cause_is_computed=computed_kind,
        extent=alert.extent,
        region_note=family_voice.region_note(alert),
        sentence=family_voice.sentence(alert),
        source=alert.source,
        source_sentence=str(REPORTED_BEFORE) if by_person and alert.is_measured else "",
        public_text=by_hand.texts.get(get_language() or "", "") if by_hand else "",
        first_seen=alert.created_at,
        updated=alert.updated_at,
        simulated=alert.simulated,
        voice=family_voice,
        longitude=round(inside.x, 5),
        latitude=round(inside.y, 5),
    )
