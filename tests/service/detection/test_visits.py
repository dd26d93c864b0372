"""Visits on site: due from their day, reported once, with the verdict in the same step."""

from datetime import timedelta

import pytest
from django.utils import timezone

from detection import selectors
from detection.models import AuditEntry, FieldVisit
from detection.reviews.claims import Claimed, Overtaken, claim_take
from detection.reviews.notes import Given
from detection.reviews.outlines import Unfit
from detection.reviews.queue import Wanted, cases_wanted, sort_cases
from detection.reviews.services import review_take_back
from detection.reviews.visits import Plan, results_that_judge, visit_of, visit_plan, visit_report, visits_coming

pytestmark = pytest.mark.django_db


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


def test_a_visit_is_planned_for_a_day_to_come_and_a_plan_that_is_taken_back_is_none(alert, anna):
    for days in (-1, 1000):
        with pytest.raises(Unfit):
            plan(alert, anna, days=days)
    assert not alert.reviews.exists()
    visit = plan(alert, anna)
    review_take_back(review=visit.review, reviewer=anna)
    assert (visit_of(alert=alert), waiting(anna, visit="due")) == (None, [])
