"""Edits of an alert by a person: its kind, outline, importance and public text. Each act can be taken back."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from shapely import from_wkb

from detection.alerts import life
from detection.alerts.describe import exposure_refresh
from detection.alerts.importance import importance_refresh
from detection.by_hand import COLUMNS, FIELDS, area_m2_of, as_json, columns_set_by_hand, from_json, values_by_hand
from detection.kinds import KINDS, Kind, row_of
from detection.models import Alert, Claim, Proposal
from detection.reviews.audit import audit_write
from detection.reviews.claims import Overtaken, lock
from detection.reviews.outlines import Unfit, outline_of
from detection.reviews.proposals import PUBLISHED, needs_second, proposal_answer, proposal_make, proposal_overtake
from detection.reviews.services import SPECIALIST
from detection.rules.lifecycle import State
from detection.rules.severity import Severity
from detection.rules.updates import Cause, Change
from detection.search.areas import to_django
from detection.selectors import PUBLIC_STATES
from detection.tables.reviews import AlertEdit, SetByHand
from ground_motion.core.errors import promised

MAX_TEXT_LENGTH = 1000
REASON, TAKEN_BACK = "changed by a specialist", "a specialist's change was taken back"


def kinds_open(kind: str) -> list[Kind]:
    """Return the kinds that a person may choose instead of a kind: same family, and an event for an event."""
    row = row_of(kind)
    return [name for name, other in KINDS.items() if (other.family, other.event) == (row.family, row.event)]


def last_edit(alert: Alert) -> int:
    """Return the number of the last edit of an alert, by which a form detects a concurrent edit."""
    return alert.edits.values_list("pk", flat=True).last() or 0


def alert_edit(
    *,
    alert: Alert,
    editor: User,
    wanted: Mapping[str, Any],
    expected_state: str,
    expected_edit: int,
    announce: bool = True,
) -> AlertEdit | Proposal | None:
    """Set an alert's columns permanently, or propose this if a second person must agree; None if nothing changes.

    wanted: values of kind, severity, area (GeoJSON), texts (by language); empty: as computed. announce: whether to
    report a change of texts alone; other changes always are. Raises Overtaken if the alert has changed since it was
    shown, Claimed if another person holds it, Unfit for invalid input, ValueError for an alert that is not followed.
    """
    with transaction.atomic():
        lock(alert, editor, expected_state)
        if last_edit(alert) != expected_edit:
            raise Overtaken(f"alert {alert.code} was changed by somebody else; look at it again")
        if alert.state not in PUBLIC_STATES:
            raise ValueError("this alert is not followed any more; take the verdict on it back first")
        set_by_hand, _new = SetByHand.objects.get_or_create(
            alert=alert, defaults={"computed": {name: as_json(getattr(alert, name)) for name in COLUMNS}}
        )
        before = values_by_hand(set_by_hand)
        after = before | _check(alert, set_by_hand, wanted)
        changed = [name for name in FIELDS if after[name] != before[name]]
        if not changed:
            return None
        change = {name: after[name] for name in changed}
        at_once = {} if _waits_for_second(alert, set_by_hand, after) else change
        if not at_once and not _waits_for_second(alert, set_by_hand, after | {"texts": before["texts"]}):
            at_once = {name: value for name, value in change.items() if name != "texts"}  # Only the text waits.
        edit = None
        if at_once:
            proposal_overtake(alert=alert, by=editor)
            silent = [*at_once] == ["texts"] and not announce
            edit = _set(alert, set_by_hand, editor, {name: before[name] for name in at_once}, at_once, silent=silent)
        if waits := {name: value for name, value in change.items() if name not in at_once}:
            proposal = proposal_make(alert=alert, proposer=editor, change=waits, announce=announce)
            Claim.objects.filter(alert=alert, holder=editor).delete()
            return proposal
        return edit


def edit_publish(*, proposal: Proposal, publisher: User, expected_state: str) -> AlertEdit:
    """Agree with a proposed change and publish it. Raises the errors of `services.review_publish`."""
    alert, change = proposal.alert, promised(proposal.change)
    with transaction.atomic():
        lock(alert, publisher, expected_state)
        proposal_answer(proposal=proposal, publisher=publisher, outcome=Proposal.Outcome.PUBLISHED)
        if alert.state not in PUBLIC_STATES:
            raise ValueError(f"an alert that is {alert.state} is not changed like this; decline it")
        set_by_hand = promised(columns_set_by_hand(alert))
        before, silent = values_by_hand(set_by_hand), [*change] == ["texts"] and not proposal.announce
        proposal.edit = _set(
            alert,
            set_by_hand,
            promised(proposal.proposer),
            {name: before[name] for name in change},
            change,
            takes_back=proposal.takes_back,
            silent=silent,
            publisher=publisher,
        )
        proposal.shown = values_by_hand(set_by_hand)
        proposal.save(update_fields=["edit", "shown"])
        Claim.objects.filter(alert=alert, holder=publisher).delete()
        return proposal.edit


def edit_take_back(*, edit: AlertEdit, editor: User) -> AlertEdit | Proposal:
    """Undo an edit, or propose to undo it where a second person must agree (`undo_waits_for_second`).

    ValueError if it was undone already, a later edit builds on it, or its alert is not followed any more.
    """
    with transaction.atomic():
        alert = edit.alert
        lock(alert, editor)
        if not may_take_back_edit(edit=edit):
            raise ValueError("this can no longer be taken back; change it again instead")
        if undo_waits_for_second(edit=edit):
            proposal = proposal_make(alert=alert, proposer=editor, change=edit.before, takes_back=edit)
            Claim.objects.filter(alert=alert, holder=editor).delete()
            return proposal
        proposal_overtake(alert=alert, by=editor)
        return _set(alert, promised(columns_set_by_hand(alert)), editor, edit.after, edit.before, takes_back=edit)


def undo_waits_for_second(*, edit: AlertEdit) -> bool:
    """Return whether a second person must agree to the undo of an edit, as to any other change of a published alert.

    Nobody else must agree if the undo restores exactly what a publication showed, or leaves only computed values.
    """
    alert, set_by_hand = edit.alert, columns_set_by_hand(edit.alert)
    after = values_by_hand(set_by_hand) | edit.before
    if not any(after.values()) or set_by_hand is None or not _waits_for_second(alert, set_by_hand, after):
        return False
    published = alert.proposals.filter(outcome=Proposal.Outcome.PUBLISHED).values_list("shown", flat=True)
    return after not in published


def may_take_back_edit(*, edit: AlertEdit) -> bool:
    """Return whether an edit of a followed alert is in force and no later one has changed the same columns."""
    if edit.alert.state not in PUBLIC_STATES:
        return False
    if edit.takes_back_id or AlertEdit.objects.filter(takes_back=edit).exists():
        return False
    later = AlertEdit.objects.filter(alert=edit.alert, pk__gt=edit.pk, takes_back=None, taken_back_by=None)
    return not any(set(newer.after) & set(edit.after) for newer in later)


def texts_of(given: Mapping[str, str]) -> dict[str, str]:
    """Return public texts by language, without empty ones. Raises Unfit."""
    texts = {code: given.get(code, "").strip() for code, _name in settings.LANGUAGES}
    if any(len(text) > MAX_TEXT_LENGTH for text in texts.values()):
        raise Unfit(_("A public text has at most %(most)s characters.") % {"most": MAX_TEXT_LENGTH})
    return {code: text for code, text in texts.items() if text}


def _waits_for_second(alert: Alert, set_by_hand: SetByHand, after: Mapping[str, Any]) -> bool:
    """Return whether a second person must agree to these values of FIELDS; texts wait before a confirmation, too."""
    severity = after["severity"] or set_by_hand.computed.get("severity", "")
    return (alert.state in PUBLISHED or bool(after["texts"])) and needs_second(alert=alert, severity=severity)


def _check(alert: Alert, set_by_hand: SetByHand, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Check the wanted values and return them as stored, None if equal to the computed ones. Raises Unfit."""
    checked: dict[str, Any] = {}
    computed = set_by_hand.computed
    if "kind" in wanted:
        if wanted["kind"] and wanted["kind"] not in kinds_open(alert.kind):
            raise Unfit(_("This kind is measured in another way: it cannot be chosen here."))
        checked["kind"] = wanted["kind"] if wanted["kind"] != computed.get("kind") else None
    if "severity" in wanted:
        if wanted["severity"] and wanted["severity"] not in set(Severity):
            raise Unfit(_("There is no such importance."))
        checked["severity"] = wanted["severity"] if wanted["severity"] != computed.get("severity") else None
    if "area" in wanted:
        near = from_wkb(bytes(alert.area.wkb))
        area = as_json(to_django(outline_of(wanted["area"], near))) if wanted["area"] else None
        checked["area"] = None if area == computed.get("area") else area
    if "texts" in wanted:
        checked["texts"] = texts_of(wanted["texts"])
    if not computed and any(not checked.get(name, True) for name in COLUMNS):
        raise Unfit(_("The computer has computed nothing of this place that could be taken instead."))
    return {name: value or None for name, value in checked.items()}


