"""Parts of a case that its public page lacks: map layers, neighbours, proposals, and its trail of changes and acts."""

import json
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.contrib.gis.geos import MultiPolygon
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from detection.by_hand import columns_set_by_hand, from_json, values_by_hand
from detection.kinds import row_of
from detection.models import Alert, Claim, Detection, FieldVisit, Proposal
from detection.reviews.edits import may_take_back_edit, undo_waits_for_second
from detection.reviews.proposals import may_take_along, needs_second, proposal_waiting
from detection.reviews.queue import alerts_near
from detection.reviews.services import MAX_NOTE_LENGTH, may_note, may_take_back
from detection.reviews.visits import Result
from detection.rules.lifecycle import State
from detection.rules.verdicts import REASONS, Reason, Verdict, verdicts_open
from detection.selectors import alert_by_code
from monitor.maps.map.context_tiles import overlays_available
from monitor.maps.rasters.catalogue import raster_group
from monitor.maps.rasters.layers import ARROW_LAYER, RASTER_LAYERS_BY_NAME
from monitor.pages.alerts.page import AlertBlocks
from monitor.pages.reviews.decisions import report_rows
from monitor.pages.reviews.visits import RESULT_WORDS, visit_block
from monitor.subscribers.reports.selectors import reports_near
from monitor.web.guards import account_in, may_publish, may_review
from monitor.wording.cards.cards import alert_cards, update_sentences
from monitor.wording.families import voice
from monitor.wording.figures import figure_rows
from monitor.wording.regions import distance_label
from monitor.wording.states import PROPOSE_FORM, VERDICT_FORMS, VERDICT_HEADINGS, in_language, state_label, step_reason

FIELDS = ("reason_code", "public_note", "internal_note")
OUTCOMES: dict[str, Promise] = {
    Proposal.Outcome.DECLINED: gettext_lazy("What was proposed was declined"),
    Proposal.Outcome.WITHDRAWN: gettext_lazy("What was proposed was withdrawn"),
    Proposal.Outcome.OVERTAKEN: gettext_lazy("What was proposed ended: the alert became another one"),
}


class CasePage(AlertBlocks):
    """Reviewers' page of an alert: the blocks of its public page, and what only reviewers see."""

    longest_note = MAX_NOTE_LENGTH

    def __init__(
        self, request: HttpRequest, alert: Alert, claim: Claim | None, draft: dict[str, str], fault: str
    ) -> None:
        """Read a case. claim: who holds it; draft: what the reviewer had entered; fault: why that was not recorded."""
        super().__init__(alert)
        self.figures = figure_rows(alert, everyone=False)
        waiting, is_reviewer = proposal_waiting(alert=alert), may_review(request.user)
        change = (waiting and waiting.change) or {}
        proposed = from_json(_wanted(alert, change, "area")) if "area" in change else None
        near = alerts_near(alert=alert)
        cards = alert_cards(near)
        self.rasters, self.overlays = _rasters(self.detections), overlays_available()
        shown = [(one.area, "detection", str(one.scan.prediction.run.input)) for one in self.detections]
        shown += [(one.area, "neighbour", card.code) for one, card in zip(near, cards, strict=True)]
        features = [_outline(*one) for one in ([(proposed, "proposed", "")] if proposed else []) + shown]
        self.outlines = {"type": "FeatureCollection", "features": features}
        self.neighbours = [
            {"card": card, "away": distance_label(away_m) if away_m >= 1 else _("touches it")}
            for away_m, card in zip((vars(one)["away_m"] for one in near), cards, strict=True)
        ]
        self.reports = report_rows(list(reports_near(area=alert.area))) if is_reviewer else []
        self.held = claim if claim and claim.holder == request.user else None
        self.claim = None if self.held else claim
        self.renew_seconds = int(settings.REVIEW_CLAIM_MINUTES * 60 / 3)
        self.proposal = proposal_panel(request, alert, waiting) if waiting else None
        self.visit = visit_block(request, alert)
        self.today = timezone.now().date().isoformat()
        self.verdicts = _verdicts(alert, waiting, account_in(request), draft)
        self.trail = trail_of(alert)
        self.fault = fault
        self.recorded = None if fault else recorded_verdict(request)


