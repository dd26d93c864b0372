"""Texts of alerts in the active language: cards for pages, mails and feeds; GeoJSON; lists; steps of their lives."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db.models import Count, Max, Prefetch, Q, Sum, prefetch_related_objects
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from detection.alerts.importance import terms_of
from detection.figures import FIGURES, figures_known
from detection.kinds import Extent, Family, Mark, family, row_of
from detection.models import Alert, AlertExposure, AlertMotion, AlertRelation, AlertTransition, AlertUpdate
from detection.rules.importance import AT_REST, MODERATE_STEPS, NO_MOTION, STRONG_STEPS, Terms
from detection.rules.lifecycle import END_UNPROVED, TAKEN_BACK, Source, State
from detection.rules.motion import Figure, stated
from detection.selectors import Tilt, alert_datums, alerts_nested, steepest_tilts
from ground_motion.core.areas import smooth_steps
from ground_motion.statistics.datum import Datum
from ingest.context.selectors import Contact
from ingest.foundation.geos import geojson
from ingest.models import ContextLayer
from monitor.wording.cards.whereabouts import alert_places
from monitor.wording.dates import day_words
from monitor.wording.datum import doubt, zero_of_several
from monitor.wording.exposure import building_tilt_sentence, exposure_rows, exposure_sentence
from monitor.wording.families import FamilyVoice, voice, voice_of
from monitor.wording.families.changes import rests_on_passes
from monitor.wording.families.voice import Headline
from monitor.wording.figures import area_label, listed, whole
from monitor.wording.states import REPORTED_BEFORE, REPORTED_MEANINGS, STATE_LABELS, state_label, step_reason
from monitor.wording.updates import change_sentences

AS_STORED = ("code", "kind", "state", "severity", "importance", "component", "extent", "source", "simulated")
EXPOSED = ("buildings", "main_road_km", "other_road_km", "railway_km", "people")
OF_CARDS = (
    *("code", "kind", "kind_label", "place", "state", "state_label", "severity", "severity_label", "importance"),
    *("sentence", "simulated", "url", "area_label", "rate_label", "exposure", "component", "extent", "sentences"),
    *("source", "longitude", "latitude", "zero"),
)
DATED = ("first_motion", "last_motion", "first_seen", "updated")
PROPERTIES = (*OF_CARDS, *DATED, *(row.name for row in FIGURES))  # These are in GeoJSON, OGC, STAC and webhooks.
BY_WHOM = {"automatic": gettext_lazy("by the computer"), "a specialist": gettext_lazy("by a specialist")}
RELATION_WORDS = {  # The first stands on the page of the alert itself, the second on that of the other one.
    "merged-into": (gettext_lazy("Became part of another alert:"), gettext_lazy("Took in another alert:")),
    "split-from": (gettext_lazy("Split from another alert:"), gettext_lazy("A part of it is followed as an alert:")),
}

WHAT_HAPPENED = {
    "first": gettext_lazy("A place in your region was flagged for the first time."),
    "provisional": gettext_lazy("A second set of satellite data shows this place as well."),
    "confirmed": gettext_lazy("A specialist has looked at this place and confirmed it."),
    "rejected": gettext_lazy("A specialist has looked at this place and found that it is not ground motion."),
    # Translators: %(reason)s is "the data were taken back: wrong file"
    "withdrawn": gettext_lazy(
        "This alert is not valid. Reason: %(reason)s. What was mailed or copied before cannot be recalled."
    ),
    "merged": gettext_lazy("This place is followed under another alert now."),
}
REPORTED = gettext_lazy("A specialist reported this place in your region.")
LOOKED = gettext_lazy("A specialist has looked at this place.")
MOVES_AGAIN = gettext_lazy("The ground here had come to rest. It moves again.")
OPEN_AGAIN = gettext_lazy("This alert is open again: the data that showed its end were taken back.")
STANDS_AGAIN = gettext_lazy("This alert is valid again. It had been taken back with its data.")
SEEN_AGAIN = gettext_lazy("This place had been called “not motion”. It is being reviewed again.")
BEHIND = {  # Such alerts come after all that move.
    AT_REST: gettext_lazy("Ranked last: it is at rest or finished."),
    NO_MOTION: gettext_lazy("Ranked low: it is not certain that this place moves relative to the ground around it."),
}
VALUED = {1.0: gettext_lazy("something of value stands on it"), 2.0: gettext_lazy("much of value stands on it")}
SUDDEN = {1.0: gettext_lazy("such motion may turn sudden"), -1.0: gettext_lazy("it may be building work")}


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
    headline: Headline | None
    brief: str
    trend: str
    state: str
    state_label: str
    state_meaning: str
    severity: str
    severity_label: str
    severity_meaning: str
    importance: float
    why: str
    figures: tuple[Figure, ...]
    component: str
    exposure: dict[str, object] | None
    exposure_sentence: str
    tilt_sentence: str
    cause_sentence: str
    cause_is_computed: bool
    extent: str
    region_note: str
    nested_sentence: str
    sentence: str
    source: str
    source_sentence: str
    public_text: str
    first_seen: datetime
    updated: datetime
    simulated: bool
    provisional: bool
    contact: Contact | None
    voice: FamilyVoice
    datums: tuple[Datum, ...]
    longitude: float
    latitude: float

    @property
    def taken_back(self) -> bool:
        """Whether the alert was taken back: it is not motion, or its data are not valid."""
        return self.state in TAKEN_BACK

    @property
    def zero(self) -> str:
        """Return what the speeds of the data sets that show it are relative to; empty where none does."""
        return zero_of_several(self.datums)

    @property
    def figure(self) -> str:
        """Return the headline in one line, such as '↓ 40 ± 13 mm a year since March 2023'; without one, the label."""
        return self.headline.line if self.headline else self.rate_label

    @property
    def sentences(self) -> list[str]:
        """Return the sentences about an alert for mails, feeds and programs, the motion first."""
        if self.state == State.WITHDRAWN:
            return [self.sentence]
        more = [self.source_sentence, self.public_text, self.region_note, self.nested_sentence, self.tilt_sentence]
        more += [self.exposure_sentence, self.cause_sentence, doubt(self.datums)]
        if self.contact:
            # Translators: %(office)s is "Geological Survey of Westshore, +43 1 234, https://example.org/"
            responsible = _("Responsible in %(region)s: %(office)s")
            more.append(responsible % {"region": self.contact.region, "office": self.contact.line})
        return [self.sentence, *(one for one in more if one)]


def alert_cards(alerts: Iterable[Alert]) -> list[AlertCard]:
    """Return the cards of many alerts; their places are looked up all at once."""
    listed = list(alerts)
    prefetch_related_objects(listed, Prefetch("motion", AlertMotion.objects.defer("fit")), "by_hand", "exposure")
    tilts, datums = steepest_tilts(alerts=listed), alert_datums(alerts=listed)
    return [
        _card(alert, *place, tilts.get(alert.pk), tuple(datums.get(alert.pk, ())))
        for alert, place in zip(listed, alert_places(listed), strict=True)
    ]


def alert_card(alert: Alert) -> AlertCard:
    """Return the card of one alert."""
    return alert_cards([alert])[0]


def _card(alert: Alert, place: str, contact: Contact | None, tilt: Tilt | None, datums: tuple[Datum, ...]) -> AlertCard:
    inside = alert.area.point_on_surface
    row, family_voice = row_of(alert.kind), voice_of(alert)
    state_label, state_meaning = STATE_LABELS[alert.state]
    by_person = alert.source == Source.PERSON
    if by_person and alert.state in REPORTED_MEANINGS:
        state_meaning = REPORTED_MEANINGS[alert.state]
    gone = alert.state == State.WITHDRAWN  # Withdrawn data are not described.
    if gone and (ended := alert.transitions.last()):
        state_meaning = what_happened(ended)  # type: ignore[assignment]
    severity = family_voice.severity(alert.severity)
    by_hand, exposure = getattr(alert, "by_hand", None), getattr(alert, "exposure", None)
    computed_kind = not (by_hand and by_hand.kind)
    told = stated(alert)
    still = alert.state == State.FINISHED or (told is not None and told.at_rest)
    buildings, roads, _other_roads, railways, people = (getattr(exposure, name, None) for name in EXPOSED)
    return AlertCard(
        **{name: getattr(alert, name) for name in AS_STORED},
        url=alert.get_absolute_url(),
        kind_label=str(row.label),
        mark=row.mark,
        place=place,
        area_label=area_label(alert.area_m2),
        rate_label=str(state_label) if gone else family_voice.label(alert),
        headline=None if gone else family_voice.headline(alert),
        brief=str(state_meaning) if gone else family_voice.brief(alert),
        trend=family_voice.trend(alert),
        state_label=str(state_label),
        state_meaning=str(family_voice.ended if alert.state == State.FINISHED else state_meaning),
        severity_label=str(severity.label),
        severity_meaning=str(severity.meaning),
        why=why_words(alert, terms_of(alert, tilt)),
        figures=told.figures if told and not gone else (),
        exposure=_as_answer(exposure) if exposure else None,
        exposure_sentence=exposure_sentence(buildings, roads, railways, people),
        tilt_sentence="" if still else building_tilt_sentence(tilt, buildings, people),
        cause_sentence=family_voice.cause(alert) if computed_kind else "",
        cause_is_computed=computed_kind,
        region_note=family_voice.region_note(alert),
        nested_sentence=_nested_sentence(alert) if alert.extent == Extent.REGION else "",
        sentence=str(state_meaning) if gone else family_voice.sentence(alert),
        source_sentence=str(REPORTED_BEFORE) if by_person and alert.is_measured else "",
        public_text=by_hand.texts.get(get_language() or "", "") if by_hand else "",
        first_seen=alert.created_at,
        updated=alert.updated_at,
        provisional=rests_on_passes(alert),
        contact=contact,
        voice=family_voice,
        datums=datums,
        longitude=round(inside.x, 5),
        latitude=round(inside.y, 5),
    )


def _nested_sentence(region: Alert) -> str:
    """Return how many places inside a wide region have alerts, and how fast the fastest of them moves."""
    places = [(told.headline, place) for place in alerts_nested(alert=region) if (told := stated(place))]
    if not places:
        return ""
    _figure, fastest = max(places, key=lambda one: abs(one[0].value))
    # Translators: %(rate)s is "sinking 14 mm/year in the fastest part"
    words = ngettext(
        "%(n)s place in it has an alert of its own: %(rate)s.",
        "%(n)s places in it have alerts of their own; the fastest: %(rate)s.",
        len(places),
    )
    return words % {"n": whole(len(places)), "rate": voice_of(fastest).label(fastest)}


def _as_answer(exposure: AlertExposure) -> dict[str, object]:
    """Return an exposure's figures (None where no layer covers the area) and, as `sources`, the layers counted."""
    figures = {name: getattr(exposure, name) for name in EXPOSED}
    rounded = {name: round(value, 2) if isinstance(value, float) else value for name, value in figures.items()}
    return rounded | {"sources": exposure.sources}


