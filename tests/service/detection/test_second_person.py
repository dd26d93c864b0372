"""A second person publishes: nothing is public before, nobody answers their own, of two answers one counts."""

import json
from functools import partial

import pytest
from django.contrib.gis.geos import MultiPolygon

from detection.models import Alert, AuditEntry, Proposal, Review
from detection.reviews import services as reviews
from detection.reviews.claims import Claimed, Overtaken, claim_release, claim_take
from detection.reviews.edits import edit_take_back
from detection.reviews.proposals import needs_second, proposal_decline, proposal_waiting, proposal_withdraw
from detection.reviews.record import judgements
from detection.rules.verdicts import Verdict
from detection.selectors import reviews_standing
from tests.makers.reviews import at_the_same_moment, edit, publish, say
from tests.waiting import reread

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def two_highest_levels(settings):
    settings.SECOND_PERSON_FROM = "moderate"


@pytest.mark.parametrize("severity", ["moderate", "strong"])
def test_a_confirmation_is_public_only_when_a_second_person_agreed(make_alert, anna, ben, severity):
    alert = make_alert(severity=severity)
    proposal = say(alert, Verdict.CONFIRM, anna)
    assert (reread(alert).state, alert.transitions.count(), Review.objects.count()) == ("first", 1, 0)
    assert reviews_standing(alert=alert) == []
    assert not judgements().exists()
    review = publish(proposal, ben)
    assert (reread(alert).state, review.reviewer, review.proposal.decided_by) == ("confirmed", anna, ben)
    assert alert.transitions.last() == review.transition
    assert reviews_standing(alert=alert) == [review]
    assert [(one.actor, one.action) for one in AuditEntry.objects.order_by("id")] == [
        ("anna", "proposal.made"),
        ("ben", "review.confirm"),
    ]
    assert AuditEntry.objects.first().detail.startswith("proposed by anna; plausible")
    reviews.review_take_back(review=review, reviewer=ben)  # one person is enough to take trust away
    assert reread(alert).state == "first"


def test_of_minor_alerts_and_without_the_setting_one_person_confirms(make_alert, anna, settings):
    assert say(make_alert(severity="minor"), Verdict.CONFIRM, anna).transition
    settings.SECOND_PERSON_FROM = ""
    assert say(make_alert(severity="strong"), Verdict.CONFIRM, anna).transition
    assert not Proposal.objects.exists()


def test_lowering_the_importance_or_calling_it_at_rest_first_does_not_get_round_it(make_alert, anna):
    rest = make_alert(state="confirmed", severity="strong", rate_mm_yr=-90.0, peak_rate_mm_yr=-90.0, longitude=-10)
    say(rest, Verdict.FINISH, anna)
    assert reread(rest).severity == "minor"  # The verdict can be taken back, and then it is strong again.
    assert isinstance(edit(rest, anna, texts={"en": "All is well."}), Proposal)
    alert = make_alert(severity="strong")
    edit(alert, anna, severity="minor")
    assert reread(alert).severity == "minor"
    assert needs_second(alert=alert)
    minor = make_alert(severity="minor", state="confirmed", longitude=-11)
    assert isinstance(edit(minor, anna, severity="strong"), Proposal)
    assert reread(minor).severity == "minor"


def test_nobody_answers_their_own_and_nothing_is_answered_twice(make_alert, anna, ben, carl):
    alert = make_alert()
    proposal = say(alert, Verdict.CONFIRM, anna)
    with pytest.raises(ValueError, match="whoever proposed it"):
        publish(proposal, anna)
    with pytest.raises(ValueError, match="whoever proposed it"):
        proposal_decline(proposal=proposal, publisher=anna, answer="x")
    with pytest.raises(ValueError, match="already"):
        say(alert, Verdict.CONFIRM, ben)
    with pytest.raises(ValueError, match="only who proposed"):
        proposal_withdraw(proposal=proposal, proposer=ben)
    with pytest.raises(ValueError, match="say why"):
        proposal_decline(proposal=proposal, publisher=ben, answer=" ")
    proposal_decline(proposal=proposal, publisher=ben, answer="Look at the winter of 2021.")
    with pytest.raises(Overtaken):
        publish(proposal, carl)
    assert proposal_waiting(alert=alert) is None
    assert not Review.objects.exists()
    again = say(alert, Verdict.CONFIRM, anna)
    proposal_withdraw(proposal=again, proposer=anna)
    assert [one.outcome for one in alert.proposals.all()] == ["declined", "withdrawn"]


def test_another_verdict_or_change_ends_what_waits_and_a_late_publisher_is_refused(make_alert, anna, ben, carl):
    judged, changed = make_alert(), make_alert(longitude=-11)
    first, second = say(judged, Verdict.CONFIRM, anna), say(changed, Verdict.CONFIRM, anna)
    say(judged, Verdict.REJECT, carl)
    edit(changed, ben, kind="landslide")
    for late in (first, second):
        with pytest.raises(Overtaken):
            publish(late, ben, expected_state=Alert.objects.get(pk=late.alert_id).state)
    assert set(Proposal.objects.values_list("outcome", flat=True)) == {"overtaken"}


def test_whoever_saw_another_state_or_answers_what_a_colleague_holds_changes_nothing(make_alert, anna, ben, carl):
    alert = make_alert()
    proposal = say(alert, Verdict.CONFIRM, anna)
    claim_take(alert=alert, holder=carl)
    with pytest.raises(Claimed):
        publish(proposal, ben)
    with pytest.raises(Claimed):
        proposal_withdraw(proposal=proposal, proposer=anna)
    claim_release(alert=alert, holder=carl)
    Alert.objects.update(state="provisional")
    with pytest.raises(Overtaken):
        publish(Proposal.objects.get(), ben, expected_state="first")
    Alert.objects.update(state="finished")
    with pytest.raises(ValueError, match="decline it"):
        publish(Proposal.objects.get(), ben, expected_state="finished")
    assert proposal_waiting(alert=alert) == proposal


def test_a_change_of_what_is_published_waits_too_and_names_both_in_the_audit(make_alert, anna, ben):
    alert = make_alert(state="confirmed")
    before, later = alert.area, MultiPolygon(alert.area[0].buffer(0.005), srid=4326)
    proposal = edit(alert, anna, kind="landslide", area=later.geojson, texts={"en": "An old quarry."})
    assert (reread(alert).kind, alert.area.equals(before), alert.by_hand.texts) == ("subsidence", True, {})
    assert not alert.edits.exists()
    done = publish(proposal, ben)
    assert (reread(alert).kind, alert.area.equals(before)) == ("landslide", False)
    assert alert.by_hand.texts == {"en": "An old quarry."}
    assert (done.editor, done.proposal.decided_by, done.transition) == (anna, ben, alert.transitions.last())
    entry = AuditEntry.objects.get(action="edit")
    assert (entry.actor, json.loads(entry.detail)["proposed_by"]) == ("ben", "anna")
    edit_take_back(edit=done, editor=anna)
    assert (reread(alert).kind, alert.area.equals(before)) == ("subsidence", True)


@pytest.mark.django_db(transaction=True)
def test_of_two_publishers_at_the_same_moment_one_publishes(make_alert, anna, ben, carl):
    proposal = say(make_alert(), Verdict.CONFIRM, anna)
    seen = [Proposal.objects.select_related("alert").get(pk=proposal.pk) for _ in range(2)]
    outcomes = at_the_same_moment(*(partial(publish, *both) for both in zip(seen, (ben, carl), strict=True)))
    assert outcomes.count("overtaken") == 1
    assert Review.objects.count() == 1
