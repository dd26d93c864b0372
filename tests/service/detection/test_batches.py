"""Several cases in one act, whole or not at all, undone in one; visits on site, with the verdict in the same step."""

from datetime import timedelta

import pytest
from django.utils import timezone

from detection import selectors
from detection.models import Alert, AuditEntry, Detection, FieldVisit, ReviewBatch, Scan
from detection.reviews.batches import batch_review, batch_take_back, cases_similar, may_take_back_batch
from detection.reviews.claims import Claimed, claim_take
from detection.reviews.notes import Given
from detection.reviews.outlines import Unfit
from detection.reviews.queue import Wanted, cases_wanted, sort_cases
from detection.reviews.services import Overtaken, review_take_back
from detection.reviews.visits import Plan, results_that_judge, visit_of, visit_plan, visit_report, visits_coming
from detection.rules.verdicts import Verdict
from tests.makers.pairs import make_dates
from tests.makers.reviews import say

pytestmark = pytest.mark.django_db


def decide(alerts, by, verdict=Verdict.REJECT, reason="surface", **more):
    cases = {alert.pk: alert.state for alert in alerts}
    fields = {"verdict": verdict, "reason_code": reason, "public_note": "", "internal_note": "", "reviewer": by}
    return batch_review(cases=cases, **fields | more)


def states() -> list[str]:
    return list(Alert.objects.order_by("pk").values_list("state", flat=True))


def test_one_act_decides_all_and_one_act_takes_all_back(make_alert, anna):
    alerts = [make_alert(longitude=place) for place in (1.0, 1.1, 1.2)]
    batch = decide(alerts, anna, public_note="Snow.")
    assert states() == ["rejected"] * 3
    assert batch.skipped == []
    assert {review.public_note for review in batch.row.reviews.all()} == {"Snow."}
    entry = AuditEntry.objects.get(action="batch.reject")
    assert entry.subject == f"batch {batch.row.pk}"
    assert all(alert.code in entry.detail for alert in alerts)
    assert may_take_back_batch(batch=batch.row)
    undone = batch_take_back(batch=batch.row, reviewer=anna)
    assert (len(undone.done), undone.skipped) == (3, [])
    assert states() == [alert.state for alert in alerts]
    assert not may_take_back_batch(batch=batch.row)
    assert AuditEntry.objects.filter(action="batch.taken-back").count() == 1


def test_what_another_holds_or_has_changed_is_named_and_left_as_it_is(make_alert, anna, ben):
    free, held, changed = (make_alert(longitude=place) for place in (1.0, 1.1, 1.2))
    claim_take(alert=held, holder=ben)
    Alert.objects.filter(pk=changed.pk).update(state="confirmed")
    batch = decide([free, held, changed], anna)
    assert batch.done == [free]
    assert [(one.alert, one.holder) for one in batch.skipped] == [(held, "ben"), (changed, "")]
    assert states() == ["rejected", held.state, "confirmed"]
    assert not held.reviews.exists()


def test_an_act_that_decides_nothing_leaves_nothing(make_alert, anna, ben):
    held = make_alert(longitude=1.0)
    claim_take(alert=held, holder=ben)
    assert decide([held], anna).row is None
    for wrong in ({"verdict": Verdict.DUPLICATE, "reason": "same-place"}, {"public_note": "x" * 1001}):
        with pytest.raises(ValueError, match=r"at once|shorten"):
            decide([held], anna, **wrong)
    assert not ReviewBatch.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_verdict_that_life_went_on_from_stays_when_the_others_are_taken_back(make_alert, anna):
    first, second = make_alert(longitude=1.0), make_alert(longitude=1.1)
    batch = decide([first, second], anna)
    second.refresh_from_db()
    say(second, Verdict.CONFIRM, anna)
    undone = batch_take_back(batch=batch.row, reviewer=anna)
    assert undone.done == [first]
    assert [one.alert for one in undone.skipped] == [second]
    assert states() == [first.state, "confirmed"]


