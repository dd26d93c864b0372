"""Verdicts: one wins, everything can be taken back, and the audit is kept by the database itself."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from detection import selectors
from detection.kinds import family
from detection.models import Alert, AlertRelation, AlertTransition, AuditEntry, Claim, Review
from detection.reviews import claims
from detection.reviews import services as reviews
from detection.rules.lifecycle import State, may_become
from detection.rules.verdicts import REASONS, STATE_AFTER, Verdict, verdicts_open
from tests.makers.people import account
from tests.makers.reviews import at_the_same_moment, say
from tests.waiting import reread

pytestmark = pytest.mark.django_db


@pytest.fixture
def make_alert(make_alert):
    """A provisional alert, before whatever happens to it."""

    def make(state="provisional", **more) -> Alert:
        alert = make_alert(state=state, **more)
        alert.transitions.all().delete()
        return alert

    return make


@pytest.fixture
def alert(make_alert) -> Alert:
    return make_alert()


def test_a_verdict_changes_state_and_date_leaves_three_rows_and_never_names_the_reviewer(alert, anna):
    before = alert.updated_at
    review = say(alert, Verdict.REJECT, anna, "surface", public_note="Snow until May.", internal_note="see winter 2021")
    assert reread(alert).state == "rejected"
    assert alert.updated_at > before
    step = alert.transitions.get()
    assert (step.from_state, step.to_state, step.actor) == ("provisional", "rejected", "a specialist")
    assert "anna" not in step.reason
    assert review.transition == step
    assert (review.public_note, review.internal_note, review.reviewer) == ("Snow until May.", "see winter 2021", anna)
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.subject) == ("anna", "review.reject", alert.code)
    assert (entry.before, entry.after) == ("provisional", "rejected")
    assert "Snow until May." in entry.detail


@pytest.mark.parametrize("verdict", [Verdict.CONFIRM, Verdict.REJECT, Verdict.FIELD_VISIT])
def test_every_verdict_can_be_taken_back_with_an_audit_row_of_its_own(alert, anna, ben, verdict):
    review, is_visit = say(alert, verdict, anna), verdict is Verdict.FIELD_VISIT
    assert (reread(alert).state == "provisional", review.transition is None) == (is_visit, is_visit)
    assert review.public_note == next(iter(REASONS[verdict].values())).sentence  # without an own note
    assert AuditEntry.objects.get().action == f"review.{verdict}"
    assert selectors.reviews_standing(alert=alert) == [review]
    back = reviews.review_take_back(review=review, reviewer=ben)
    assert reread(alert).state == "provisional"
    assert back.takes_back == review
    assert selectors.reviews_standing(alert=alert) == []
    with pytest.raises(ValueError, match=r"no longer|changed"):
        reviews.review_take_back(review=review, reviewer=anna)
    entry = AuditEntry.objects.first()
    assert (entry.actor, entry.action, entry.after) == ("ben", "review.taken-back", "provisional")
    assert AuditEntry.objects.count() == 2


def test_a_row_of_verdicts_is_taken_back_one_by_one_from_the_last(alert, anna):
    first = say(alert, Verdict.CONFIRM, anna)
    second = say(alert, Verdict.REJECT, anna)
    with pytest.raises(ValueError, match=r"no longer|changed"):
        reviews.review_take_back(review=first, reviewer=anna)
    reviews.review_take_back(review=second, reviewer=anna)
    assert reread(alert).state == "confirmed"
    assert selectors.reviews_standing(alert=alert) == [first]
    reviews.review_take_back(review=first, reviewer=anna)
    assert reread(alert).state == "provisional"


def test_whoever_saw_an_older_state_is_refused_and_changes_nothing(alert, anna, ben):
    seen_by_ben = Alert.objects.get(pk=alert.pk)
    say(alert, Verdict.CONFIRM, anna)
    with pytest.raises(claims.Overtaken, match="somebody else"):
        say(seen_by_ben, Verdict.REJECT, ben, expected_state="provisional")
    assert reread(alert).state == "confirmed"
    assert Review.objects.count() == AuditEntry.objects.count() == AlertTransition.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_who_answer_at_the_same_moment_one_wins_and_one_is_refused(alert, anna, ben):
    answers = ((Verdict.CONFIRM, anna), (Verdict.REJECT, ben))
    outcomes = at_the_same_moment(*(partial(say, Alert.objects.get(pk=alert.pk), *answer) for answer in answers))
    assert outcomes.count("overtaken") == 1
    assert Review.objects.count() == AuditEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("verdict", "wrong", "why"),
    [
        (Verdict.CONFIRM, {"reason_code": "atmosphere"}, "no reason"),
        (Verdict.REJECT, {"reason_code": ""}, "no reason"),
        (Verdict.TAKEN_BACK, {"reason_code": "taken-back"}, "no reason"),
        (Verdict.CONFIRM, {"public_note": "x" * 1001}, "shorten"),
    ],
)
def test_what_does_not_fit_the_verdict_is_refused(alert, anna, verdict, wrong, why):
    with pytest.raises(ValueError, match=why):
        say(alert, verdict, anna, **wrong)
    assert not Review.objects.exists()


def test_a_finished_alert_is_not_judged_any_more_and_from_every_verdict_a_way_leads_back(make_alert, anna):
    for judged in STATE_AFTER.values():
        assert all(may_become(judged, state) for state in selectors.UNREVIEWED_STATES)
    done = make_alert(state="finished")
    assert verdicts_open(State.FINISHED) == []
    for verdict in STATE_AFTER:
        with pytest.raises(ValueError, match="cannot be answered"):
            say(done, verdict, anna)


@pytest.mark.parametrize(
    "order",
    [
        "UPDATE detection_auditentry SET actor = 'nobody'",
        "DELETE FROM detection_auditentry",
        "TRUNCATE detection_auditentry",
        "TRUNCATE detection_auditentry CASCADE",
    ],
)
def test_the_database_refuses_to_change_delete_or_empty_the_audit(alert, anna, order):
    say(alert, Verdict.CONFIRM, anna)
    with pytest.raises(DatabaseError, match="only added to"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(order)
    assert AuditEntry.objects.get().actor == "anna"


def test_a_review_outlives_its_reviewers_account_and_the_audit_the_alert_too(alert, anna):
    code, review = alert.code, say(alert, Verdict.REJECT, anna)
    anna.delete()
    assert reread(review).reviewer is None
    alert.delete()
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.subject) == ("anna", code)


def test_who_looks_first_holds_one_alert_until_the_lease_ends_or_there_is_a_verdict(make_alert, alert, anna, ben):
    mine = claims.claim_take(alert=alert, holder=anna)
    assert claims.claim_take(alert=alert, holder=ben).holder == anna
    assert claims.claim_take(alert=alert, holder=anna).since == mine.since
    Claim.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert selectors.claims_living(now=timezone.now()) == {}
    assert claims.claim_take(alert=alert, holder=ben).holder == ben
    other = make_alert()
    claims.claim_take(alert=other, holder=ben)
    assert list(selectors.claims_living(now=timezone.now())) == [other.pk]
    say(other, Verdict.CONFIRM, ben)
    assert selectors.claims_living(now=timezone.now()) == {}


def test_what_somebody_holds_is_decided_by_nobody_else_until_it_is_let_go(alert, anna, ben):
    review = say(alert, Verdict.FIELD_VISIT, anna)
    claims.claim_take(alert=alert, holder=anna)
    with pytest.raises(claims.Claimed, match="held by anna"):
        say(alert, Verdict.CONFIRM, ben)
    with pytest.raises(claims.Claimed, match="held by anna"):
        reviews.review_take_back(review=review, reviewer=ben)
    claims.claim_release(alert=alert, holder=ben)
    with pytest.raises(claims.Claimed, match="held by anna"):
        claims.lock(alert, ben)
    claims.claim_release(alert=alert, holder=anna)
    assert say(alert, Verdict.CONFIRM, ben).reviewer == ben


def test_a_claim_is_renewed_while_nobody_has_taken_it_and_lost_afterwards(alert, anna, ben, settings):
    settings.REVIEW_CLAIM_MINUTES = 3
    first = claims.claim_take(alert=alert, holder=anna)
    assert first.until - first.since == timedelta(minutes=3)
    Claim.objects.update(until=timezone.now() - timedelta(seconds=1))  # the laptop slept
    assert claims.claim_renew(alert=alert, holder=anna).until > timezone.now()
    Claim.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert claims.claim_take(alert=alert, holder=ben).holder == ben
    assert claims.claim_renew(alert=alert, holder=anna) is None
    assert Claim.objects.get().holder == ben


@pytest.mark.django_db(transaction=True)
def test_of_two_who_open_a_case_at_the_same_moment_one_holds_it_and_both_know_who(alert, anna, ben):
    for expired in (False, True):  # a case that nobody held, and one whose time is over
        if expired:
            Claim.objects.update(until=timezone.now() - timedelta(seconds=1), holder=account("carl"))
        taken = at_the_same_moment(*(partial(claims.claim_take, alert=alert, holder=one) for one in (anna, ben)))
        assert {Claim.objects.get().holder} == {claim.holder for claim in taken}


def test_a_duplicate_ends_names_the_other_and_comes_back_when_that_is_taken_back(make_alert, anna):
    alert, other = make_alert(), make_alert(state="confirmed")
    review = say(alert, Verdict.DUPLICATE, anna, other=other)
    assert Alert.objects.get(pk=alert.pk).state == "merged"
    assert review.transition.reason == f"the same place as alert {other.code}"
    relation = AlertRelation.objects.get()
    assert (relation.alert, relation.other, relation.relation) == (alert, other, "merged-into")
    assert selectors.followed_as(alert=alert) == other
    reviews.review_take_back(review=review, reviewer=anna)
    assert Alert.objects.get(pk=alert.pk).state == "provisional"
    assert not AlertRelation.objects.exists()
    assert [one.action for one in AuditEntry.objects.all()] == ["review.taken-back", "review.duplicate"]


def test_a_duplicate_of_itself_of_nothing_or_of_what_is_over_is_refused(make_alert, alert, anna):
    surge = make_alert(kind="glacier-surge")
    for other in (None, alert, make_alert(state="rejected"), make_alert(simulated=True), surge):
        with pytest.raises(ValueError, match=r"names another|itself|not followed|another kind"):
            say(alert, Verdict.DUPLICATE, anna, other=other)
    assert not Review.objects.exists()


def test_of_merged_alerts_only_duplicates_catch_what_is_seen_again_on_their_ground(make_alert, anna):
    alert, other, by_computer = make_alert(), make_alert(), make_alert(state="merged")
    say(alert, Verdict.DUPLICATE, anna, other=other)
    touching = selectors.alerts_touching(area=alert.area, family=family(alert.kind), extent=alert.extent)
    assert set(touching) == {alert, other}
    assert by_computer not in touching