class Exposure(NamedTuple):
    """What stands in an alert's area: a row of words for each kind of thing, and the layers counted."""

    rows: list[tuple[str, str]]
    sources: list[str]


def exposure_block(alert: Alert) -> Exposure:
    """Return buildings, roads, railways and people in an alert's area, for its page, and the layers counted."""
    exposure = getattr(alert, "exposure", None)
    rows = exposure_rows(*(getattr(exposure, name, None) for name in EXPOSED))
    # Translators, here and below: %(name)s is the name of a file or a data set, %(kind)s what it holds
    credited = _("%(name)s (%(kind)s, %(attribution)s), loaded %(day)s")
    plain = _("%(name)s (%(kind)s), loaded %(day)s")
    sources = [
        (credited if source["attribution"] else plain)
        % {**source, "day": day_words(date.fromisoformat(source["loaded_on"]))}
        for source in (exposure.sources if exposure else ())
    ]
    return Exposure(rows, sources)


def cards_state() -> list[dict[str, Any]]:
    """Return figures of alerts and of context layers that differ after most changes of cards or of their order."""
    rows = {"n": Count("id"), "newest": Max("id")}
    alerts = Alert.objects.aggregate(**rows, last=Max("updated_at"), order=Sum("importance"))
    return [alerts, ContextLayer.objects.aggregate(**rows, last=Max("loaded_at"))]