def test_similar_cases_are_of_one_kind_and_near_in_data_or_in_time_and_place(make_alert):
    scan = Scan.objects.create(prediction=make_dates(n=2)[0], thresholds={})
    one, far, other = make_alert(), make_alert(longitude=40.0), make_alert(longitude=40.0, kind="uplift")
    for alert in (one, far, other):
        Detection.objects.create(scan=scan, alert=alert, score=0.9, n_points=9, area=alert.area, area_m2=1e6)
    near = make_alert(longitude=-11.9)
    assert cases_similar(alert=one) == [near, far]
    Alert.objects.filter(pk=near.pk).update(created_at=timezone.now() - timedelta(days=30))
    assert cases_similar(alert=one) == [far]


@pytest.fixture
def alert(make_alert):
    return make_alert(longitude=1.0, state="first")


def plan(alert, by, days: int = 0):
    day = timezone.now().date() + timedelta(days=days)
    return visit_plan(alert=alert, plan=Plan(day, by), by=by, expected_state=alert.state)


def waiting(person, **wanted) -> list:
    return list(cases_wanted(wanted=Wanted(**wanted), person=person, now=timezone.now()))


def test_a_visit_is_due_from_its_day_until_it_is_reported(alert, anna, make_alert):
    other = make_alert(longitude=1.5, state="first", severity="minor")
    plan(alert, anna, days=3)
    assert (waiting(anna, visit="due"), waiting(anna, visit="planned")) == ([], [alert])
    cases = cases_wanted(wanted=Wanted(), person=anna, now=timezone.now())
    assert sort_cases(cases=cases, now=timezone.now())[-1] == alert.pk
    assert visits_coming(visitor=anna) == []
    visit = plan(alert, anna)
    assert (waiting(anna, visit="due"), waiting(anna, visit="planned")) == ([alert], [])
    assert sort_cases(cases=cases.all(), now=timezone.now())[0] in {alert.pk, other.pk}
    assert visits_coming(visitor=anna) == [visit]
    assert list(FieldVisit.objects.values_list("result", flat=True).order_by("pk")) == ["moved", ""]
    assert len(selectors.reviews_standing(alert=alert)) == 1
    photo = Given("a.pdf", b"%PDF-1.7 of a crack")
    visit_report(visit=visit, by=anna, result="unreached", text="The bridge is closed.", files=[photo])
    visit.refresh_from_db()
    assert (visit.note.text, visit.note.files.get().name, visit.reported_by) == ("The bridge is closed.", "a.pdf", anna)
    assert (waiting(anna, visit="due"), visit_of(alert=alert)) == ([], None)
    assert selectors.reviews_standing(alert=alert) == []  # nobody is to come any more
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert actions == {"review.field-visit", "visit.planned", "note", "visit.reported"}


@pytest.mark.parametrize(("result", "state"), [("seen", "confirmed"), ("nothing", "rejected")])
def test_a_result_becomes_a_verdict_in_one_step(alert, anna, result, state):
    visit = plan(alert, anna)
    visit_report(visit=visit, by=anna, result=result, judge=True, expected_state="first")
    alert.refresh_from_db()
    assert alert.state == state
    assert results_that_judge(state="confirmed") == ["nothing"]


def test_a_step_that_cannot_be_taken_whole_leaves_nothing(alert, anna, ben):
    visit = plan(alert, anna)
    claim_take(alert=alert, holder=ben)
    with pytest.raises(Claimed):
        visit_report(visit=visit, by=anna, result="seen", text="Cracks.", judge=True, expected_state="first")
    for wrong in ({"result": "moved"}, {"result": "unreached", "judge": True}):
        with pytest.raises(Unfit):
            visit_report(visit=visit, by=anna, **wrong)
    assert not alert.notes.exists()
    visit_report(visit=visit, by=anna, result="seen")  # what was seen is no verdict
    with pytest.raises(Overtaken):
        visit_report(visit=visit, by=ben, result="nothing")


@pytest.mark.parametrize("days", [-1, 1000])
def test_a_visit_is_planned_for_a_day_to_come(alert, anna, days):
    with pytest.raises(Unfit):
        plan(alert, anna, days=days)
    assert not alert.reviews.exists()


def test_a_plan_that_is_taken_back_is_no_visit(alert, anna):
    visit = plan(alert, anna)
    review_take_back(review=visit.review, reviewer=anna)
    assert (visit_of(alert=alert), waiting(anna, visit="due")) == (None, [])