def _set(
    alert: Alert,
    set_by_hand: SetByHand,
    editor: User,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    takes_back: AlertEdit | None = None,
    silent: bool = False,
    publisher: User | None = None,
) -> AlertEdit:
    shown = {name: as_json(getattr(alert, name)) for name in (*COLUMNS, "area_m2")}
    for name, value in after.items():
        empty: object = {"area": None, "texts": {}}.get(name, "")
        setattr(set_by_hand, name, empty if value is None else from_json(value) if name == "area" else value)
    set_by_hand.save()
    for name in set(COLUMNS) & set(after):
        setattr(alert, name, from_json(after[name] if after[name] is not None else set_by_hand.computed[name]))
    alert.area_m2, alert.updated_at = area_m2_of(alert.area), timezone.now()
    alert.save(update_fields=[*COLUMNS, "area_m2", "updated_at"])
    if "area" in after:
        exposure_refresh(alert=alert)
    importance_refresh(alert=alert)
    changes = _changes(alert, shown, after)
    step = None
    if not silent:
        reason = TAKEN_BACK if takes_back else REASON
        step = life.report(alert, State(alert.state), reason, SPECIALIST, changes)
    kept = {"before": dict(before) | shown, "after": dict(after)}
    audit_write(
        actor=publisher or editor,
        action="edit.taken-back" if takes_back else "edit",
        subject=alert.code,
        before=", ".join(sorted(before)),
        after=", ".join(sorted(after)),
        detail=json.dumps(kept | ({"proposed_by": str(editor)} if publisher else {}), ensure_ascii=False),
    )
    return AlertEdit.objects.create(
        alert=alert, transition=step, before=before, after=after, editor=editor, takes_back=takes_back
    )


def _changes(alert: Alert, shown: Mapping[str, Any], after: Mapping[str, Any]) -> Sequence[Change]:
    """Return the changes that an edit makes in what readers of the alert see."""
    changes = []
    if alert.kind != shown["kind"]:
        changes.append(Change(Cause.NAMED, shown["kind"], alert.kind))
    if alert.severity != shown["severity"]:
        changes.append(Change(Cause.SEVERITY, shown["severity"], alert.severity))
    if "area" in after:
        changes.append(Change(Cause.OUTLINE, shown["area_m2"], alert.area_m2, "m2"))
    if "texts" in after:
        changes.append(Change(Cause.TEXT, None, "written" if after["texts"] else "removed"))
    return changes
