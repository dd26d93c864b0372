"""The trail of a case: every change of state and every verdict."""

from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from detection.models import Alert
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
        for step in alert.transitions.filter(review=None).select_related("update", "alert")
    ]
    return sorted([*verdicts, *steps], key=lambda entry: entry["at"], reverse=True)
