"""Trail of a case: its changes of state, verdicts, changes by hand, proposals and visits."""

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from detection.models import Alert, FieldVisit, Proposal
from detection.reviews.edits import may_take_back_edit, undo_waits_for_second
from detection.reviews.proposals import proposal_waiting
from detection.reviews.services import may_take_back
from detection.reviews.visits import Result
from monitor.pages.reviews.visits import RESULT_WORDS
from monitor.wording.cards.steps import update_sentences
from monitor.wording.states import VERDICT_HEADINGS, in_language, state_label, step_reason

OUTCOMES: dict[str, Promise] = {
    Proposal.Outcome.DECLINED: gettext_lazy("What was proposed was declined"),
    Proposal.Outcome.WITHDRAWN: gettext_lazy("What was proposed was withdrawn"),
    Proposal.Outcome.OVERTAKEN: gettext_lazy("What was proposed ended: the alert became another one"),
}


def trail_of(alert: Alert) -> list[dict[str, Any]]:
    """Return the entries of an alert's trail, the latest first."""
    reviews = list(alert.reviews.select_related("reviewer", "transition", "takes_back", "proposal__decided_by"))
    undone = {review.takes_back_id for review in reviews if review.takes_back_id}
    verdicts = [
        {
            "at": review.created_at,
            "who": _who(review.reviewer, getattr(review, "proposal", None)),
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
    entries = [*verdicts, *steps, *_edits(alert), *_proposals(alert), *_visits(alert)]
    return sorted(entries, key=lambda entry: entry["at"], reverse=True)


def _edits(alert: Alert) -> list[dict[str, Any]]:
    kept = ("editor", "transition__update", "transition__alert", "proposal__decided_by")
    edits = list(alert.edits.select_related(*kept))
    undone = {edit.takes_back_id for edit in edits if edit.takes_back_id}
    may_undo = {edit.pk for edit in edits if may_take_back_edit(edit=edit)}
    proposes = {edit.pk for edit in edits if edit.pk in may_undo and undo_waits_for_second(edit=edit)}
    if proposal_waiting(alert=alert):  # An alert has at most one proposal at a time.
        may_undo -= proposes
    return [
        {
            "at": edit.created_at,
            "who": _who(edit.editor, getattr(edit, "proposal", None)),
            "what": _("A change was taken back") if edit.takes_back_id else _("Changed by hand"),
            "reason": " ".join(update_sentences(edit.transition)) if edit.transition else _("The text, not announced."),
            "edit": edit,
            "undone": edit.pk in undone,
            "may_undo": edit.pk in may_undo,
            "proposes": edit.pk in proposes,
        }
        for edit in edits
    ]


def _proposals(alert: Alert) -> list[dict[str, Any]]:
    """Return entries for proposals and their answers, except publications, which have entries of their own."""
    entries = []
    for proposal in alert.proposals.select_related("proposer", "decided_by"):
        what = _("Proposed to change it") if proposal.change else _("Proposed to confirm it")
        what = _("Proposed to take a change back") if proposal.takes_back_id else what
        entries.append(
            {
                "at": proposal.created_at,
                "who": _who(proposal.proposer),
                "what": what,
                "reason": in_language(proposal.public_note),
            }
        )
        if proposal.outcome in OUTCOMES:
            words = OUTCOMES[proposal.outcome]
            entries.append(
                {"at": proposal.decided_at, "who": _who(proposal.decided_by), "what": words, "reason": proposal.answer}
            )
    return entries


def _visits(alert: Alert) -> list[dict[str, Any]]:
    reported = FieldVisit.objects.filter(review__alert=alert).exclude(result="").exclude(result=Result.MOVED)
    return [
        {
            "at": visit.reported_at,
            "who": _who(visit.reported_by),
            "what": _("Visit on site: %(result)s") % {"result": RESULT_WORDS[Result(visit.result)]},
            "reason": visit.note.text if visit.note else "",
        }
        for visit in reported.select_related("reported_by", "note")
    ]


def _who(person: AbstractBaseUser | None, proposal: Proposal | None = None) -> str:
    """Return a person's name; if the act was proposed, also the name of its publisher."""
    name = str(person or _("an account that is gone"))
    if proposal is None:
        return name
    return _("%(name)s, published by %(other)s") % {"name": name, "other": _who(proposal.decided_by)}
