"""Several cases in one act: each whole or not at all, named where it was left, undone in one act."""

from datetime import timedelta

import pytest
from django.utils import timezone

from detection.models import Alert, AuditEntry, Detection, ReviewBatch, Scan
from detection.reviews.batches import batch_review, batch_take_back, cases_similar, may_take_back_batch
from detection.reviews.claims import claim_take
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
