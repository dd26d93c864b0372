"""Proposals: from severity SECOND_PERSON_FROM on, a confirmation is public only once a second person agrees.

One person proposes to confirm an alert, or to change its published columns; another publishes or declines the proposal.
Every step locks the alert's row, so that of two simultaneous answers one is refused. Publishing itself is done by
`services.review_publish` and `edits.edit_publish`.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from detection.alerts.importance import severity_as_moving
from detection.by_hand import columns_set_by_hand
from detection.models import Alert, Proposal
from detection.reviews.audit import audit_write
from detection.reviews.claims import Overtaken, alone, check_unclaimed
from detection.rules.lifecycle import State
from detection.rules.severity import Severity

PUBLISHED = (State.CONFIRMED, State.FINISHED)
MAX_ANSWER_LENGTH = 1000
Outcome = Proposal.Outcome


def needs_second(*, alert: Alert, severity: str = "") -> bool:
    """Return whether a second person must agree to the confirmation of this alert, or to changes once it is confirmed.

    severity: the proposed one. The highest of the proposed, present and computed severity counts; for a finished alert
    also the severity that it would have in motion. So nobody can avoid the rule by first lowering the severity or
    calling the place at rest.
    """
    if not settings.SECOND_PERSON_FROM:
        return False
    set_by_hand = columns_set_by_hand(alert)
    computed = set_by_hand.computed.get("severity") if set_by_hand else ""
    grades, known = list(Severity), [alert.severity, severity, computed]
    if alert.state == State.FINISHED:
        known.append(severity_as_moving(alert=alert))
    gravest = max(grades.index(Severity(grade)) for grade in known if grade)
    return gravest >= grades.index(Severity(settings.SECOND_PERSON_FROM))


def proposal_waiting(*, alert: Alert) -> Proposal | None:
    """Return the proposal on an alert that waits for a second person, if any."""
    waiting = Proposal.objects.select_related("alert", "proposer")
    return waiting.filter(alert=alert, outcome=Outcome.WAITING).first()


def proposal_make(*, alert: Alert, proposer: User, **said: Any) -> Proposal:
    """Save a proposal for an alert whose row is locked. ValueError if another one is waiting.

    said: columns of Proposal.
    """
    if proposal_waiting(alert=alert):
        raise ValueError("something waits for a second person already; it must be answered or withdrawn first")
    proposal = Proposal.objects.create(alert=alert, proposer=proposer, **said)
    words = f"changes {', '.join(sorted(proposal.change))}" if proposal.change else proposal.reason_code
    _audit(proposal, proposer, "proposal.made", f"{words}: {proposal.public_note}".removesuffix(": "))
    return proposal


def proposal_decline(*, proposal: Proposal, publisher: User, answer: str) -> None:
    """Decline a proposal; its alert returns to the queue. ValueError without a reason, or for one's own proposal."""
    if not answer.strip() or len(answer) > MAX_ANSWER_LENGTH:
        raise ValueError(f"say why in at most {MAX_ANSWER_LENGTH} characters")
    with alone(proposal.alert):
        check_unclaimed(alert=proposal.alert, person=publisher)
        proposal_answer(proposal=proposal, publisher=publisher, outcome=Outcome.DECLINED, answer=answer.strip())
        _audit(proposal, publisher, "proposal.declined", answer.strip())


def proposal_withdraw(*, proposal: Proposal, proposer: User) -> None:
    """Withdraw one's own proposal before it is answered."""
    if proposal.proposer_id != proposer.pk:
        raise ValueError("only who proposed it withdraws it")
    with alone(proposal.alert):
        check_unclaimed(alert=proposal.alert, person=proposer)
        _close(proposal, proposer, Outcome.WITHDRAWN)
        _audit(proposal, proposer, "proposal.withdrawn")


def proposal_answer(*, proposal: Proposal, publisher: User, outcome: Outcome, answer: str = "") -> None:
    """Close another person's proposal; the alert's row must be locked. Raises Overtaken if it is closed already."""
    if proposal.proposer_id == publisher.pk:
        raise ValueError("whoever proposed it does not answer it")
    _close(proposal, publisher, outcome, answer)


def proposal_overtake(*, alert: Alert, by: User) -> None:
    """Close a waiting proposal because its alert has changed. The alert's row must be locked."""
    if proposal := proposal_waiting(alert=alert):
        _close(proposal, by, Outcome.OVERTAKEN)
        _audit(proposal, by, "proposal.overtaken")


def _close(proposal: Proposal, by: User, outcome: Outcome, answer: str = "") -> None:
    closed = {"outcome": outcome, "decided_by": by, "decided_at": timezone.now(), "answer": answer}
    if not Proposal.objects.filter(pk=proposal.pk, outcome=Outcome.WAITING).update(**closed):
        raise Overtaken(f"what was proposed of alert {proposal.alert.code} was answered by somebody else")
    for name, value in closed.items():
        setattr(proposal, name, value)


def _audit(proposal: Proposal, actor: User, action: str, detail: str = "") -> None:
    whose = f"of {proposal.proposer}" if proposal.proposer and proposal.proposer != actor else ""
    words = "; ".join(filter(None, (whose, detail)))
    audit_write(actor=actor, action=action, subject=proposal.alert.code, detail=words)
