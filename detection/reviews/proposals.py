"""Proposals: from severity SECOND_PERSON_FROM on, what one person writes is public only once a second person agrees.

One person proposes to confirm an alert, to change what is published of it, or a text that stands beside alerts;
another publishes or declines the proposal. Of two simultaneous answers one is refused. `services.review_publish`,
`edits.edit_publish` and `text_publish` publish.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from detection.alerts.importance import severity_as_moving
from detection.by_hand import columns_set_by_hand
from detection.models import Alert, Proposal, PublicText
from detection.reviews.audit import audit_write
from detection.reviews.claims import Overtaken, lock
from detection.rules.lifecycle import State
from detection.rules.severity import Severity
from detection.tables.reviews import Proposed
from ground_motion.core.errors import promised

PUBLISHED = (State.CONFIRMED, State.FINISHED)
MAX_ANSWER_LENGTH = 1000
Outcome = Proposed.Outcome


def needs_second(*, alert: Alert, severity: str = "") -> bool:
    """Return whether a second person must agree to the confirmation of this alert, or to changes once it is confirmed.

    severity: the proposed one. The highest of the proposed, present and computed severity counts; for a finished alert
    also the severity that it would have in motion. So nobody can avoid the rule by first lowering the severity.
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
    """Save a proposal for an alert whose row is locked. said: columns of Proposal. ValueError if one is waiting."""
    if proposal_waiting(alert=alert):
        raise ValueError("something waits for a second person already; it must be answered or withdrawn first")
    proposal = Proposal.objects.create(alert=alert, proposer=proposer, **said)
    words = proposal.reason_code or f"changes {', '.join(sorted(promised(proposal.change)))}"
    _audit(proposal, proposer, "proposal.made", f"{words}: {proposal.public_note}".removesuffix(": "))
    return proposal


def may_take_along(*, proposal: Proposal, person: User) -> bool:
    """Return whether a person who proposes to confirm an alert proposes their own waiting text with it."""
    is_text = proposal.change is not None and proposal.change.keys() == {"texts"} and proposal.takes_back_id is None
    return is_text and proposal.proposer_id == person.pk and not proposal.confirms


def confirmation_propose(*, alert: Alert, proposer: User, **said: Any) -> Proposal:
    """Propose to confirm an alert whose row is locked, with a text of the same person that waits."""
    waiting, change = proposal_waiting(alert=alert), None
    if waiting and may_take_along(proposal=waiting, person=proposer):
        change = waiting.change
        proposal_overtake(alert=alert, by=proposer)
    return proposal_make(alert=alert, proposer=proposer, change=change, **said)


def proposal_decline(*, proposal: Proposal | PublicText, publisher: User, answer: str) -> None:
    """Decline a proposal; its alert returns to the queue. ValueError without a reason, or for one's own proposal.

    Raises Claimed if a third person holds the alert.
    """
    with transaction.atomic():
        if isinstance(proposal, Proposal):
            lock(proposal.alert, publisher)
        if not answer.strip() or len(answer) > MAX_ANSWER_LENGTH:
            raise ValueError(f"say why in at most {MAX_ANSWER_LENGTH} characters")
        proposal_answer(proposal=proposal, publisher=publisher, outcome=Outcome.DECLINED, answer=answer.strip())
        _audit(proposal, publisher, "proposal.declined", answer.strip())


def proposal_withdraw(*, proposal: Proposal | PublicText, proposer: User) -> None:
    """Withdraw one's own proposal before it is answered. Raises Claimed if another person holds the alert."""
    with transaction.atomic():
        if isinstance(proposal, Proposal):
            lock(proposal.alert, proposer)
        if proposal.proposer_id != proposer.pk:
            raise ValueError("only who proposed it withdraws it")
        _close(proposal, proposer, Outcome.WITHDRAWN)
        _audit(proposal, proposer, "proposal.withdrawn")


def proposal_answer(*, proposal: Proposal | PublicText, publisher: User, outcome: Outcome, answer: str = "") -> None:
    """Close another person's proposal; an alert's row must be locked. Raises Overtaken if it is closed already."""
    if proposal.proposer_id == publisher.pk:
        raise ValueError("whoever proposed it does not answer it")
    _close(proposal, publisher, outcome, answer)


def proposal_overtake(*, alert: Alert, by: User) -> None:
    """Close a waiting proposal because its alert has changed. The alert's row must be locked."""
    if proposal := proposal_waiting(alert=alert):
        _close(proposal, by, Outcome.OVERTAKEN)
        _audit(proposal, by, "proposal.overtaken")


def text_propose(*, subject: str, change: Mapping[str, Any], by: User) -> PublicText | None:
    """Keep a text until a second person agrees; return None if nobody has to, so that the caller publishes it at once.

    subject: kind and name of what the text is about; change: new value of each column. Whatever its severity,
    SECOND_PERSON_FROM makes texts wait, because they appear with alerts of every severity. An earlier text about
    the same subject is closed. A change without a text only removes something and never waits.
    """
    with transaction.atomic():
        text_overtake(subject=subject, by=by)
        if not settings.SECOND_PERSON_FROM or not any(change.values()):
            return None
        text = PublicText.objects.create(subject=subject, change=change, proposer=by)
        _audit(text, by, "proposal.made")
        return text


def text_overtake(*, subject: str, by: User) -> None:
    """Close a waiting text because what it is about has changed."""
    for text in PublicText.objects.select_for_update().filter(subject=subject, outcome=Outcome.WAITING):
        _close(text, by, Outcome.OVERTAKEN)
        _audit(text, by, "proposal.overtaken")


def text_publish(*, text: PublicText, publisher: User, publish: Callable[[PublicText, User], None]) -> None:
    """Agree with another person's text and publish it. Raises Overtaken if it was answered, or no longer fits."""
    with transaction.atomic():
        proposal_answer(proposal=text, publisher=publisher, outcome=Outcome.PUBLISHED)
        publish(text, publisher)
        _audit(text, publisher, "proposal.published")


def _close(proposal: Proposal | PublicText, by: User, outcome: Outcome, answer: str = "") -> None:
    closed = {"outcome": outcome, "decided_by": by, "decided_at": timezone.now(), "answer": answer}
    if not type(proposal)._default_manager.filter(pk=proposal.pk, outcome=Outcome.WAITING).update(**closed):
        raise Overtaken(f"what was proposed of {proposal.subject} was answered by somebody else")
    for name, value in closed.items():
        setattr(proposal, name, value)


def _audit(proposal: Proposal | PublicText, actor: User, action: str, detail: str = "") -> None:
    whose = f"of {proposal.proposer}" if proposal.proposer and proposal.proposer != actor else ""
    change = json.dumps(proposal.change, ensure_ascii=False) if isinstance(proposal, PublicText) else ""
    words = "; ".join(filter(None, (whose, detail, change)))
    audit_write(actor=actor, action=action, subject=proposal.subject[:40], detail=words)
