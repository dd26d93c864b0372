"""Issue of a CAP message after each step of an alert's life."""

import secrets

from django.conf import settings
from django.db import transaction as database
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from detection.models import Alert, AlertTransition
from detection.rules.lifecycle import State
from monitor.models.messages import CapMessage
from monitor.open_data.cap.document import Words, compose, reference
from monitor.wording.cards.cards import alert_card, alert_title
from monitor.wording.cards.steps import update_sentences

Type = CapMessage.Type
OVER = (State.REJECTED, State.MERGED, State.FINISHED)
FIGURES = ("rate_mm_yr", "rate_sigma_mm_yr", "peak_rate_mm_yr", "speed_m_day", "speed_sigma_m_day", "change_sigma")


def transitions_due() -> QuerySet[AlertTransition]:
    """Return each alert's latest step if it has no message yet, except the end of an alert with nothing to cancel."""
    later = AlertTransition.objects.filter(alert=OuterRef("alert"), pk__gt=OuterRef("pk"))
    last = CapMessage.objects.filter(alert=OuterRef("alert")).order_by("-pk").values("message_type")[:1]
    nothing_to_take_back = Q(last_type=None) | Q(last_type=Type.CANCEL)
    return (
        AlertTransition.objects.filter(cap_message=None)
        .exclude(Exists(later))
        .annotate(last_type=Subquery(last))
        .exclude(nothing_to_take_back & Q(to_state__in=OVER))
        .select_related("alert")
        .order_by("pk")
    )


@database.atomic
def message_issue(*, transition: AlertTransition) -> CapMessage:
    """Write the CAP message of a step. An alert that resumes after its end begins anew with message type Alert."""
    alert, standing = transition.alert, _standing(transition.alert)
    words = [_words(transition, language) for language, _name in settings.LANGUAGES]
    follows = Type.UPDATE if standing else Type.ALERT
    message = CapMessage(
        transition=transition,
        alert=alert,
        identifier=f"{alert.code}-{secrets.token_hex(8)}",
        message_type=Type.CANCEL if transition.to_state in OVER else follows,
        references=" ".join(map(reference, standing)),
        headline=words[0].headline,
        sent_at=timezone.now(),
    )
    message.xml = compose(message, words, _parameters(alert))
    message.save()
    return message


def _words(transition: AlertTransition, language: str) -> Words:
    with translation.override(language):
        alert, card = transition.alert, alert_card(transition.alert)
        state = _("State: %(meaning)s") % {"meaning": card.state_meaning}
        said = (card.sentence, card.source_sentence, card.public_text, *update_sentences(transition), state)
        return Words(
            language=language,
            event=card.kind_label,
            headline=alert_title(card),
            description=" ".join(part for part in said if part),
            instruction=" ".join(card.voice.advice(alert.kind, alert.state)),
            severity_meaning=card.severity_meaning,
            place=card.place,
            contact=card.contact.line if card.contact else "",
            note=_note(alert),
        )


def _note(alert: Alert) -> str:
    if alert.is_measured:
        no_warning = _(
            "Found in satellite measurements that are days to weeks old. This is not an emergency warning, and it does "
            "not replace the judgement of an engineer on site."
        )
    else:
        no_warning = _(
            "Reported by a specialist; satellite measurements do not show it. This is not an emergency warning, and it "
            "does not replace the judgement of an engineer on site."
        )
    simulated = _("Simulated data: no real place.")
    return f"{simulated} {no_warning}" if alert.simulated else no_warning


def _standing(alert: Alert) -> list[CapMessage]:
    """Return the messages of an alert since its last cancellation, the oldest first."""
    issued = list(alert.cap_messages.defer("xml").order_by("pk"))
    ends = [index for index, one in enumerate(issued) if one.message_type == Type.CANCEL]
    return issued[ends[-1] + 1 :] if ends else issued


def _parameters(alert: Alert) -> list[tuple[str, str]]:
    facts = [("code", alert.code), ("state", alert.state), ("severity", alert.severity), ("source", alert.source)]
    facts += [("component", alert.component)] if alert.component else []
    facts += [(name, f"{getattr(alert, name):.2f}") for name in FIGURES if getattr(alert, name) is not None]
    return [*facts, ("area_m2", f"{alert.area_m2:.0f}")]
