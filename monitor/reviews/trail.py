"""The trail of a case: every change of state, every verdict and every change by hand."""

from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from detection.models import Alert
from detection.reviews.edits import may_take_back_edit
from detection.reviews.services import may_take_back
from monitor.alerts.steps import update_sentences
from monitor.wording.states import VERDICT_HEADINGS, in_language, state_label, step_reason


def trail_of(alert: Alert) -> list[dict[str, Any]]:
    """Every change of state and every verdict, latest first."""
    reviews = list(alert.reviews.select_related("reviewer", "transition", "takes_back"))
    undone = {review.takes_back_id for review in reviews if review.takes_back_id}
    verdicts = [
        {
            "at": review.created_at,
            "who": str(review.reviewer or _("an account that is gone")),
            "what": VERDICT_HEADINGS[review.verdict],
            "reason": in_language(review.reason.label),
            "note": in_language(review.public_note),
            "review": review,
            "undone": review.pk in undone,
            "may_undo": may_take_back(review=review, alert=alert),
        }
        for review in reviews
    ]
    steps = [
        {
            "at": step.created_at,
            "who": _("the computer"),
            "what": capfirst(state_label(step.to_state)) if step.changes_state else _("New figures"),
            "reason": ". ".join([step_reason(step.reason), " ".join(update_sentences(step))]).removesuffix(". "),
        }
        for step in alert.transitions.filter(review=None, edit=None).select_related("update", "alert")
    ]
    return sorted([*verdicts, *steps, *_edits(alert)], key=lambda entry: entry["at"], reverse=True)


def _edits(alert: Alert) -> list[dict[str, Any]]:
    edits = list(alert.edits.select_related("editor", "transition__update", "transition__alert"))
    undone = {edit.takes_back_id for edit in edits if edit.takes_back_id}
    return [
        {
            "at": edit.created_at,
            "who": str(edit.editor or _("an account that is gone")),
            "what": _("A change was taken back") if edit.takes_back_id else _("Changed by hand"),
            "reason": " ".join(update_sentences(edit.transition)) if edit.transition else _("The text, not announced."),
            "edit": edit,
            "undone": edit.pk in undone,
            "may_undo": may_take_back_edit(edit=edit),
        }
        for edit in edits
    ]
