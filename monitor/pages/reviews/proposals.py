"""What waits for a second person, as the page of its case shows it."""

from typing import Any

from django.conf import settings
from django.contrib.gis.geos import MultiPolygon
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from detection.by_hand import by_hand_of, from_json
from detection.kinds import row_of
from detection.models import Alert, Proposal
from detection.rules.verdicts import REASONS, Verdict
from monitor.web.guards import may_publish
from monitor.wording.families import voice
from monitor.wording.states import in_language


def proposal_panel(request: HttpRequest, alert: Alert, proposal: Proposal) -> dict[str, Any]:
    """Return who proposed what and when, and whether the reader may answer."""
    own = proposal.proposer_id == request.user.pk
    said = REASONS[Verdict.CONFIRM].get(proposal.reason_code)
    return {
        "row": proposal,
        "who": str(proposal.proposer or _("an account that is gone")),
        "own": own,
        "may_answer": may_publish(request.user) and not own,
        "reason": capfirst(in_language(said.label)) if said else "",
        "note": in_language(proposal.public_note),
        "changes": _changes(alert, proposal.change) if proposal.change else [],
        "texts": _texts(proposal.change or {}),
    }


def proposed_area(*, alert: Alert, proposal: Proposal) -> MultiPolygon | None:
    """Return the outline that a change would bring; None where it stays."""
    return from_json(_wanted(alert, proposal.change, "area")) if "area" in (proposal.change or {}) else None


def _wanted(alert: Alert, change: dict[str, Any], name: str) -> Any:
    """Return the new value of a column: what was set, or what the computer computed."""
    set_by_hand = by_hand_of(alert)
    return change[name] if change[name] is not None or set_by_hand is None else set_by_hand.computed.get(name)


def _changes(alert: Alert, change: dict[str, Any]) -> list[str]:
    lines = []
    if "kind" in change:
        lines.append(_("Kind: %(kind)s") % {"kind": row_of(_wanted(alert, change, "kind")).label})
    if "severity" in change:
        grade = voice(alert.kind).severity(_wanted(alert, change, "severity"))
        lines.append(capfirst(grade.label))
    if "area" in change:
        lines.append(_("Outline: the thick dashed line on the map"))
    if "texts" in change and not change["texts"]:
        lines.append(_("Public text: removed"))
    return lines


def _texts(change: dict[str, Any]) -> list[tuple[str, str, str]]:
    texts = change.get("texts") or {}
    return [(code, name, texts[code]) for code, name in settings.LANGUAGES if code in texts]