class KeptCards:
    """Cache of cards for one round of messages: one per alert and language; an alert that changes gets a new one."""

    def __init__(self) -> None:
        self._cards: dict[tuple[object, ...], AlertCard] = {}

    def __call__(self, alert: Alert) -> AlertCard:
        """Return the card of an alert in the active language."""
        self.read_ahead([alert])
        return self._cards[version_of(alert)]

    def read_ahead(self, alerts: Iterable[Alert]) -> None:
        """Make the missing cards of these alerts at once; of alerts without their areas, read these as well."""
        new = {version: alert for alert in alerts if (version := version_of(alert)) not in self._cards}
        if new:
            areas = dict(Alert.objects.filter(pk__in=[one.pk for one in new.values()]).values_list("pk", "area"))
            for alert in new.values():
                alert.area = areas[alert.pk]
            self._cards |= dict(zip(new, alert_cards(new.values()), strict=True))


def version_of(alert: Alert) -> tuple[object, ...]:
    """Return what changes with the card of an alert in the active language."""
    return alert.pk, alert.state, alert.updated_at, get_language()


def alert_feature(alert: Alert, card: AlertCard) -> dict[str, object]:
    """Return an alert as a GeoJSON feature for maps, whose outline is smooth."""
    return {
        "type": "Feature",
        "id": alert.pk,
        "geometry": geojson(smooth_steps(alert.area)),
        "properties": alert_properties(alert, card),
    }


def alert_properties(alert: Alert, card: AlertCard) -> dict[str, object]:
    """Return those of PROPERTIES that an alert has, as JSON."""
    days = (alert.first_motion, alert.last_motion, card.first_seen, card.updated)
    dated = {name: day.isoformat() for name, day in zip(DATED, days, strict=True)}
    return {name: getattr(card, name) for name in OF_CARDS} | dated | figures_known(alert)


