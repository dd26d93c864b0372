"""Steps of an alert's life in words, for its page, its mails and the API."""

from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from detection.models import Alert, AlertTransition, AlertUpdate
from detection.rules.lifecycle import Source
from detection.selectors import alerts_related
from monitor.wording.families import voice
from monitor.wording.states import state_label, step_reason
from monitor.wording.updates import change_sentences

BY_WHOM = {"automatic": gettext_lazy("by the computer"), "a specialist": gettext_lazy("by a specialist")}
RELATION_WORDS = {  # of the alert itself, of the other one
    "merged-into": (gettext_lazy("Became part of another alert:"), gettext_lazy("Took in another alert:")),
    "split-from": (gettext_lazy("Split from another alert:"), gettext_lazy("A part of it is followed as an alert:")),
}

WHAT_HAPPENED = {
    "first": gettext_lazy("A place in your region was flagged for the first time."),
    "provisional": gettext_lazy("A second set of satellite data shows this place as well."),
    "confirmed": gettext_lazy("A specialist has looked at this place and confirmed it."),
    "rejected": gettext_lazy("A specialist has looked at this place and found that it is not ground motion."),
    "merged": gettext_lazy("This place is followed under another alert now."),
}
REPORTED = gettext_lazy("A specialist reported this place in your region.")
LOOKED = gettext_lazy("A specialist has looked at this place.")
MOVES_AGAIN = gettext_lazy("The ground here had come to rest. It moves again.")
SEEN_AGAIN = gettext_lazy("This place had been called “not motion”. It is being reviewed again.")


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


def kin(alert: Alert) -> list[dict[str, Any]]:
    """Return a row for each alert related to this one by a merge or a split, in either direction."""
    rows = []
    for one in alerts_related(alert=alert):
        own, others = RELATION_WORDS[one.relation]
        other = one.other if one.alert_id == alert.pk else one.alert
        words = own if one.alert_id == alert.pk else others
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
    if transition.from_state == "finished" and not hasattr(transition, "review"):
        return str(MOVES_AGAIN)
    if transition.to_state == "first" and transition.from_state:
        return str(SEEN_AGAIN)
    if transition.to_state == "finished":
        ended = voice(transition.alert.kind).ended
        return f"{LOOKED} {ended}" if hasattr(transition, "review") else str(ended)
    return str(WHAT_HAPPENED[transition.to_state])