def recorded_verdict(request: HttpRequest) -> dict[str, Any] | None:
    """Return the reviewer's last verdict or proposal on the alert ?after=CODE; None if it cannot be taken back."""
    try:
        alert = alert_by_code(code=request.GET.get("after", ""))
    except Alert.DoesNotExist:
        return None
    waiting = proposal_waiting(alert=alert)
    if waiting and waiting.proposer_id == request.user.pk and waiting.confirms:
        reason = REASONS[Verdict.CONFIRM][waiting.reason_code].label
        return {"pk": waiting.pk, "alert": alert, "reason": in_language(reason), "proposed": True}
    review = alert.reviews.filter(reviewer=account_in(request)).last()
    if review is None or not may_take_back(review=review, alert=alert):
        return None
    return {"pk": review.pk, "alert": alert, "reason": in_language(review.reason.label)}


def _verdicts(alert: Alert, waiting: Proposal | None, person: User, draft: dict[str, str]) -> list[dict[str, Any]]:
    """Return the forms of the possible verdicts, without a confirmation that already waits for a second person."""
    proposes = needs_second(alert=alert)
    forms = {verdict: VERDICT_FORMS[verdict] for verdict in verdicts_open(State(alert.state))}
    if proposes and Verdict.CONFIRM in forms:
        forms[Verdict.CONFIRM] = PROPOSE_FORM
        if waiting and not may_take_along(proposal=waiting, person=person):
            del forms[Verdict.CONFIRM]
    return [
        _verdict(verdict, words, draft) | {"noted": may_note(alert=alert, verdict=verdict)}
        for verdict, words in forms.items()
    ]


def _verdict(verdict: Verdict, words: dict[str, Any], draft: dict[str, str]) -> dict[str, Any]:
    mine = draft if draft.get("verdict") == verdict else {}
    return {
        "value": verdict.value,
        "words": words,
        "reasons": [(code, Reason(*map(in_language, reason))) for code, reason in REASONS[verdict].items()],
        "open": bool(mine),
        **{name: mine.get(name, "") for name in (*FIELDS, "other", "visit_day", "visitor")},
        "remind": bool(mine.get("remind")) if mine else True,
    }


def _rasters(detections: list[Detection]) -> list[dict[str, Any]]:
    """Return the rasters behind a case for the map's script, one for each layer and date."""
    rasters = {}
    for prediction in (detection.scan.prediction for detection in detections):
        if shown_as := raster_group(prediction):
            layer = RASTER_LAYERS_BY_NAME[shown_as[0]]
            rasters[shown_as] = {
                "layer": shown_as[0],
                "group": shown_as[1],
                "label": f"{layer.label}, {prediction.run.input}",
                "caption": str(layer.caption),
                "arrows": layer is ARROW_LAYER,
                "fastest": layer.high,
            }
    return list(rasters.values())


def _outline(area: MultiPolygon, role: str, label: str) -> dict[str, Any]:
    properties = {"role": role, "label": label}
    return {"type": "Feature", "geometry": json.loads(area.geojson), "properties": properties}


def proposal_panel(request: HttpRequest, alert: Alert, proposal: Proposal) -> dict[str, Any]:
    """Return a proposal, its proposer and its changes in words, and whether the reader may answer it."""
    own = proposal.proposer_id == request.user.pk
    said = REASONS[Verdict.CONFIRM].get(proposal.reason_code)
    change = proposal.change or {}
    texts = (values_by_hand(columns_set_by_hand(alert)) | change)["texts"] or {}
    return {
        "row": proposal,
        "who": str(proposal.proposer or _("an account that is gone")),
        "own": own,
        "may_answer": may_publish(request.user) and not own,
        "reason": capfirst(in_language(said.label)) if said else "",
        "note": in_language(proposal.public_note),
        "changes": _changes(alert, change),
        "texts": [(code, name, texts[code]) for code, name in settings.LANGUAGES if code in texts],
    }


def _wanted(alert: Alert, change: dict[str, Any], name: str) -> Any:
    """Return the value that a change gives to a field: the value set by hand or, for None, the computed one."""
    set_by_hand = columns_set_by_hand(alert)
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
        what = _("Proposed to confirm it") if proposal.confirms else _("Proposed to change it")
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