def alert_title(card: AlertCard) -> str:
    """Return a title such as 'Sinking ground, 2 km north of Bay: 14 mm a year (provisional)'."""
    gone = card.state == State.WITHDRAWN
    title = _("%(kind)s, %(place)s: %(state)s") if gone else _("%(kind)s, %(place)s: %(rate)s (%(state)s)")
    title %= {"kind": card.kind_label, "place": card.place, "rate": card.rate_label, "state": card.state_label}
    return _("Simulated: %(title)s") % {"title": title} if card.simulated else title


def step_row(step: AlertTransition) -> dict[str, Any]:
    """Return a step as a row. from_label: empty for the first step, and for a step that kept the state."""
    before, after = state_label(step.from_state), state_label(step.to_state)
    from_label = before if step.changes_state else ""
    label = after if from_label else capfirst(after)
    return {
        "at": step.created_at,
        "from_label": from_label,
        "to_label": label if step.changes_state else _("New figures"),
        "by_whom": BY_WHOM.get(step.actor, step.actor),
        "reason": step_reason(step.reason),
        "changes": update_sentences(step),
    }


def update_sentences(step: AlertTransition) -> list[str]:
    """Return sentences on the figures that changed with a step; empty if only the state changed."""
    update: AlertUpdate | None = getattr(step, "update", None)
    return change_sentences(step.alert.kind, update.changes, update.told_at.date()) if update else []


def related_rows(alert: Alert) -> list[dict[str, Any]]:
    """Return a row for each alert related to this one by a merge or a split, in either direction."""
    rows, relations = [], AlertRelation.objects.filter(Q(alert=alert) | Q(other=alert))
    for one in relations.select_related("alert", "other").defer("alert__area", "other__area"):
        is_own = one.alert_id == alert.pk
        words, other = RELATION_WORDS[one.relation][not is_own], one.other if is_own else one.alert
        rows.append({"words": words, "code": other.code, "url": other.get_absolute_url(), "at": one.created_at})
    return rows


def what_happened(transition: AlertTransition) -> str:
    """Return sentences on the meaning of a step, and on the changes of the figures since the last report."""
    return " ".join(str(part) for part in (_step_words(transition), *update_sentences(transition)) if part)


def _step_words(transition: AlertTransition) -> str:
    if not transition.changes_state:
        return ""
    if not transition.from_state and transition.alert.source == Source.PERSON:
        return str(REPORTED)
    if transition.to_state == "withdrawn":
        return str(WHAT_HAPPENED["withdrawn"]) % {"reason": step_reason(transition.reason)}
    if transition.from_state == "withdrawn":
        return str(STANDS_AGAIN)
    if transition.from_state == "finished" and not hasattr(transition, "review"):
        return str(OPEN_AGAIN if transition.reason == END_UNPROVED else MOVES_AGAIN)
    if transition.to_state == "first" and transition.from_state:
        return str(SEEN_AGAIN)
    if transition.to_state == "finished":
        ended = voice(transition.alert.kind).ended
        return f"{LOOKED} {ended}" if hasattr(transition, "review") else str(ended)
    return str(WHAT_HAPPENED[transition.to_state])


def why_words(alert: Alert, terms: Terms) -> str:
    """Return why an alert has its rank: 'Rank: its motion counts as large, faster of late.'; or ''."""
    if terms.standing in BEHIND:
        return str(BEHIND[terms.standing])
    parts: list[Any] = [_size(alert, terms)] if alert.is_measured else []
    if terms.trend:
        parts.append(_("faster of late") if terms.trend > 0 else _("slower than before"))
    parts += [words[step] for words, step in ((VALUED, terms.exposure), (SUDDEN, terms.kind)) if step in words]
    if terms.judgement:
        parts.append(_("raised by a specialist") if terms.judgement > 0 else _("lowered by a specialist"))
    if terms.passes:
        parts.append(_("seen in new passes alone"))
    if not parts:
        return ""
    # Translators: %(reasons)s is a list: "its motion counts as large, faster of late and much of value stands on it"
    return _("Rank: %(reasons)s.") % {"reasons": listed(parts)}


def _size(alert: Alert, terms: Terms) -> str:
    if family(alert.kind) is Family.SURFACE:
        # Translators: %(area)s is "12 hectares"
        return _("%(area)s of changed surface") % {"area": area_label(alert.area_m2)}
    if terms.motion >= STRONG_STEPS:
        return _("its motion counts as large")
    return _("its motion counts as medium") if terms.motion >= MODERATE_STEPS else _("its motion counts as small")
